"""What the agent said of its own work, and whether it answered at all."""

from collections.abc import Iterator

from hivemind.distill import phrases
from hivemind.distill.episodes import Episode, Said
from hivemind.distill.grading import people
from hivemind.distill.grading.features import kind_of
from hivemind.distill.session_view import Call
from hivemind.domain.outcomes import Outcome, Signal


def read(episode: Episode) -> Iterator[Signal]:
    """Yield the agent's own account; a claim of success never decides by itself."""
    if episode.said:
        yield from _account(episode.said[-1])
    handed = [call for call in episode.calls if kind_of(call, episode) == "handover"]
    if handed:
        text = "the agent handed over to a person"
        yield _signal("handover", Outcome.FAILURE, text, handed[-1].event_id, strength=0.3)
    yield from _no_answer(episode)


def _account(last: Said) -> Iterator[Signal]:
    admitted = phrases.says("admission", last.text)
    done = phrases.says("done", last.text)
    if admitted:
        text = f"the agent's last message admits a failure ({admitted!r})"
        yield _signal("admission", Outcome.FAILURE, text, last.event_id, strength=0.3 if done else 0.7)
    elif done:
        text = f"the agent says it is done ({done!r})"
        yield _signal("claim", Outcome.SUCCESS, text, last.event_id, strength=0.0)


def _no_answer(episode: Episode) -> Iterator[Signal]:
    if people.last_ask(episode) < 0:
        return  # a command of the agent's own needs no answer
    if not episode.said and not episode.calls:
        text = "the agent never answered"
        yield _signal("no_answer", Outcome.FAILURE, text, episode.prompts[-1].event_id, strength=0.5)
    elif isinstance(last := episode.moments[-1], Call) and not last.result_id:
        text = "the record ends in a call that was not answered"
        yield _signal("cut_off", Outcome.FAILURE, text, last.event_id, strength=0.0)
    elif isinstance(last, Call):
        text = "it ended in a call, without an answer"
        yield _signal("no_answer", Outcome.FAILURE, text, last.event_id, strength=0.5)


def _signal(name: str, points_to: Outcome, text: str, event_id: str, *, strength: float) -> Signal:
    return Signal(name=name, points_to=points_to, text=text, event_ids=(event_id,), strength=strength)
