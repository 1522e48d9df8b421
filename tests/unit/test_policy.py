"""Skills are promoted on evidence without a sign of harm, demoted on harm, withheld more while in doubt."""

from dataclasses import replace

import pytest
from hypothesis import given as over
from hypothesis import strategies as st

from hivemind.domain.skills import LIVE_STATES, SkillState
from hivemind.evaluation.policy import DEFAULT, Numbers, Thresholds, Verdict, holdout_share, judge
from hivemind.evaluation.statistics import Comparison, Proportion

NOTHING = Proportion(0, 0)


def _numbers(
    given: tuple[float, float] = (0, 0),
    withheld: tuple[float, float] = (0, 0),
    *,
    evidence: int = 2,
    exposures: int = 50,
    episodes_a_session: float = 1,
) -> Numbers:
    return Numbers(
        given=Proportion(*given),
        withheld=Proportion(*withheld),
        sessions_given=given[1] / episodes_a_session,
        sessions_withheld=withheld[1] / episodes_a_session,
        evidence_sessions=evidence,
        exposures=exposures,
    )


GOOD = _numbers((40, 50), (4, 8))
DOUBTFUL = _numbers((25, 50), (6, 8))
HARMFUL = _numbers((8, 50), (10, 12))


def test_evidence_and_exposure_without_harm_promote() -> None:
    """Two successful sessions and enough exposure make a skill on trial active; the reason has numbers."""
    found = judge(SkillState.TRIAL, GOOD)
    assert found.verdict is Verdict.PROMOTE
    assert "2 successful sessions" in found.reason
    assert "40 of 50" in found.reason


@pytest.mark.parametrize(
    ("numbers", "words"),
    [
        (replace(GOOD, evidence_sessions=1), "1 of 2 successful sessions"),
        (replace(GOOD, exposures=3), "3 of"),
        (DOUBTFUL, "likely to harm"),
    ],
)
def test_what_is_missing_waits_and_is_told(numbers: Numbers, words: str) -> None:
    """Too little evidence, few exposures or a sign of harm keep a skill on trial; the reason says which."""
    found = judge(SkillState.TRIAL, numbers)
    assert found.verdict is Verdict.WAIT
    assert words in found.reason


@pytest.mark.parametrize("state", LIVE_STATES)
def test_harm_demotes_at_once(state: SkillState) -> None:
    """What harms is demoted, on trial or active, whatever its evidence."""
    found = judge(state, HARMFUL)
    assert found.verdict is Verdict.DEMOTE
    assert found.harm_probability is not None
    assert found.harm_probability >= DEFAULT.harm


def test_episodes_of_few_sessions_demote_later() -> None:
    """The same counts from a fifth of the sessions are worth less, and do not suffice."""
    scattered = _numbers((14, 40), (9, 12))
    clustered = _numbers((14, 40), (9, 12), episodes_a_session=5)
    assert judge(SkillState.ACTIVE, scattered).verdict is Verdict.DEMOTE
    assert judge(SkillState.ACTIVE, clustered).verdict is Verdict.WAIT


def test_nothing_withheld_shows_no_harm() -> None:
    """Without a holdout nothing is demoted, evidence alone promotes, and the reason says what is unknown."""
    found = judge(SkillState.TRIAL, _numbers((0, 100)))
    assert found.verdict is Verdict.PROMOTE
    assert "not enough data on harm" in found.reason
    assert found.harm_probability is None


@pytest.mark.parametrize("state", [state for state in SkillState if state not in LIVE_STATES])
def test_what_is_not_live_is_left_to_people(state: SkillState) -> None:
    """Candidates, retired and rejected skills are neither promoted nor demoted, nor withheld."""
    assert judge(state, HARMFUL).verdict is Verdict.WAIT
    assert judge(state, GOOD).verdict is Verdict.WAIT
    assert holdout_share(state, GOOD, 0.1) == 0


def test_benefit_is_never_claimed() -> None:
    """However good the numbers, an active skill only stays active."""
    assert judge(SkillState.ACTIVE, _numbers((990, 1_000), (5, 500))).verdict is Verdict.WAIT


def test_doubt_raises_the_share_and_its_end_lowers_it() -> None:
    """A skill that seems to harm is withheld from half of the sessions; off stays off."""
    assert holdout_share(SkillState.ACTIVE, DOUBTFUL, 0.05) == DEFAULT.doubt_share
    assert holdout_share(SkillState.ACTIVE, _numbers((30, 50), (5, 8)), 0.05) == 0.05
    assert holdout_share(SkillState.TRIAL, _numbers(), 0.1) == 0.1
    assert holdout_share(SkillState.ACTIVE, DOUBTFUL, 0.0) == 0.0


def test_thresholds_can_be_set() -> None:
    """A stricter threshold of harm, or a margin, keeps what the default demotes."""
    assert judge(SkillState.ACTIVE, HARMFUL, thresholds=Thresholds(harm=1.0)).verdict is Verdict.WAIT
    assert judge(SkillState.ACTIVE, HARMFUL, thresholds=Thresholds(margin=0.9)).verdict is Verdict.WAIT


def test_numbers_are_taken_from_a_comparison() -> None:
    """Both sides come over as they are."""
    comparison = Comparison(given=Proportion(3, 4), withheld=NOTHING, sessions_given=2, sessions_withheld=0)
    found = Numbers.of(comparison, evidence_sessions=1, exposures=9)
    assert (found.given, found.withheld, found.sessions_given, found.exposures) == (
        Proportion(3, 4), NOTHING, 2, 9,
    )  # fmt: skip


counts = st.tuples(st.integers(0, 2_000), st.integers(0, 2_000)).map(lambda pair: (pair[0], sum(pair)))


@over(st.sampled_from(SkillState), counts, counts, st.integers(0, 9), st.floats(1, 20), st.floats(0, 1))
def test_any_numbers_have_a_verdict_and_a_share(
    state: SkillState,
    given: tuple[int, int],
    withheld: tuple[int, int],
    evidence: int,
    episodes: float,
    base: float,
) -> None:
    """No numbers raise; nothing is both promoted and demoted, and shares stay shares."""
    numbers = _numbers(given, withheld, evidence=evidence, episodes_a_session=episodes)
    found = judge(state, numbers)
    assert found.reason
    if found.verdict is Verdict.PROMOTE:
        assert state is SkillState.TRIAL
        assert evidence >= DEFAULT.evidence_sessions
    share = holdout_share(state, numbers, base)
    assert 0 <= share <= 1
    if state in LIVE_STATES and base > 0 and found.harm_probability is None:
        assert share == base


@over(counts, counts)
def test_a_failure_more_never_saves_a_skill(given: tuple[int, int], withheld: tuple[int, int]) -> None:
    """What is demoted stays so with one more failed episode with it."""
    worse = (given[0], given[1] + 1)
    if judge(SkillState.ACTIVE, _numbers(given, withheld)).verdict is Verdict.DEMOTE:
        harm = judge(SkillState.ACTIVE, _numbers(worse, withheld)).harm_probability
        assert harm is not None
        assert harm >= DEFAULT.harm - 1e-6
