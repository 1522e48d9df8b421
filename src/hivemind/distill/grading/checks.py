"""What tests, builds, linters and type checkers said last."""

from collections.abc import Iterator

from hivemind.distill import commands
from hivemind.distill.episodes import Episode
from hivemind.distill.grading import environment
from hivemind.distill.miners import failures
from hivemind.distill.session_view import Call
from hivemind.domain.outcomes import Outcome, Signal

#: Purposes of commands that judge the work, with how much their last word says.
STRENGTHS = {"test": 1.6, "build": 1.0, "typecheck": 0.8, "lint": 0.6}
#: A check that passed before the last change says less.
STALE = 0.4


def read(episode: Episode) -> Iterator[Signal]:
    """Yield the last state of each kind of check."""
    last: dict[str, tuple[int, Call]] = {}
    edited = -1
    for place, call in enumerate(episode.calls):
        if call.tool_name in episode.edit_tools and call.worked:
            edited = place
        if call.tool_name not in episode.shell_tools or environment.is_at_fault(call):
            continue
        if failures.failed(call) or failures.worked(call):
            for purpose in {commands.purpose(step) for step in commands.steps(call.text)} & set(STRENGTHS):
                last[purpose] = (place, call)
    for purpose, (place, call) in sorted(last.items()):
        yield _signal(purpose, call, stale=edited > place)


def _signal(purpose: str, call: Call, *, stale: bool) -> Signal:
    failed = failures.failed(call)
    words = f"the last {purpose} run {'failed' if failed else 'passed'}"
    return Signal(
        name=f"{purpose}_{'failed' if failed else 'passed'}",
        points_to=Outcome.FAILURE if failed else Outcome.SUCCESS,
        text=f"{words}, before the last change" if stale else words,
        event_ids=(call.event_id, call.result_id) if call.result_id else (call.event_id,),
        strength=STRENGTHS[purpose] * (STALE if stale else 1.0),
        decides=not stale and purpose != "lint",
    )
