"""Grade episodes: signals that a person can read, and a probability that is calibrated."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from hivemind.distill.episodes import Episode
from hivemind.distill.grading import agent, calls, checks, commits, environment, features, history, people
from hivemind.distill.grading.history import Fingerprint
from hivemind.distill.grading.model import Model, probability, shipped
from hivemind.domain.outcomes import Grade, Outcome, Signal

#: Raise it when grading changes, so that stored sessions are graded again.
VERSION = 3
#: From and up to these probabilities an outcome is told; what lies between is unknown.
MIN_SUCCESS = 0.65
MAX_FAILURE = 0.35
#: How often work unlike all that was fitted on goes well is not known. Sets differ by so many log-odds, so an
#: outcome is told only where it would be at either end.
CAUTION = 0.75
#: What a second signal of the same kind adds, as a share of its strength.
REPEATED = 0.25
#: So many like episodes, and so much agreement with them, are worth a sentence.
MIN_LIKE = 2
MIN_IDENTICAL = 0.5

#: What leaves open how it ended, so that no success is told.
DOUBTS = frozenset({"trouble_after", "cut_off", "interrupted", "last_call_failed", "last_call_stopped"})

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

    `judge` is asked where the signals leave it unknown, for a model that reads the episode; none is shipped.
    It overrules no signal, and where it fails the outcome stays unknown.
    """
    found = {name: list(read(episode)) for name, read in SIGNALS.items()}
    foreign, model = _is_foreign(episode), model or shipped()
    if foreign and any(signal.decides for group in found.values() for signal in group):
        alike = ()  # a check that passed did so whatever earlier attempts had run and changed
    own = history.fingerprint(episode)
    found["history"] = list(_history(episode, own, alike))
    signals = tuple(signal for group in found.values() for signal in group)
    tools = frozenset(call.tool_name for call in episode.calls)
    measured = {} if foreign else {**features.measure(episode), **history.measure(own, alike)}
    odds = 0.0 if foreign else model.log_odds(measured, tools)
    counted = tuple(found) if foreign else _BESIDE_THE_MODEL
    odds += sum(_weight(found[name]) for name in counted)
    score = probability(odds)
    caution = 0.0 if foreign or model.knows(tools) else CAUTION
    sure = probability(math.copysign(max(0.0, abs(odds) - caution), odds))
    graded = Grade(label=_label(sure, signals, foreign=foreign), score=round(score, 4), signals=signals)
    return _judged(judge, episode, graded) if judge is not None else graded


def _judged(judge: Judge, episode: Episode, graded: Grade) -> Grade:
    if graded.label is not Outcome.UNKNOWN or any(signal.decides for signal in graded.signals):
        return graded
    try:
        opinion = judge(episode, graded)
    except Exception:  # noqa: BLE001 - it may be any program's code, and a grade is wanted all the same
        return graded
    opposite = {Outcome.SUCCESS: Outcome.FAILURE, Outcome.FAILURE: Outcome.SUCCESS}.get(opinion.label)
    against = any(signal.points_to is opposite and signal.strength > 0 for signal in graded.signals)
    return graded if against else replace(opinion, signals=graded.signals)


def _is_foreign(episode: Episode) -> bool:
    return any(call.tool_name in episode.shell_tools | episode.edit_tools for call in episode.calls)


def _weight(group: Sequence[Signal]) -> float:
    """Add up signals of one kind, which say much the same: the strongest of each side, and little more."""
    total = 0.0
    for side, sign in ((Outcome.SUCCESS, 1), (Outcome.FAILURE, -1)):
        strengths = sorted((s.strength for s in group if s.points_to is side), reverse=True)
        total += sign * (sum(strengths[:1]) + REPEATED * sum(strengths[1:]))
    return total


def _label(score: float, signals: Sequence[Signal], *, foreign: bool) -> Outcome:
    """Name an outcome that the signals bear out; unsure is unknown."""
    decided = {signal.points_to for signal in signals if signal.decides}
    if score >= MIN_SUCCESS and Outcome.SUCCESS in decided:
        doubtful = Outcome.FAILURE in decided or any(_leaves_open(signal) for signal in signals)
        return Outcome.UNKNOWN if doubtful else Outcome.SUCCESS
    # Without a fitted model an agent's admission or a failed call is too little to tell a failure by.
    against = decided if foreign else {signal.points_to for signal in signals}
    return Outcome.FAILURE if score <= MAX_FAILURE and Outcome.FAILURE in against else Outcome.UNKNOWN


def _leaves_open(signal: Signal) -> bool:
    on_the_way = signal.name == "interrupted" and signal.points_to is Outcome.UNKNOWN
    return signal.name in DOUBTS and not on_the_way


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
    changed = [call.event_id for call in history.changes_of(episode)]
    counted = sum(other.changes == own.changes for _, other in alike)
    yield Signal(
        name="like_requests",
        points_to=Outcome.SUCCESS if agreed else Outcome.FAILURE,
        text=f"{counted} of {len(alike)} earlier episodes with a like request ended in the same changes",
        event_ids=tuple(changed) or episode.event_ids[:1],
        strength=1.0,
        decides=agreed,
    )
