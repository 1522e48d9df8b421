"""Commits, and whether they were taken back or done again soon after."""

import re
from collections.abc import Iterator

from hivemind.distill import commands
from hivemind.distill.episodes import Episode
from hivemind.distill.grading import checks
from hivemind.distill.miners import failures
from hivemind.distill.session_view import Call
from hivemind.domain.outcomes import Outcome, Signal

_GIT = r"(?:^|[;&|\n(]\s*)git\s+(?:-C\s+\S+\s+)?"
_REVERTS = re.compile(
    rf"{_GIT}(?:revert\b(?!\s+--(?:abort|quit))|reset\s+(?:--\w+\s+)*(?:HEAD[~^@]|[0-9a-f]{{7,40}}\b))", re.M
)
_DISCARDS = re.compile(
    rf"{_GIT}(?:checkout\s+(?:\S+\s+)?--\s|checkout\s+\.|restore\s+(?!--staged\b)|reset\s+--hard)", re.M
)
_AMENDS = re.compile(rf"{_GIT}commit\b[^\n;&|]*--amend", re.M)


def read(episode: Episode) -> Iterator[Signal]:
    """Yield what became of the episode's commits, also as far as the next episode shows it."""
    committed: Call | None = None
    undone: Call | None = None
    own = len(episode.calls)
    for place, call in enumerate((*episode.calls, *episode.next_calls)):
        if call.tool_name not in episode.shell_tools or not failures.worked(call):
            continue
        if _REVERTS.search(call.text):
            if committed is not None:
                undone, committed = call, None
        elif _DISCARDS.search(call.text) and committed is None and place < own:
            yield _signal("discarded", Outcome.FAILURE, "changes were thrown away", call, strength=0.4)
        elif place < own and _AMENDS.search(call.text):
            yield _signal("amended", Outcome.UNKNOWN, "a commit was done again", call, strength=0.0)
            committed = call
        elif place < own and commands.commits(call.text):
            committed, undone = call, None
    if undone is not None:
        yield _signal(
            "reverted", Outcome.FAILURE, "a commit was taken back", undone, strength=1.8, decides=True
        )
    elif committed is not None:
        late = checks.overtaken(episode, committed)
        yield _signal(
            "committed",
            Outcome.SUCCESS,
            f"the work was committed, {late}" if late else "the work was committed",
            committed,
            strength=0.9 * (checks.STALE if late else 1.0),
            decides=not late,
        )


def _signal(
    name: str, points_to: Outcome, text: str, call: Call, *, strength: float, decides: bool = False
) -> Signal:
    return Signal(
        name=name,
        points_to=points_to,
        text=text,
        event_ids=(call.event_id,),
        strength=strength,
        decides=decides,
    )
