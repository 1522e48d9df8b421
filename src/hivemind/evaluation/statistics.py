"""Proportions compared with honest intervals: standard library only, no sampling, the same answer every time.

Wilson's score interval (Wilson 1927) for one proportion; Newcombe's hybrid score interval for a difference
(Newcombe 1998, Statistics in Medicine 17:873-890, method 10); Welch's interval for means. Several episodes
of one session are no independent observations: Kish's design effect takes them down to what they are worth.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from statistics import NormalDist, fmean, variance

#: Correlation of the outcomes of two episodes of one session, where nothing better is known.
INTRA_SESSION = 0.2
#: Graded episodes of each side, after the design effect, below which an interval is "not enough data".
ENOUGH_EPISODES = 10.0
#: Of the Beta prior of each side: every success rate is as likely as another.
UNIFORM = (1.0, 1.0)

_NODES = 48  # of the quadrature: within 1e-6 of the exact integral
_DROP = 32.0  # nats below its peak where a density is nothing


@dataclass(frozen=True, slots=True)
class Proportion:
    """Hold successes of a total; both may be fractions once they are corrected or weighted."""

    successes: float
    total: float

    @property
    def rate(self) -> float | None:
        """Give the share of successes; None of nothing."""
        return _inside(self.successes / self.total, 0.0, 1.0) if self.total > 0 else None


@dataclass(frozen=True, slots=True)
class Interval:
    """Hold both ends of an interval."""

    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Hold both sides of an experiment, with the sessions that their episodes are from."""

    given: Proportion
    withheld: Proportion
    sessions_given: float
    sessions_withheld: float


def wilson(proportion: Proportion, confidence: float = 0.95) -> Interval:
    """Give Wilson's score interval; 0 to 1 of nothing."""
    rate, total = proportion.rate, proportion.total
    if rate is None or total < 1e-9:  # of nothing that counts; its square would be nothing to a float
        return Interval(0.0, 1.0)
    z = _normal_quantile(confidence)
    share = z * z / total
    middle = (rate + share / 2) / (1 + share)
    half = math.sqrt(max(0.0, share * rate * (1 - rate) + share * share / 4)) / (1 + share)
    # Rounding must not take an end past what was seen.
    return Interval(_inside(middle - half, 0.0, rate), _inside(middle + half, rate, 1.0))


def difference(given: Proportion, withheld: Proportion, confidence: float = 0.95) -> Interval:
    """Give Newcombe's hybrid score interval of the difference of two rates; -1 to 1 if a side has nothing."""
    first, second = given.rate, withheld.rate
    if first is None or second is None:
        return Interval(-1.0, 1.0)
    one, two = wilson(given, confidence), wilson(withheld, confidence)
    gap = first - second
    low = gap - math.hypot(first - one.low, two.high - second)
    high = gap + math.hypot(one.high - first, second - two.low)
    return Interval(_inside(low, -1.0, gap), _inside(high, gap, 1.0))


def effective(proportion: Proportion, sessions: float, icc: float = INTRA_SESSION) -> Proportion:
    """Take a proportion down to the independent episodes that it is worth (Kish 1965; Donner and Klar 2000).

    The rate stays. With `m` episodes a session on average the total is divided by `1 + (m - 1) * icc`.
    """
    if sessions <= 0 or proportion.total <= sessions:
        return proportion
    design_effect = 1 + (proportion.total / sessions - 1) * _inside(icc, 0.0, 1.0)
    return Proportion(proportion.successes / design_effect, proportion.total / design_effect)


def standardised(strata: Sequence[Comparison]) -> Comparison:
    """Pool experiments that were run with different shares, models or projects into one fair comparison.

    Where the withheld share changed while the success rate drifted, plain sums compare one time with another.
    Each stratum is weighted as Mantel and Haenszel do, `given * withheld / (given + withheld)`, and the
    totals become what the weighted rates are worth (Kish). A stratum with one side only is left out.
    """
    kept = [one for one in strata if one.given.total > 0 and one.withheld.total > 0]
    if len(kept) == 1:
        return kept[0]
    weights = [one.given.total / (1 + one.given.total / one.withheld.total) for one in kept]
    given, of_given = _weighted([one.given for one in kept], weights)
    withheld, of_withheld = _weighted([one.withheld for one in kept], weights)
    return Comparison(
        given=given,
        withheld=withheld,
        sessions_given=of_given * sum(one.sessions_given for one in kept),
        sessions_withheld=of_withheld * sum(one.sessions_withheld for one in kept),
    )


def is_enough(comparison: Comparison) -> bool:
    """Say whether both sides have enough independent episodes for an interval to be worth showing."""
    given = effective(comparison.given, comparison.sessions_given)
    withheld = effective(comparison.withheld, comparison.sessions_withheld)
    return min(given.total, withheld.total) >= ENOUGH_EPISODES


def harm_probability(
    given: Proportion,
    withheld: Proportion,
    margin: float = 0.0,
    *,
    prior: tuple[float, float] = UNIFORM,
) -> float:
    """Give the posterior probability that the rate with a skill is more than a margin below that without it.

    Each side has a Beta posterior of its own (prior: uniform); the integral over both is computed by
    quadrature.
    """
    return _beta_below(*_posterior(given, prior), *_posterior(withheld, prior), _inside(margin, 0.0, 1.0))


def mean_difference(
    given: Sequence[float], withheld: Sequence[float], confidence: float = 0.95
) -> tuple[float, Interval] | None:
    """Give the difference of two means with Welch's interval; None with less than two values on a side."""
    if min(len(given), len(withheld)) < 2:
        return None
    gap = fmean(given) - fmean(withheld)
    one, two = variance(given) / len(given), variance(withheld) / len(withheld)
    error = one + two
    if not math.isfinite(gap) or not math.isfinite(error):
        return None
    if error <= 0:
        return gap, Interval(gap, gap)
    first, second = one / error, two / error
    degrees = 1 / (first * first / (len(given) - 1) + second * second / (len(withheld) - 1))
    half = student_quantile(degrees, confidence) * math.sqrt(error)
    return gap, Interval(gap - half, gap + half)


def student_quantile(degrees: float, confidence: float = 0.95) -> float:
    """Give the two-sided quantile of Student's t distribution."""
    normal = _normal_quantile(confidence)
    if degrees > 1e7:
        return normal
    outside = 1 - _inside(confidence, 0.0, 1 - 1e-12)
    low, high = 0.0, max(1.0, normal)
    while beta_cdf(degrees / 2, 0.5, degrees / (degrees + high * high)) > outside:
        low, high = high, high * 2
    for _ in range(80):
        middle = (low + high) / 2
        if beta_cdf(degrees / 2, 0.5, degrees / (degrees + middle * middle)) > outside:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def beta_cdf(a: float, b: float, x: float) -> float:
    """Give the regularised incomplete beta function, by its continued fraction."""
    if x <= 0:
        return 0.0
    if x >= 1:
        return 1.0
    log_front = a * math.log(x) + b * math.log1p(-x) + math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b)
    front = math.exp(min(log_front, 700.0))
    if x < (a + 1) / (a + b + 2):
        return _inside(front * _continued(a, b, x) / a, 0.0, 1.0)
    return _inside(1 - front * _continued(b, a, 1 - x) / b, 0.0, 1.0)


def _continued(a: float, b: float, x: float) -> float:
    tiny = 1e-300
    c, d = 1.0, 1 - (a + b) * x / (a + 1)
    d = 1 / (d if abs(d) > tiny else tiny)
    value = d
    # Some sqrt(max(a, b)) steps are needed; the limit only bounds absurd input.
    for m in range(1, 20_000):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        for step in (even, odd):
            d = 1 + step * d
            c = 1 + step / c
            d = 1 / (d if abs(d) > tiny else tiny)
            c = c if abs(c) > tiny else tiny
            value *= c * d
        if abs(c * d - 1) < 1e-13:
            break
    return value


def _posterior(proportion: Proportion, prior: tuple[float, float]) -> tuple[float, float]:
    total = max(0.0, proportion.total)
    successes = _inside(proportion.successes, 0.0, total)
    return prior[0] + successes, prior[1] + total - successes


@lru_cache(maxsize=65_536)
def _beta_below(a: float, b: float, c: float, d: float, margin: float) -> float:
    """Give P(X < Y - margin) of X ~ Beta(a, b) and Y ~ Beta(c, d).

    The integral runs over the narrower of both, so that the distribution function of the other is smooth on
    its scale. Beyond a million episodes both are as good as normal.
    """
    if max(a + b, c + d) > 1e6:
        gap = a / (a + b) - c / (c + d) + margin
        return NormalDist().cdf(-gap / math.sqrt(_beta_variance(a, b) + _beta_variance(c, d)))
    if _beta_variance(a, b) <= _beta_variance(c, d):
        # 1 - F(x + margin) of Beta(c, d) is F(1 - margin - x) of Beta(d, c).
        return _expected(a, b, lambda x: beta_cdf(d, c, 1 - margin - x), low=0.0, high=1 - margin)
    return _expected(c, d, lambda y: beta_cdf(a, b, y - margin), low=margin, high=1.0)


def _expected(a: float, b: float, function: Callable[[float], float], *, low: float, high: float) -> float:
    """Integrate a function times the density of Beta(a, b) between two bounds."""
    constant = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b)
    start, end = _support(a, b)
    start, end = max(start, low), min(end, high)
    if start >= end:
        return 0.0
    total = 0.0
    for node, weight in _nodes():
        x = start + (end - start) * node
        if 0 < x < 1:
            part = weight * math.exp(constant + (a - 1) * math.log(x) + (b - 1) * math.log1p(-x))
            total += part * function(x) if part * (end - start) > 1e-10 else 0.0
    return _inside(total * (end - start), 0.0, 1.0)


@cache
def _nodes() -> tuple[tuple[float, float], ...]:
    """Give the quadrature's nodes, dense at both ends: a density may end there with an infinite slope."""
    return tuple(
        (node * node * (3 - 2 * node), weight * 6 * node * (1 - node))
        for node, weight in _gauss_legendre(_NODES)
    )


def _support(a: float, b: float) -> tuple[float, float]:
    """Give the interval outside of which Beta(a, b) has nothing that counts."""
    peak = a / (a + b)
    floor = a * math.log(peak) + b * math.log1p(-peak) - _DROP
    ends = []
    for outer in (0.0, 1.0):
        inner, edge = peak, outer
        for _ in range(12):
            middle = (inner + edge) / 2
            if a * math.log(middle) + b * math.log1p(-middle) > floor:
                inner = middle
            else:
                edge = middle
        ends.append(edge)
    return ends[0], ends[1]


@cache
def _gauss_legendre(count: int) -> tuple[tuple[float, float], ...]:
    """Give the nodes in (0, 1) of the Gauss-Legendre quadrature, with their weights."""
    found = []
    for number in range(count):
        x = math.cos(math.pi * (number + 0.75) / (count + 0.5))
        slope = 1.0
        for _ in range(100):
            last, value = 0.0, 1.0
            for degree in range(count):
                last, value = value, ((2 * degree + 1) * x * value - degree * last) / (degree + 1)
            slope = count * (x * value - last) / (x * x - 1)
            step = value / slope
            x -= step
            if abs(step) < 1e-15:
                break
        found.append(((1 - x) / 2, 1 / ((1 - x * x) * slope * slope)))
    return tuple(found)


def _beta_variance(a: float, b: float) -> float:
    return (a / (a + b)) * (b / (a + b)) / (a + b + 1)


def _weighted(sides: Sequence[Proportion], weights: Sequence[float]) -> tuple[Proportion, float]:
    """Give a weighted rate with the total that it is worth, and that total's share of the plain one."""
    largest = max(weights, default=0.0)
    if largest <= 0:
        return Proportion(0.0, 0.0), 0.0
    # Of the largest: squares of tiny ones would be nothing at all.
    weights = [weight / largest for weight in weights]
    all_weights = sum(weights)
    rate = sum(weight * (side.rate or 0.0) for side, weight in zip(sides, weights, strict=True)) / all_weights
    worth = all_weights**2 / sum(w * w / side.total for side, w in zip(sides, weights, strict=True))
    return Proportion(rate * worth, worth), worth / sum(side.total for side in sides)


@cache
def _normal_quantile(confidence: float) -> float:
    return NormalDist().inv_cdf(0.5 + _inside(confidence, 0.0, 1 - 1e-12) / 2)


def _inside(value: float, low: float, high: float) -> float:
    return min(max(value, low), high)
