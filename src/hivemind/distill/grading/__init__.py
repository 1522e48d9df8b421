"""Grade episodes: signals that a person can read, and a probability that is calibrated."""

from collections.abc import Callable, Iterator, Sequence

from hivemind.distill.episodes import Episode
from hivemind.distill.grading import agent, calls, checks, commits, environment, features, history, people
from hivemind.distill.grading.history import Fingerprint
from hivemind.distill.grading.model import Model, probability, shipped
from hivemind.domain.outcomes import Grade, Outcome, Signal

#: Raise it when grading changes, so that stored sessions are graded again.
VERSION = 1
#: From and up to these probabilities an outcome is told; what lies between is unknown.
MIN_SUCCESS = 0.65
MAX_FAILURE = 0.35
#: Where an agent works on files with a shell, what it was fitted on (conversations, puzzles) says less.
MAX_FOREIGN_ODDS = 0.7
#: What a second signal of the same kind adds, as a share of its strength.
REPEATED = 0.25
#: So many like episodes, and so much agreement with them, are worth a sentence.
MIN_LIKE = 2
MIN_IDENTICAL = 0.5

Reader = Callable[[Episode], Iterator[Signal]]
Judge = Callable[[Episode, Grade], Grade]

#: Every kind of signal; a new one is a module with `read`, and a line here.
SIGNALS: dict[str, Reader] = {
    "checks": checks.read,
    "commits": commits.read,
    "people": people.read,
    "calls": calls.read,
    "agent": agent.read,
    "environment": environment.read,
}
#: Signals that the model does not read: their strength is added to its log-odds.
_BESIDE_THE_MODEL = ("checks", "commits")


def grade(
    episode: Episode,
    *,
    alike: Sequence[tuple[float, Fingerprint]] = (),
    model: Model | None = None,
    judge: Judge | None = None,
) -> Grade:
    """Grade an episode; `alike` holds earlier episodes that asked for the like, the most alike first.

    `judge` may replace the grade, for a model that reads the episode; none is shipped.
    """
    found = {name: list(read(episode)) for name, read in SIGNALS.items()}
    own = history.fingerprint(episode)
    found["history"] = list(_history(episode, own, alike))
    signals = tuple(signal for group in found.values() for signal in group)
    odds = (model or shipped()).log_odds({**features.measure(episode), **history.measure(own, alike)})
    counted = tuple(found) if _is_foreign(episode) else _BESIDE_THE_MODEL
    if _is_foreign(episode):
        odds = max(-MAX_FOREIGN_ODDS, min(MAX_FOREIGN_ODDS, odds))
    score = probability(odds + sum(_weight(found[name]) for name in counted))
    graded = Grade(label=_label(score, signals), score=round(score, 4), signals=signals)
    return judge(episode, graded) if judge is not None else graded


def _is_foreign(episode: Episode) -> bool:
    return any(call.tool_name in episode.shell_tools | episode.edit_tools for call in episode.calls)


def _weight(group: Sequence[Signal]) -> float:
    """Add up signals of one kind, which say much the same: the strongest of each side, and little more."""
    total = 0.0
    for side, sign in ((Outcome.SUCCESS, 1), (Outcome.FAILURE, -1)):
        strengths = sorted((s.strength for s in group if s.points_to is side), reverse=True)
        total += sign * (sum(strengths[:1]) + REPEATED * sum(strengths[1:]))
    return total


def _label(score: float, signals: Sequence[Signal]) -> Outcome:
    """Name an outcome that the signals bear out; unsure is unknown."""
    decided = {signal.points_to for signal in signals if signal.decides}
    if score >= MIN_SUCCESS and Outcome.SUCCESS in decided:
        return Outcome.SUCCESS
    if score <= MAX_FAILURE and any(signal.points_to is Outcome.FAILURE for signal in signals):
        return Outcome.FAILURE
    return Outcome.UNKNOWN


def _history(
    episode: Episode, own: Fingerprint, alike: Sequence[tuple[float, Fingerprint]]
) -> Iterator[Signal]:
    if len(alike) < MIN_LIKE or not (own.changes or any(other.changes for _, other in alike)):
        return
    total = sum(weight for weight, _ in alike)
    same = sum(weight for weight, other in alike if other.changes == own.changes) / total
    agreed = same >= MIN_IDENTICAL
    usual = history.measure(own, alike)["usual_agreement"]
    if not agreed and usual <= 0:
        return  # those before did not agree with each other either
    counted = sum(other.changes == own.changes for _, other in alike)
    yield Signal(
        name="like_requests",
        points_to=Outcome.SUCCESS if agreed else Outcome.FAILURE,
        text=f"{counted} of {len(alike)} earlier episodes with a like request ended in the same changes",
        event_ids=episode.event_ids[:1],
        strength=1.0,
        decides=agreed,
    )
