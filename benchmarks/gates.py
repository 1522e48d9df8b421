"""Measure the gates on hostile and benign skills: recall by source, false alarms, matched pairs, speed.

The rules are written by hand, so that nothing is fitted here; figures are given for each source alone.
"""

import gzip
import json
import re
import statistics
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

from benchmarks.command import Figures, run
from hivemind.domain.skills import Finding, SkillDocument
from hivemind.errors import HivemindError
from hivemind.library import document, gates, lenient
from hivemind.library.gates import injection, portability, spec

SKILLS = "poisoned_skills/skills.jsonl.gz"
SNIPPETS = "poisoned_skills/snippets.jsonl.gz"
CORPUS = "skills/corpus.jsonl.gz"
#: Gates that judge what a skill does; the others judge its form.
_SAFETY = frozenset({"injection", "secrets"})
_REASONS = 12
#: Real skills that one-liners are put into, and their least length in characters.
_HOSTS, _LONG = 50, 3_000
#: What one source calls an attack that its skill's subject does not give away.
_CONTEXTUAL = "+context-"
_PLACE = re.compile(r"Line \d+ of (?:the )?\S+ ")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Verdict:
    refused: bool  #: by a gate that judges what the skill does
    warned: bool  #: by such a gate, whether refused too or not
    malformed: bool  #: refused by a gate that judges its form, or for one model alone
    unspecified: bool = False  #: read only by a reader that forgives
    reasons: frozenset[str] = frozenset()


def measure(folder: Path) -> Figures:
    """Return every figure of the gates over one folder of data."""
    return {
        **_poisoned(folder / SKILLS),
        **_snippets(folder / SNIPPETS),
        **_inside(folder / SNIPPETS, folder / CORPUS),
        **_corpus(folder / CORPUS),
    }


def _poisoned(path: Path) -> dict[str, float | str]:
    groups = defaultdict[str, list[_Verdict]](list)
    attacked = defaultdict[str, list[_Verdict]](list)
    harmless = dict[str, _Verdict]()
    for row in _records(path):
        verdict = _judge(row["files"])
        groups[f"{_kind(row)} {row['source']}"].append(verdict)
        groups[f"{_kind(row)} all"].append(verdict)
        if row["pair"] and row["label"] == "benign":
            harmless[row["pair"]] = verdict
        elif row["pair"]:
            attacked[row["pair"]].append(verdict)
    return {**_shares(groups), **_pairs(attacked, harmless)}


def _kind(row: Mapping[str, Any]) -> str:
    if row["label"] == "benign":
        return "benign"
    return "contextual" if _CONTEXTUAL in row["name"] else "overt"


def _pairs(
    attacked: Mapping[str, list[_Verdict]], harmless: Mapping[str, _Verdict]
) -> dict[str, float | str]:
    """Compare skills with an attack put in to the same skills without it."""
    both = [
        (verdict, harmless[name])
        for name, verdicts in attacked.items()
        if name in harmless
        for verdict in verdicts
    ]
    told_apart = sum(attack.refused and not clean.refused for attack, clean in both)
    return {"pairs": len(both), "pairs told apart": told_apart / max(1, len(both))}


def _snippets(path: Path) -> dict[str, float | str]:
    groups = defaultdict[str, list[_Verdict]](list)
    for row in _records(path):
        seen = injection.judged(row["text"])
        refused = any(signal.refuses for signal in seen)
        groups[f"one-line {row['label']}"].append(
            _Verdict(refused=refused, warned=bool(seen), malformed=False)
        )
    return _shares(groups)


def _inside(snippets: Path, corpus: Path) -> dict[str, float | str]:
    """Put each hostile one-liner into the middle of a long real skill of which nothing is told."""
    bodies = (row["body"].split("\n") for row in _records(corpus) if len(row["body"]) > _LONG)
    hosts = list(islice((lines for lines in bodies if not injection.judged("\n".join(lines))), _HOSTS))
    hostile = [row["text"] for row in _records(snippets) if row["label"] == "malicious"]
    seen = 0
    for number, text in enumerate(hostile):
        lines = hosts[number % len(hosts)]
        half = len(lines) // 2
        seen += bool(injection.judged("\n".join([*lines[:half], "", text, "", *lines[half:]])))
    return {"one-line malicious inside a skill: refused or warned": seen / max(1, len(hostile))}


def _corpus(path: Path) -> dict[str, float | str]:
    verdicts, reasons, times_ms = [], Counter[str](), list[float]()
    one_model = Counter[bool]()
    for row in _records(path):
        skill = SkillDocument(name=row["name"], description=row["description"], body=row["body"])
        started = time.process_time()
        list(injection.check(skill, gates.GateContext()))
        times_ms.append(1000 * (time.process_time() - started))
        found = gates.check(skill, gates.GateContext(person_authored=True))
        verdict = _verdict(finding for finding in found if finding.gate != "grounding")
        verdicts.append(verdict)
        reasons.update(verdict.reasons)
        one_model.update({finding.blocking for finding in found if finding.gate == portability.name})
    common = {f"corpus refused: {reason}": count for reason, count in reasons.most_common(_REASONS)}
    return {
        **_shares({"corpus": verdicts}),
        **common,
        "corpus: refused as for one model": one_model[True] / max(1, len(verdicts)),
        "corpus: names a model": one_model[False] / max(1, len(verdicts)),
        "injection gate, median ms": statistics.median(times_ms),
        "injection gate, 95th percentile ms": statistics.quantiles(times_ms, n=20)[-1],
    }


def _shares(groups: Mapping[str, list[_Verdict]]) -> dict[str, float | str]:
    figures: dict[str, float | str] = {}
    for name, verdicts in sorted(groups.items()):
        figures[f"{name}: number"] = len(verdicts)
        figures[f"{name}: refused"] = statistics.fmean(verdict.refused for verdict in verdicts)
        figures[f"{name}: refused or warned"] = statistics.fmean(verdict.warned for verdict in verdicts)
        if any(verdict.malformed for verdict in verdicts):
            figures[f"{name}: refused for its form"] = statistics.fmean(v.malformed for v in verdicts)
        if any(verdict.unspecified for verdict in verdicts):
            figures[f"{name}: not as specified"] = statistics.fmean(v.unspecified for v in verdicts)
    return figures


def _judge(files: Mapping[str, str]) -> _Verdict:
    text = files["SKILL.md"]
    found = list[Finding]()
    try:
        read = lenient.read(text, folder="")
    except HivemindError as error:
        found += [Finding(gate="spec", message=str(error)), *gates.check_text(text, where="file")]
    else:
        context = gates.GateContext(person_authored=True, unknown_keys=read.parsed.unknown_keys)
        checked = gates.check(read.parsed.document, context)
        found += [finding for finding in checked if finding.gate != "grounding"]
    beside = [(name, other) for name, other in files.items() if name != "SKILL.md"]
    found += [finding for _, finding in gates.check_beside(beside)]
    return replace(_verdict(found), unspecified=_is_unspecified(text))


def _is_unspecified(text: str) -> bool:
    try:
        found = spec.check(document.parse(text), gates.GateContext(person_authored=True))
        return any(finding.blocking for finding in found)
    except HivemindError:
        return True


def _verdict(findings: Iterable[Finding]) -> _Verdict:
    findings = list(findings)
    safety = [finding for finding in findings if finding.gate in _SAFETY]
    return _Verdict(
        refused=any(finding.blocking for finding in safety),
        warned=bool(safety),
        malformed=any(finding.blocking for finding in findings if finding.gate not in _SAFETY),
        reasons=frozenset(_reason(finding.message) for finding in safety if finding.blocking),
    )


def _reason(message: str) -> str:
    return re.split(r" \(|; remove", _PLACE.sub("", message))[0]


def _records(path: Path) -> Iterator[Any]:
    with gzip.open(path, "rb") as lines:
        yield from map(json.loads, lines)


if __name__ == "__main__":
    raise SystemExit(run("gates", measure, needs=(SKILLS, SNIPPETS, CORPUS)))
