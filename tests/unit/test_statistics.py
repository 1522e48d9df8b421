"""Intervals and probabilities agree with published tables and with scipy, and hold for any counts."""

import itertools
import math

import pytest
from hypothesis import given as over
from hypothesis import strategies as st

from hivemind.evaluation.statistics import (
    Comparison,
    Interval,
    Proportion,
    beta_cdf,
    difference,
    effective,
    harm_probability,
    is_enough,
    mean_difference,
    standardised,
    student_quantile,
    wilson,
)

#: Newcombe 1998, table II, method 10: two proportions and their 95 % interval.
NEWCOMBE = [
    ((56, 70), (48, 80), (0.0524, 0.3339)),
    ((9, 10), (3, 10), (0.1705, 0.8090)),
    ((6, 7), (2, 7), (0.0582, 0.8062)),
    ((5, 56), (0, 29), (-0.0381, 0.1926)),
    ((0, 10), (0, 20), (-0.1611, 0.2775)),
    ((0, 10), (0, 10), (-0.2775, 0.2775)),
    ((10, 10), (0, 20), (0.6791, 1.0)),
    ((10, 10), (0, 10), (0.6075, 1.0)),
]


@st.composite
def proportions(draw: st.DrawFn) -> Proportion:
    """Draw a proportion, whole or fractional, empty or huge."""
    total = draw(st.one_of(st.integers(0, 50), st.integers(0, 10**12), st.floats(0, 1e6)))
    share = draw(st.one_of(st.sampled_from([0.0, 1.0]), st.floats(0, 1)))
    return Proportion(total * share, total)


def _pair(first: tuple[int, int], second: tuple[int, int]) -> tuple[Proportion, Proportion]:
    return Proportion(*first), Proportion(*second)


@pytest.mark.parametrize(("first", "second", "interval"), NEWCOMBE)
def test_difference_is_that_of_the_published_table(
    first: tuple[int, int], second: tuple[int, int], interval: tuple[float, float]
) -> None:
    """Each example of Newcombe's table II comes out to four digits."""
    found = difference(*_pair(first, second))
    assert (found.low, found.high) == pytest.approx(interval, abs=5e-5)


@pytest.mark.parametrize(("successes", "total"), [(0, 10), (81, 263), (15, 148), (0, 20), (1, 29), (29, 29)])
def test_wilson_is_that_of_scipy(successes: int, total: int) -> None:
    """Wilson's interval is the one that scipy gives."""
    scipy_stats = pytest.importorskip("scipy.stats")
    expected = scipy_stats.binomtest(successes, total).proportion_ci(method="wilson")
    found = wilson(Proportion(successes, total))
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=1e-12)


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ((0, 0), (0, 0), 0.5),
        ((1, 2), (1, 2), 0.5),
        ((0, 1), (0, 0), 2 / 3),  # 1 - the mean of Beta(1, 2)
        ((0, 1), (1, 1), 5 / 6),
        ((2, 2), (0, 2), 1 / 20),  # of 6! orders of X = max of 3, Y = min of 3: one in C(6, 3)
    ],
)
def test_harm_probability_by_hand(first: tuple[int, int], second: tuple[int, int], expected: float) -> None:
    """Small counts give the fractions that can be worked out."""
    assert harm_probability(*_pair(first, second)) == pytest.approx(expected, abs=1e-7)


@pytest.mark.parametrize("margin", [0.0, 0.02, 0.1])
@pytest.mark.parametrize(
    ("first", "second"),
    [((12, 40), (9, 12)), ((3.2, 7.9), (1.1, 2.4)), ((480, 900), (61, 100)), ((0, 3), (30_000, 60_000))],
)
def test_harm_probability_is_that_of_scipy(
    first: tuple[float, float], second: tuple[float, float], margin: float
) -> None:
    """The quadrature agrees with an integral by scipy."""
    stats = pytest.importorskip("scipy.stats")
    integrate = pytest.importorskip("scipy.integrate")
    given, withheld = Proportion(*first), Proportion(*second)
    with_it = stats.beta(1 + given.successes, 1 + given.total - given.successes)
    without = stats.beta(1 + withheld.successes, 1 + withheld.total - withheld.successes)
    cuts = sorted({margin, 1.0, *(x for q in (1e-9, 0.5, 1 - 1e-9) if (x := without.ppf(q)) > margin)})
    expected = sum(
        integrate.quad(lambda y: without.pdf(y) * with_it.cdf(y - margin), low, high, epsabs=1e-11)[0]
        for low, high in itertools.pairwise(cuts)
    )
    assert harm_probability(given, withheld, margin) == pytest.approx(expected, abs=1e-6)


def test_a_prior_of_ones_own_counts() -> None:
    """Jeffreys' prior gives another answer than the uniform one, and so does a strong one."""
    given, withheld = Proportion(1, 4), Proportion(3, 4)
    answers = {round(harm_probability(given, withheld, prior=p), 6) for p in ((1, 1), (0.5, 0.5), (50, 50))}
    assert len(answers) == 3


@over(proportions(), proportions(), st.floats(0.5, 0.999))
def test_a_difference_is_bounded_and_antisymmetric(
    one: Proportion, two: Proportion, confidence: float
) -> None:
    """No counts raise or leave [-1, 1]; with the arms swapped both ends change sides and sign."""
    found, swapped = difference(one, two, confidence), difference(two, one, confidence)
    assert -1 <= found.low <= found.high <= 1
    assert (found.low, found.high) == pytest.approx((-swapped.high, -swapped.low), abs=1e-12)
    if one.rate is not None and two.rate is not None:
        assert found.low - 1e-12 <= one.rate - two.rate <= found.high + 1e-12


@over(proportions(), st.floats(0.5, 0.999))
def test_wilson_holds_the_rate(one: Proportion, confidence: float) -> None:
    """The interval is within [0, 1] and around what was seen."""
    found = wilson(one, confidence)
    assert 0 <= found.low <= (one.rate or found.low) <= found.high <= 1


@over(proportions(), proportions())
def test_harm_and_benefit_are_all_there_is(one: Proportion, two: Proportion) -> None:
    """Without a margin the probabilities of harm and of its opposite add up to one."""
    harm, benefit = harm_probability(one, two), harm_probability(two, one)
    assert 0 <= harm <= 1
    assert harm + benefit == pytest.approx(1, abs=1e-5)


@over(proportions(), proportions(), st.floats(0, 1))
def test_a_margin_makes_harm_less_likely(one: Proportion, two: Proportion, margin: float) -> None:
    """More than some loss is never likelier than any loss, and never NaN."""
    assert harm_probability(one, two, margin) <= harm_probability(one, two) + 1e-5


@over(st.integers(0, 200), st.integers(0, 200), st.integers(0, 60), st.integers(0, 60))
def test_one_more_success_with_it_makes_harm_less_likely(
    successes: int, failures: int, other_successes: int, other_failures: int
) -> None:
    """Harm falls with each success, and rises with each failure, of those who had the skill."""
    withheld = Proportion(other_successes, other_successes + other_failures)
    total = successes + failures
    now = harm_probability(Proportion(successes, total), withheld)
    assert harm_probability(Proportion(successes + 1, total + 1), withheld) <= now + 1e-6
    assert harm_probability(Proportion(successes, total + 1), withheld) >= now - 1e-6


@over(proportions(), st.integers(0, 10**6), st.floats(0, 1))
def test_a_design_effect_keeps_the_rate(one: Proportion, sessions: int, icc: float) -> None:
    """Correction never adds episodes, never goes below one a session, and leaves the rate."""
    found = effective(one, sessions, icc)
    assert min(one.total, sessions) * (1 - 1e-9) <= found.total <= one.total
    if one.rate is not None and found.rate is not None:
        assert found.rate == pytest.approx(one.rate, abs=1e-9)


def test_a_design_effect_by_hand() -> None:
    """Four episodes a session with a correlation of 0.2 are worth 1 / 1.6 of as many independent ones."""
    assert effective(Proportion(32, 64), 16, 0.2) == Proportion(20, 40)
    assert effective(Proportion(3, 6), 6) == Proportion(3, 6)
    assert effective(Proportion(32, 64), 16, 1.0).total == 16


def _compared(given: Proportion, withheld: Proportion) -> Comparison:
    return Comparison(
        given=given, withheld=withheld, sessions_given=given.total, sessions_withheld=withheld.total
    )


def test_pooling_undoes_a_drift_that_came_with_a_new_share() -> None:
    """A useless skill seems to harm in plain sums where the share rose as success did; pooled it does not."""
    early = _compared(Proportion(27, 90), Proportion(3, 10))
    late = _compared(Proportion(40, 50), Proportion(40, 50))
    plain = difference(Proportion(67, 140), Proportion(43, 60))
    assert plain.high < 0
    pooled = standardised([early, late])
    assert (pooled.given.rate or 0) - (pooled.withheld.rate or 0) == pytest.approx(0)
    assert pooled.given.total < 140
    assert pooled.withheld.total <= 60


def test_pooling_leaves_out_what_has_one_side_only() -> None:
    """A stratum without a withheld episode says nothing; one alone stays as it is."""
    whole = _compared(Proportion(5, 9), Proportion(1, 2))
    assert standardised([whole, _compared(Proportion(100, 100), Proportion(0, 0))]) == whole
    nothing = standardised([])
    assert (nothing.given.total, nothing.withheld.total, nothing.sessions_given) == (0, 0, 0)


@over(st.lists(st.tuples(proportions(), proportions()), max_size=6))
def test_pooling_holds_for_any_strata(pairs: list[tuple[Proportion, Proportion]]) -> None:
    """No strata raise, nothing is NaN, and pooling never makes more episodes than there were."""
    strata = [_compared(one, two) for one, two in pairs]
    found = standardised(strata)
    assert 0 <= found.given.successes <= found.given.total * (1 + 1e-9)
    assert found.given.total <= sum(one.total for one, _ in pairs) * (1 + 1e-9)
    assert math.isfinite(found.withheld.total)
    assert is_enough(found) in (True, False)


def test_enough_needs_both_sides() -> None:
    """An interval is worth showing from ten independent episodes on each side."""
    assert is_enough(_compared(Proportion(5, 10), Proportion(5, 10)))
    assert not is_enough(_compared(Proportion(500, 1_000), Proportion(5, 9)))
    same_session = Comparison(
        given=Proportion(5, 10), withheld=Proportion(5, 10), sessions_given=10, sessions_withheld=2
    )
    assert not is_enough(same_session)


def test_means_are_compared_as_welch_does() -> None:
    """The interval of two means is the one of scipy; too little gives none."""
    stats = pytest.importorskip("scipy.stats")
    one, two = [3.0, 4.5, 9.0, 2.0, 7.5], [1.0, 1.5, 2.5]
    test = stats.ttest_ind(one, two, equal_var=False)
    expected = test.confidence_interval(0.95)
    found = mean_difference(one, two)
    assert found is not None
    gap, interval = found
    assert gap == pytest.approx(5.2 - 5 / 3)
    assert (interval.low, interval.high) == pytest.approx((expected.low, expected.high), abs=1e-8)
    assert mean_difference([1.0], two) is None
    assert mean_difference([2.0, 2.0], [1.0, 1.0]) == (1.0, Interval(1.0, 1.0))


@over(st.lists(st.floats(-1e9, 1e9), max_size=20), st.lists(st.floats(-1e9, 1e9), max_size=20))
def test_any_means_have_an_interval_around_them(one: list[float], two: list[float]) -> None:
    """No numbers raise, and the interval holds the difference."""
    found = mean_difference(one, two)
    assert (found is None) == (min(len(one), len(two)) < 2)
    if found is not None:
        assert found[1].low <= found[0] <= found[1].high


@pytest.mark.parametrize("degrees", [1, 1.5, 2, 7.3, 30, 1_000, 1e6, 1e9])
def test_student_quantiles_are_those_of_scipy(degrees: float) -> None:
    """Quantiles of t agree with scipy from one degree of freedom to many."""
    stats = pytest.importorskip("scipy.stats")
    for confidence in (0.5, 0.9, 0.95, 0.99):
        expected = stats.t.ppf(0.5 + confidence / 2, degrees)
        assert student_quantile(degrees, confidence) == pytest.approx(expected, rel=1e-6)


@over(st.floats(0.5, 1e6), st.floats(0.5, 1e6), st.floats(0, 1))
def test_the_beta_distribution_is_that_of_scipy(a: float, b: float, x: float) -> None:
    """The distribution function of Beta agrees with scipy."""
    special = pytest.importorskip("scipy.special")
    assert beta_cdf(a, b, x) == pytest.approx(special.betainc(a, b, x), abs=1e-7)
