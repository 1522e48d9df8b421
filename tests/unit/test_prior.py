"""What is known of a skill orders those that a prompt finds alike, and no more than that."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hivemind.retrieval.index.prior import MOST, Prior, of_outcomes
from hivemind.retrieval.index.searching import Hit

COUNTS = st.tuples(st.integers(0, 5000), st.integers(0, 5000))


def _hit(skill_id: str, *, score: float, confidence: float = 0.5) -> Hit:
    return Hit(skill_id=skill_id, version=1, project_id="", score=score, confidence=confidence)


def test_a_skill_that_helped_comes_before_its_like() -> None:
    """Of two that score the same, the one with the better record is first, and surer."""
    prior = Prior({"b": of_outcomes(given=(30, 10), withheld=(15, 25))})
    found = prior.applied([_hit("a", score=7.0), _hit("b", score=7.0)], k=2)
    assert [hit.skill_id for hit in found] == ["b", "a"]
    assert found[0].confidence > found[1].confidence == 0.5
    assert found[0].figures["evidence"] == pytest.approx(found[0].score - 7.0)


def test_what_fits_better_by_far_stays_first() -> None:
    """The best record does not make up for a prompt about something else."""
    prior = Prior({"b": of_outcomes(given=(1000, 0), withheld=(0, 1000))})
    assert prior.applied([_hit("a", score=9.5), _hit("b", score=8.0)], k=1)[0].skill_id == "a"


def test_nothing_is_known_without_both_sides() -> None:
    """Successes alone prove nothing: the task may be easy."""
    assert of_outcomes(given=(100, 0), withheld=(0, 0)) == 0.0
    assert of_outcomes(given=(0, 0), withheld=(0, 100)) == 0.0


@given(given_=COUNTS, withheld=COUNTS)
def test_it_is_bounded_and_has_the_sign_of_the_difference(
    given_: tuple[int, int], withheld: tuple[int, int]
) -> None:
    """Whatever the counts."""
    found = of_outcomes(given=given_, withheld=withheld)
    assert abs(found) <= MOST
    rates = [(one[0] + 1) / (sum(one) + 2) for one in (given_, withheld)]
    assert found * (rates[0] - rates[1]) >= 0


@given(st.floats(0, 1), st.floats(-MOST, MOST))
def test_confidence_stays_a_probability(confidence: float, known: float) -> None:
    """At both ends, too."""
    hit = Prior({"a": known}).applied([_hit("a", score=1.0, confidence=confidence)], k=1)[0]
    assert 0 <= hit.confidence <= 1
