"""What tests, builds, linters and type checkers said last."""

import re
from collections.abc import Iterator
from dataclasses import replace

from hivemind.distill import commands
from hivemind.distill.episodes import Episode
from hivemind.distill.grading import environment, people
from hivemind.distill.miners import failures
from hivemind.distill.session_view import Call
from hivemind.domain.outcomes import Outcome, Signal

#: Purposes of commands that judge the work, with how much their last word says.
STRENGTHS = {"test": 1.6, "build": 1.0, "typecheck": 0.8, "lint": 0.6}
#: A check that ran before the last change or the last request says less.
STALE = 0.4
_CHECKING = re.compile(
    r"\b(?:tests?|tested|testing|builds?|compiles?|lint\w*|CI|checks?|verify|confirm|runs?)\b", re.I
)
_CHANGING = re.compile(
    r"(?<![-=2&])>{1,2}\s*(?!/dev/null|&)\S|\bsed\s+-\w*i|\bapply_patch\b|\btee\b"
    r"|(?:^|[;&|\n(]\s*)(?:rm|mv|cp|touch|mkdir|patch|git\s+(?:commit|apply|mv|rm|merge|rebase|revert|restore))\b"
    r"|--(?:fix|write)\b",
    re.MULTILINE,
)


def read(episode: Episode) -> Iterator[Signal]:
    """Yield the last state of each kind of check."""
    last: dict[str, Call] = {}
    for call in episode.calls:
        if call.tool_name not in episode.shell_tools or environment.is_at_fault(call):
            continue
        if failures.failed(call) or failures.worked(call):
            for purpose in _purposes(call.text) & set(STRENGTHS):
                last[purpose] = call
            for purpose, before in last.items():
                if failures.failed(before) and _repeats(call, before):
                    last[purpose] = call
    idle = "" if not last or _changes_anything(episode) else "and nothing was changed"
    for purpose, call in sorted(last.items()):
        yield _signal(purpose, call, but=overtaken(episode, call) or idle)


def _purposes(command: str) -> set[str]:
    """Give what a shell line's steps are for; a note on tests among its words is no test."""
    steps = commands.steps(command)
    plain = (replace(s, words=tuple(w for w in s.words if len(w.split()) == 1)) for s in steps)
    return {commands.purpose(step) for step in plain if step.words}


def _repeats(call: Call, before: Call) -> bool:
    """Say whether a call is an earlier one with more said: the same command, its words and others."""
    later = [set(step.words) for step in commands.steps(call.text) if step.words]
    earlier = [step.words for step in commands.steps(before.text) if step.words]
    return bool(earlier) and all(any(set(words) <= other for other in later) for words in earlier)


def overtaken(episode: Episode, call: Call) -> str:
    """Say what came after a call so that it no longer speaks for the whole; empty where nothing did."""
    edits = [c.seq for c in episode.calls if c.tool_name in episode.edit_tools and c.worked]
    if edits and edits[-1] > call.seq:
        return "before the last change"
    return "before the last request" if people.last_ask(episode) > call.seq else ""


def _changes_anything(episode: Episode) -> bool:
    """Say whether checks judge the work: something was changed, or checking was what the person asked for."""
    if any(_CHECKING.search(prompt.text) for prompt in episode.prompts):
        return True
    calls = [*episode.calls, *(call for side in episode.subagents for call in side)]
    return any(
        call.tool_name in episode.edit_tools
        or (call.tool_name in episode.shell_tools and _CHANGING.search(call.text))
        for call in calls
        if call.worked
    )


def _signal(purpose: str, call: Call, *, but: str) -> Signal:
    failed = failures.failed(call)
    words = f"the last {purpose} run {'failed' if failed else 'passed'}"
    return Signal(
        name=f"{purpose}_{'failed' if failed else 'passed'}",
        points_to=Outcome.FAILURE if failed else Outcome.SUCCESS,
        text=f"{words}, {but}" if but else words,
        event_ids=(call.event_id, call.result_id) if call.result_id else (call.event_id,),
        strength=STRENGTHS[purpose] * (STALE if but else 1.0),
        decides=not but and purpose != "lint",
    )
