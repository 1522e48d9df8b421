"""Measure an episode in numbers that mean the same whatever the task: what the model of outcomes reads."""

import json
import math
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from hivemind.distill import commands, phrases
from hivemind.distill.episodes import Episode, Moment, Said
from hivemind.distill.session_view import Call, Prompt


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_WRITES = _words(
    """
    add apply approve archive assign book buy cancel change charge close commit confirm create delete
    deploy disable drop edit enable exchange execute fix insert issue make merge modify move open
    order patch pay
    place post publish purchase push put redeem refund register remove rename replace reply reserve
    reset return
    revert save schedule send set sign submit subscribe swap transfer update upgrade upload write
    """
)
_READS = _words(
    """
    calculate check count describe examine fetch find get goto grep inspect list load look lookup open query
    read search show think todo verify view watch
    """
)
_HANDS_OVER = _words("escalate handoff handover human transfer")
_VALUE = re.compile(r"[^\s,;\"'()\[\]{}]{3,60}")
_ITEM = re.compile(r"\b(?:and|also|another|both|two|three|all|each|additionally|plus|then|as well)\b", re.I)
_CONDITION = re.compile(
    r"\b(?:if|unless|otherwise|except|only|cheapest|most expensive|least|largest|smallest|same|similar|prefer"
    r"(?:ably)?|instead|actually|changed? my mind|how many|how much|total)\b",
    re.I,
)
_MAX_TEXT_CHARS = 200_000


def kind_of(call: Call, episode: Episode) -> str:
    """Say whether a call looked (`read`), changed something (`write`), gave up (`handover`) or else ``."""
    if call.tool_name in episode.edit_tools:
        return "write"
    if call.tool_name in episode.shell_tools:
        steps = commands.steps(call.text)
        return "write" if any(step.program not in commands.LOOKING for step in steps) else "read"
    words = [word.lower() for word in _CAMEL.sub("_", call.tool_name).split("_") if word]
    if any(word in _HANDS_OVER for word in words):
        return "handover"
    if words and words[0] in _READS:
        return "read"
    return "write" if any(word in _WRITES for word in words) else "read"


def leaves(value: Any) -> Iterator[str]:
    """Give the values in a call's input, in order."""
    if isinstance(value, dict):
        for inner in value.values():
            yield from leaves(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from leaves(inner)
    elif isinstance(value, str | int | float) and not isinstance(value, bool):
        yield str(value)


def same_call(call: Call) -> str:
    """Give what makes two calls the same."""
    return (
        f"{call.tool_name}\0{json.dumps(call.data, sort_keys=True, default=str) if call.data else call.text}"
    )


def _log(number: float) -> float:
    return math.log1p(max(0.0, number))


def _share(part: float, of: float) -> float:
    return part / of if of else 0.0


def measure(episode: Episode) -> dict[str, float]:
    """Give every feature of an episode by its name."""
    return {
        **_sizes(episode),
        **_calls(episode),
        **_changes(episode),
        **_ending(episode),
        **_person(episode),
        **_agent(episode),
    }


def _sizes(episode: Episode) -> dict[str, float]:
    prompts, calls, said = episode.prompts, episode.calls, episode.said
    first = prompts[0].text if prompts else ""
    rest = " ".join(p.text for p in prompts)[:_MAX_TEXT_CHARS]
    return {
        "prompts": _log(len(prompts)),
        "calls": _log(len(calls)),
        "said": _log(len(said)),
        "calls_a_prompt": _log(_share(len(calls), len(prompts))),
        "first_prompt_chars": _log(len(first)),
        "prompt_chars": _log(_share(len(rest), len(prompts))),
        "said_chars": _log(_share(sum(len(s.text) for s in said), len(said))),
        "items_asked": _log(len(_ITEM.findall(rest))),
        "conditions": _log(len(_CONDITION.findall(rest))),
        "tools": _log(len({c.tool_name for c in calls})),
    }


def _calls(episode: Episode) -> dict[str, float]:
    calls = episode.calls
    failed = [c for c in calls if c.failed]
    counts = Counter(same_call(c) for c in calls)
    failures = Counter(same_call(c) for c in failed)
    later = {c.tool_name: c.worked for c in calls}
    return {
        "failed_share": _share(len(failed), len(calls)),
        "failed": _log(len(failed)),
        "last_failed": float(bool(calls) and calls[-1].failed),
        "never_worked": _log(sum(not worked for worked in later.values())),
        "repeated_share": _share(len(calls) - len(counts), len(calls)),
        "repeated_failure": _log(sum(n - 1 for n in failures.values())),
        "no_result": float(bool(calls) and not calls[-1].result_id),
        "output_chars": _log(_share(sum(len(c.output) for c in calls), len(calls))),
    }


def _changes(episode: Episode) -> dict[str, float]:
    calls = episode.calls
    kinds = [kind_of(c, episode) for c in calls]
    writes = [c for c, kind in zip(calls, kinds, strict=True) if kind == "write"]
    done = [c for c in writes if not c.failed]
    agreed, unagreed, unused = _agreements(episode)
    targets = Counter(f"{c.tool_name}\0{next(leaves(c.data), '')}" for c in done)
    first_write = kinds.index("write") if "write" in kinds else len(kinds)
    last_write = len(kinds) - 1 - kinds[::-1].index("write") if "write" in kinds else -1
    known, unknown = _grounded(episode, writes)
    return {
        "writes": _log(len(done)),
        "no_write": float(not done),
        "one_write": float(len(done) == 1),
        "writes_failed": _log(len(writes) - len(done)),
        "write_share": _share(len(done), len(calls)),
        "write_tools": _log(len({c.tool_name for c in done})),
        "same_target": _log(sum(n - 1 for n in targets.values())),
        "write_values": _log(_share(sum(len(list(leaves(c.data))) for c in done), len(done))),
        "handover": float("handover" in kinds),
        "handover_only": float("handover" in kinds and not done),
        "handover_after_write": float("handover" in kinds and bool(done)),
        "reads_before": _log(first_write),
        "calls_after": _log(len(kinds) - 1 - last_write if last_write >= 0 else 0),
        "agreed_writes": _share(agreed, agreed + unagreed),
        "unagreed_writes": _log(unagreed),
        "unused_agreement": _log(unused),
        "ungrounded": _log(unknown),
        "grounded_share": _share(known, known + unknown) if known + unknown else 1.0,
        "writes_an_item": _share(
            len(done), 1 + len(_ITEM.findall(" ".join(p.text for p in episode.prompts)))
        ),
    }


def _agreements(episode: Episode) -> tuple[int, int, int]:
    """Count the changes made after a yes and without one, and the yeses that no change followed."""
    agreed = unagreed = unused = 0
    standing = False
    waiting = False
    for moment in episode.moments:
        if isinstance(moment, Prompt):
            unused += waiting
            standing = waiting = phrases.begins("approval", moment.text) or bool(
                phrases.says("approval", moment.text[:80])
            )
        elif isinstance(moment, Call) and kind_of(moment, episode) == "write":
            agreed += standing
            unagreed += not standing
            waiting = False
    return agreed, unagreed, unused + waiting


def _grounded(episode: Episode, writes: Sequence[Call]) -> tuple[int, int]:
    """Count the values of changes that came up before, and those that came from nowhere."""
    wanted = {c.event_id for c in writes}
    seen: set[str] = set()
    known = unknown = 0
    for moment in episode.moments:
        if isinstance(moment, Call):
            if moment.event_id in wanted:
                for value in leaves(moment.data):
                    if len(value) <= 60 and (words := _VALUE.findall(value.lower())):
                        hit = all(word in seen for word in words)
                        known, unknown = known + hit, unknown + (not hit)
            seen.update(_VALUE.findall(moment.output[:20_000].lower()))
        else:
            text = getattr(moment, "text", "")
            if isinstance(moment, Prompt):
                seen.update(w.strip(".:!?") for w in _VALUE.findall(text[:20_000].lower()))
    return known, unknown


def _ending(episode: Episode) -> dict[str, float]:
    moments = episode.moments
    last: Moment | None = moments[-1] if moments else None
    said_last = episode.said[-1].text if episode.said else ""
    calls_at_end = 0
    for moment in reversed(moments):
        if not isinstance(moment, Call):
            break
        calls_at_end += 1
    return {
        "ends_with_prompt": float(isinstance(last, Prompt)),
        "ends_with_call": float(isinstance(last, Call)),
        "ends_with_said": float(isinstance(last, Said)),
        "calls_at_end": _log(calls_at_end),
        "ends_with_question": float(said_last.rstrip().endswith("?")),
        "last_said_chars": _log(len(said_last)),
        "nothing_said": float(not episode.said),
    }


def _person(episode: Episode) -> dict[str, float]:
    later = [p.text for p in episode.prompts[1:]]
    end = " ".join([*later[-1:], *([episode.next_prompt.text] if episode.next_prompt else [])])
    found: dict[str, float] = {}
    for kind in ("thanks", "praise", "approval", "complaint", "correction", "giving_up", "continue"):
        found[f"{kind}_share"] = _share(sum(bool(phrases.says(kind, text)) for text in later), len(later))
        found[f"{kind}_at_end"] = float(bool(phrases.says(kind, end)))
    found["last_prompt_chars"] = _log(len(later[-1]) if later else 0)
    return found


def _agent(episode: Episode) -> dict[str, float]:
    said = [s.text for s in episode.said]
    found: dict[str, float] = {}
    for kind in ("admission", "handover", "done"):
        found[f"{kind}_share_said"] = _share(sum(bool(phrases.says(kind, text)) for text in said), len(said))
        found[f"{kind}_said_last"] = float(any(phrases.says(kind, text) for text in said[-1:]))
        found[f"{kind}_said_near_end"] = _log(sum(phrases.count(kind, text) for text in said[-3:]))
    return found
