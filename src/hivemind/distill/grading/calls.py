"""How the calls went: the same one failing again, many failing, the last failing, subagents failing."""

from collections import Counter
from collections.abc import Iterator

from hivemind.distill.episodes import Episode
from hivemind.distill.grading import environment
from hivemind.distill.grading.features import same_call
from hivemind.distill.miners import failures
from hivemind.domain.outcomes import Outcome, Signal

MIN_REPEATS = 3
MIN_CALLS = 4
MIN_FAILED_SHARE = 0.5


def read(episode: Episode) -> Iterator[Signal]:
    """Yield what failing calls say against the work."""
    failed = environment.task_failures(episode)
    by_call = Counter(same_call(call) for call in failed)
    repeated = [call for call in failed if by_call[same_call(call)] >= MIN_REPEATS]
    if repeated:
        times = max(by_call.values())
        yield _against("repeated_failure", f"the same call failed {times} times", repeated, strength=0.8)
    ran = [call for call in episode.calls if not environment.is_at_fault(call)]
    if len(ran) >= MIN_CALLS and len(failed) / len(ran) >= MIN_FAILED_SHARE:
        yield _against("failed_share", f"{len(failed)} of {len(ran)} calls failed", failed, strength=0.6)
    if ran and ran[-1] is episode.calls[-1] and failed and failed[-1] is ran[-1]:
        yield _against("last_call_failed", "the last call failed", [ran[-1]], strength=0.5)
    elif episode.calls and environment.is_at_fault(episode.calls[-1]):
        text = "the last call was stopped by the environment or refused"
        yield Signal(
            name="last_call_stopped",
            points_to=Outcome.UNKNOWN,
            text=text,
            event_ids=(episode.calls[-1].event_id,),
            strength=0.0,
        )
    yield from _subagents(episode)


def _subagents(episode: Episode) -> Iterator[Signal]:
    lost = [calls[-1] for calls in episode.subagents if failures.failed(calls[-1])]
    lost = [call for call in lost if not environment.is_at_fault(call)]
    if lost:
        counted = f"{len(lost)} of {len(episode.subagents)}"
        yield _against("subagents_failed", f"the last call of {counted} subagents failed", lost, strength=0.4)


def _against(name: str, text: str, calls: object, *, strength: float) -> Signal:
    ids = tuple(call.event_id for call in calls) if isinstance(calls, list | tuple) else ()
    return Signal(name=name, points_to=Outcome.FAILURE, text=text, event_ids=ids[:5], strength=strength)
