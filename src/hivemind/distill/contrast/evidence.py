"""Judge whether a pattern goes with success: how likely it is real, given what else could be chance.

Attempts at like tasks form a stratum, so that a pattern common in easy tasks is not taken for a good one. In
each stratum the margins are held fixed: the chance of what was seen depends on one log odds ratio alone (the
exact conditional likelihood of a common odds ratio: Cornfield 1956; Breslow and Day 1980, section 4.4; with
one stratum it is the likelihood behind Fisher's exact test). Its Bayes factor against no difference, with a
normal prior, and a prior share of patterns that matter give the probability that the pattern is real.
Patterns are taken, the surest first, while the mean probability of error among those taken stays below a
limit: the Bayesian false discovery rate (Newton et al. 2004; Müller et al. 2004).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import comb, exp, log

#: Log odds ratios that are weighed, and the standard deviation of the prior over them.
_STEP, _REACH, PRIOR_DEVIATION = 0.5, 12, 2.0
_GRID = tuple(_STEP * n for n in range(-_REACH, _REACH + 1))
#: The share of patterns that are thought to make a difference, before anything is seen.
PRIOR_SHARE = 0.5
_PRIOR = tuple(exp(-0.5 * (x / PRIOR_DEVIATION) ** 2) for x in _GRID)
_PRIOR_SUM = sum(_PRIOR)


@dataclass(frozen=True, slots=True)
class Stratum:
    """Hold the counts of one pattern in attempts at like tasks."""

    succeeded: int
    failed: int
    succeeded_with: int
    failed_with: int

    @property
    def tells(self) -> bool:
        """Say whether the attempts differ both in the pattern and in how they ended."""
        there = self.succeeded_with + self.failed_with
        return bool(self.succeeded and self.failed) and 0 < there < self.succeeded + self.failed


@dataclass(frozen=True, slots=True)
class Verdict:
    """Hold how likely a pattern makes a difference, and how much: above 0 it goes with success."""

    probability: float
    log_odds: float


def judge(strata: Iterable[Stratum]) -> Verdict:
    """Weigh a pattern's counts; strata in which nothing differs say nothing."""
    logs = [log(p / _PRIOR_SUM) for p in _PRIOR]
    seen = 0
    for s in strata:
        if s.tells:
            seen += 1
            table = _log_normalisers(s.succeeded, s.failed, s.succeeded_with + s.failed_with)
            logs = [x + s.succeeded_with * theta - z for x, theta, z in zip(logs, _GRID, table, strict=True)]
    if not seen:
        return Verdict(0.0, 0.0)
    top = max(logs)
    weights = [exp(x - top) for x in logs]
    total = sum(weights)
    mean = sum(w * theta for w, theta in zip(weights, _GRID, strict=True)) / total
    odds = log(total) + top + log(PRIOR_SHARE / (1 - PRIOR_SHARE))
    return Verdict(1 / (1 + exp(-max(-700.0, min(700.0, odds)))), mean)


@lru_cache(maxsize=16_384)
def _log_normalisers(succeeded: int, failed: int, there: int) -> tuple[float, ...]:
    """Give, for each log odds ratio, the log of the mean of e^(ratio x) when there is no difference."""
    lowest, highest = max(0, there - failed), min(succeeded, there)
    ways = [comb(succeeded, x) * comb(failed, there - x) for x in range(lowest, highest + 1)]
    every = sum(ways)
    # exp() of a shifted exponent, so that large counts do not overflow.
    tables = []
    for theta in _GRID:
        shift = max(theta * lowest, theta * highest)
        total = sum(w / every * exp(theta * x - shift) for x, w in enumerate(ways, start=lowest))
        tables.append(log(total) + shift)
    return tuple(tables)


def taken(probabilities: Sequence[float], *, limit: float) -> int:
    """Give how many of these, the surest first, can be taken at this rate of false discoveries."""
    error = 0.0
    for count, probability in enumerate(probabilities):
        error += 1 - probability
        if error / (count + 1) > limit:
            return count
    return len(probabilities)
