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
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.command import Figures, run
from hivemind.domain.skills import Finding, SkillDocument
from hivemind.errors import HivemindError
from hivemind.library import document, gates
from hivemind.library.gates import injection

SKILLS = "poisoned_skills/skills.jsonl.gz"
SNIPPETS = "poisoned_skills/snippets.jsonl.gz"
CORPUS = "skills/corpus.jsonl.gz"
#: Gates that judge what a skill does; the others judge its form.
_SAFETY = frozenset({"injection", "secrets"})
_REASONS = 12
#: What one source calls an attack that its skill's subject does not give away.
_CONTEXTUAL = "+context-"
_PLACE = re.compile(r"Line \d+ of (?:the )?\S+ ")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Verdict:
    refused: bool  #: by a gate that judges what the skill does
    warned: bool  #: by such a gate, whether refused too or not
    malformed: bool  #: refused by a gate that judges its form
    reasons: frozenset[str] = frozenset()


def measure(folder: Path) -> Figures:
    """Return every figure of the gates over one folder of data."""
    return {**_poisoned(folder / SKILLS), **_snippets(folder / SNIPPETS), **_corpus(folder / CORPUS)}


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


def _corpus(path: Path) -> dict[str, float | str]:
    verdicts, reasons, times_ms = [], Counter[str](), []
    for row in _records(path):
        skill = SkillDocument(name=row["name"], description=row["description"], body=row["body"])
        started = time.process_time()
        list(injection.check(skill, gates.GateContext()))
        times_ms.append(1000 * (time.process_time() - started))
        found = gates.check(skill, gates.GateContext(person_authored=True))
        verdict = _verdict(finding for finding in found if finding.gate != "grounding")
        verdicts.append(verdict)
        reasons.update(verdict.reasons)
    common = {f"corpus refused: {reason}": count for reason, count in reasons.most_common(_REASONS)}
    return {
        **_shares({"corpus": verdicts}),
        **common,
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
    return figures


def _judge(files: Mapping[str, str]) -> _Verdict:
    text = files["SKILL.md"]
    found = list[Finding]()
    try:
        read = document.inspect(text)
    except HivemindError as error:
        found += [Finding(gate="spec", message=str(error)), *gates.check_text(text, where="file")]
    else:
        context = gates.GateContext(person_authored=True, unknown_keys=read.unknown_keys)
        found += [finding for finding in gates.check(read.document, context) if finding.gate != "grounding"]
    for name, other in files.items():
        if name != "SKILL.md":
            found += gates.check_text(other, where=name)
    return _verdict(found)


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
