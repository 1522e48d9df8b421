"""Lay out one skill that waits for a person: its text, diff, turns, gates and numbers."""

import difflib
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from hivemind.cli.text import count, fitted, one_line, printable

if TYPE_CHECKING:
    from hivemind.library.review import Case
    from hivemind.store.skills import Version
    from hivemind.store.turns import Moment, Turn

#: Lines of one event that are shown, and characters of each.
MAX_LINES = 3
MAX_LINE_CHARS = 160
MAX_FINDING_CHARS = 500
#: What stands before each line of a skill's text, so that none passes for a line of the review.
FRAME = "│ "
_BELOW = " " * 4
_MARKS = {"prompt": "❯", "assistant": "●", "tool_call": "→", "tool_result": "←"}


def lines(
    case: "Case", *, measured: Mapping[str, Any], place: int, places: int, width: int | None = None
) -> Iterator[str]:
    """Yield all that a person needs to decide; `width` is that of a terminal."""
    from hivemind.domain.skills import SkillState
    from hivemind.library import rules
    from hivemind.library.document import render

    skill = case.waiting.skill
    where = skill.project or "every project"
    yield f"━━ {place} of {places}: {skill.name}, {skill.state.value}, version {skill.version}; {where}"
    yield f"   {case.waiting.reason}"
    if skill.state is not SkillState.ACTIVE and not rules.enough(case.support):
        yield "   there is less evidence than the rule asks for: approving now overrides the rule"
    for flag in case.waiting.flags:
        if flag.message != case.waiting.reason:
            yield f"   {flag.kind.value}: {flag.message}"
    yield ""
    yield from framed(render(case.version.document), width=width)
    if case.before is not None:
        yield f"── differs from version {case.before.version}, which was decided on before"
        yield from framed(diff(case), width=width)
    yield from _evidence(case, width=width)
    yield "── gates"
    findings = [
        f"{finding.gate}: {one_line(finding.message, MAX_FINDING_CHARS)}" for finding in case.version.findings
    ]
    yield from findings or ["nothing found"]
    yield "── numbers"
    yield used(measured)
    yield ""


def framed(text: str, *, width: int | None = None) -> Iterator[str]:
    """Yield a text line by line behind a frame, on a terminal also where a line is too long for it."""
    room = width - len(FRAME) if width else None
    for line in printable(text).rstrip("\n").split("\n"):
        yield from (f"{FRAME}{piece}".rstrip() for piece in fitted(line, room))


def diff(case: "Case") -> str:
    """Give what changed since a person last decided; empty where nothing did."""
    return changed(case.before, case.version) if case.before else ""


def changed(before: "Version", after: "Version") -> str:
    """Give what one version says that another does not; empty where they say the same."""
    from hivemind.library.document import render

    old, new = (render(version.document).splitlines() for version in (before, after))
    return "\n".join(list(difflib.unified_diff(old, new, lineterm="", n=1))[2:])


def _evidence(case: "Case", *, width: int | None) -> Iterator[str]:
    shown = case.support
    parts = [f"{shown.successes} went well", f"{shown.failures} badly", f"{shown.unknown} unknown"]
    told = f"── evidence: {count(shown.sessions, 'session')} ({', '.join(parts)})"
    if shown.agents:
        told += f" of {', '.join(shown.agents)}"
    if shown.stated:
        told += f"; a person stated it in {count(shown.stated, 'session')}"
    if shown.given:
        told += f"; {shown.given} more had the skill already"
    yield told
    for turn in case.turns:
        yield from _turn(turn, width=width)
    left = len(set(case.version.lesson_ids)) - len(case.turns)
    if left > 0 and case.turns:
        yield f"… {count(left, 'more lesson')}: hivemind skills show {case.waiting.skill.name}"


def _turn(turn: "Turn", *, width: int | None) -> Iterator[str]:
    when = f", {turn.at:%Y-%m-%d}" if turn.at else ""
    yield f"session {turn.session_id[:8]} of {turn.agent or 'an agent'}{when}: {turn.outcome}"
    for moment in turn.moments:
        yield from _moment(moment, width=width)


def _moment(moment: "Moment", *, width: int | None) -> Iterator[str]:
    """Yield the first lines of an event; of a failure also the last, which often says what was wrong."""
    failed = moment.status in ("error", "denied")
    mark = "✗" if failed else _MARKS.get(moment.kind, "·")
    told = [one_line(line, MAX_LINE_CHARS) for line in moment.text.splitlines() if line.strip()]
    if len(told) > MAX_LINES:
        told = [*told[: MAX_LINES - 1], "…", told[-1]] if failed else [*told[:MAX_LINES], "…"]
    told = told or ["(empty)"]
    room = width - len(_BELOW) if width else None
    first, *rest = (piece for line in told for piece in fitted(line, room))
    yield f"  {mark} {first}"
    yield from (f"{_BELOW}{piece}" for piece in rest)


def used(measured: Mapping[str, Any]) -> str:
    """Say what the skill's use did, as far as enough is known."""
    exposures = measured["exposures"]
    if not exposures and not measured.get("known_withheld"):
        return "no episode has had it yet: not enough data"
    given = f"{measured['successes_given']} of {measured['known_given']}"
    withheld = f"{measured['successes_withheld']} of {measured['known_withheld']}"
    told = f"{count(exposures, 'episode')} had it; success in {given} with it, {withheld} without"
    if not measured["is_enough"] or measured["difference"] is None:
        return f"{told}: not enough data"
    between = f"{measured['low']:+.0%} to {measured['high']:+.0%}"
    return f"{told}: {measured['difference']:+.0%} (95 % between {between})"
