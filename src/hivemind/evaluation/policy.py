"""What follows from a skill's numbers: wait, promote or demote, and from how many sessions it is withheld.

Pure functions; docs/promotion.md says where the thresholds come from. A machine claims no benefit: it
promotes what has evidence and shows no sign of harm, and demotes what harms.
"""

from dataclasses import dataclass
from enum import StrEnum

from hivemind.domain.skills import LIVE_STATES, SkillState
from hivemind.evaluation.statistics import Comparison, Proportion, effective, harm_probability


class Verdict(StrEnum):
    """Name what a policy says of a skill."""

    WAIT = "wait"
    PROMOTE = "promote"
    DEMOTE = "demote"


@dataclass(frozen=True, slots=True, kw_only=True)
class Numbers:
    """Hold what is known of a skill when it is judged.

    Both sides are graded episodes of the experiment as they were counted, or as `standardised` pooled them:
    what several episodes of one session are worth is worked out here.
    """

    given: Proportion
    withheld: Proportion
    sessions_given: float
    sessions_withheld: float
    evidence_sessions: int  #: independent ones whose successful episodes show its lessons
    exposures: int  #: episodes that it was given to, graded or not

    @classmethod
    def of(cls, comparison: Comparison, *, evidence_sessions: int, exposures: int) -> "Numbers":
        """Take both sides from a comparison."""
        return cls(
            given=comparison.given,
            withheld=comparison.withheld,
            sessions_given=comparison.sessions_given,
            sessions_withheld=comparison.sessions_withheld,
            evidence_sessions=evidence_sessions,
            exposures=exposures,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """Hold a verdict with the reason that the ledger keeps."""

    verdict: Verdict
    reason: str
    harm_probability: float | None = None  #: None where a side has too little


@dataclass(frozen=True, slots=True, kw_only=True)
class Thresholds:
    """Hold the numbers of the policy; the defaults were chosen by `benchmarks.promotion`."""

    harm: float = 0.97  #: probability of harm from which a skill is demoted
    margin: float = 0.0  #: a smaller loss of success is no harm
    least_given: float = 8.0  #: independent graded episodes, below which nothing is said of harm
    least_withheld: float = 5.0
    evidence_sessions: int = 2  #: a promotion rests on at least this many
    exposures: int = 10  #: a promotion follows at least this many
    doubt: float = 0.7  #: probability of harm from which a skill is not promoted, and withheld more
    doubt_share: float = 0.5  #: of the sessions, from which a doubtful skill is withheld


DEFAULT = Thresholds()


def judge(state: SkillState, numbers: Numbers, *, thresholds: Thresholds = DEFAULT) -> Judgement:
    """Say what becomes of a skill; one that is not live waits for a person or a gate."""
    if state not in LIVE_STATES:
        return Judgement(verdict=Verdict.WAIT, reason=f"{state.value}: nothing to judge")
    harm = probability_of_harm(numbers, thresholds=thresholds)
    if harm is not None and harm >= thresholds.harm:
        return Judgement(verdict=Verdict.DEMOTE, reason=_told(numbers, harm), harm_probability=harm)
    missing = _missing(state, numbers, harm, thresholds)
    verdict = Verdict.WAIT if missing else Verdict.PROMOTE
    reason = missing or (
        f"{numbers.evidence_sessions} successful sessions show it, {numbers.exposures} episodes had it, "
        f"no sign of harm ({_told(numbers, harm)})"
    )
    return Judgement(verdict=verdict, reason=reason, harm_probability=harm)


def probability_of_harm(numbers: Numbers, *, thresholds: Thresholds = DEFAULT) -> float | None:
    """Give the probability that a skill harms; None while a side has too little to say."""
    given = effective(numbers.given, numbers.sessions_given)
    withheld = effective(numbers.withheld, numbers.sessions_withheld)
    if given.total < thresholds.least_given or withheld.total < thresholds.least_withheld:
        return None
    return harm_probability(given, withheld, thresholds.margin)


def holdout_share(
    state: SkillState, numbers: Numbers, base_share: float, *, thresholds: Thresholds = DEFAULT
) -> float:
    """Give the share of sessions from which a skill is withheld: more where it seems to harm, never if off.

    Half and half tells soonest, and to withhold what seems harmful costs little.
    """
    if state not in LIVE_STATES or base_share <= 0:
        return 0.0
    harm = probability_of_harm(numbers, thresholds=thresholds)
    if harm is None or harm < thresholds.doubt:
        return min(base_share, 1.0)
    return max(min(base_share, 1.0), thresholds.doubt_share)


def _missing(state: SkillState, numbers: Numbers, harm: float | None, thresholds: Thresholds) -> str:
    """Say what a promotion still waits for; empty where nothing is missing."""
    if state is not SkillState.TRIAL:
        return f"active: {_told(numbers, harm)}"
    if numbers.evidence_sessions < thresholds.evidence_sessions:
        return (
            f"{numbers.evidence_sessions} of {thresholds.evidence_sessions} successful sessions that show it"
        )
    if numbers.exposures < thresholds.exposures:
        return f"{numbers.exposures} of {thresholds.exposures} episodes that had it"
    if harm is not None and harm >= thresholds.doubt:
        return _told(numbers, harm)
    return ""


def _told(numbers: Numbers, harm: float | None) -> str:
    sides = f"success {_side(numbers.given)} with it, {_side(numbers.withheld)} without"
    return f"not enough data on harm; {sides}" if harm is None else f"{harm:.1%} likely to harm; {sides}"


def _side(proportion: Proportion) -> str:
    return f"{proportion.successes:.4g} of {proportion.total:.4g}"
