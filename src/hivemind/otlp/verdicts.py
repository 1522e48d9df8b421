"""What an evaluation or a person's feedback says of how the work went."""

import re
from dataclasses import dataclass

from hivemind.domain.outcomes import Outcome, of_reward
from hivemind.otlp.conventions.base import Verdict

_GOOD = frozenset(
    """
    accepted approved correct good helpful like liked ok pass passed positive resolved right success
    successful thumbs_up true up yes 👍
    """.split()  # noqa: SIM905 - a list of quoted words cannot be read
)
_BAD = frozenset(
    """
    bad declined dislike disliked down error fail failed failure false incorrect negative no rejected
    thumbs_down unhelpful unresolved unsuccessful wrong 👎
    """.split()  # noqa: SIM905
)
#: Words that say how a question was answered, and nothing where more of what was asked is worse.
_ANSWERS = frozenset({"yes", "no", "true", "false", "positive", "negative"})
#: What is measured where less is better, or where more or less says nothing of success.
_NOT_QUALITY = re.compile(
    r"toxic|hallucinat|bias|harm|violat|jailbreak|injection|\bpii\b|profan|refus|frustrat|latency|duration"
    r"|\bcost|token|length|similarity|sentiment",
    re.IGNORECASE,
)
#: A person's rating goes up to so many stars.
_STARS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """Hold what a verdict says: a label, and a reward from 0 to 1 where it has a score."""

    label: Outcome
    reward: float | None


def judgement(verdict: Verdict) -> Judgement | None:
    """Say what a verdict means for the work as a whole; None where it measures something else."""
    word = re.sub(r"[\s-]+", "_", verdict.label.strip().lower())
    measures_else = bool(_NOT_QUALITY.search(verdict.name))
    if word and not (measures_else and word in _ANSWERS):
        if word in _GOOD:
            return Judgement(label=Outcome.SUCCESS, reward=_within(verdict.score))
        if word in _BAD:
            return Judgement(label=Outcome.FAILURE, reward=_within(verdict.score))
    if verdict.score is None or measures_else:
        return None
    reward = _within(verdict.score)
    if reward is None and verdict.by_person:
        reward = _of_stars(verdict.score)
    if reward is None or (word and not verdict.by_person):
        return None  # a scale of its own, or a score that its unknown label explains
    return Judgement(label=of_reward(reward), reward=reward)


def actor(verdict: Verdict) -> str:
    """Name who judged."""
    cleaned = re.sub(r"[^\w.@+-]+", "-", verdict.name)[:60].strip("-") or "unnamed"
    return f"{'person' if verdict.by_person else 'eval'}:{cleaned}"


def _within(score: float | None) -> float | None:
    return score if score is not None and 0 <= score <= 1 else None


def _of_stars(score: float) -> float | None:
    if score == -1:
        return 0.0
    return (score - 1) / (_STARS - 1) if 1 < score <= _STARS else None
