"""Which candidates go to trial: evidence of work that went well, from independent sessions."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from shown_lessons import FAILURE, LESSON, START, SUCCESS, UNKNOWN, grade, shows

from hivemind.domain.exposures import Arm, Channel, Offer
from hivemind.domain.outcomes import Outcome, Report
from hivemind.domain.skills import SkillDocument, SkillState
from hivemind.errors import HivemindError
from hivemind.library import lifecycle, rules
from hivemind.store import episodes, evidence, offers, skills
from hivemind.store.database import Workspace, open_database
from hivemind.store.skills import Skill

CANDIDATE, TRIAL, ACTIVE, RETIRED, REJECTED = SkillState
PERSON = "person:ann"


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    """Give one write transaction on an empty database."""
    database = open_database(tmp_path / "hivemind.db")
    with database.write() as opened:
        yield opened
    database.close()


def candidate(workspace: Workspace, *, project_id: str = "p1") -> Skill:
    """Make a candidate of the lesson."""
    document = SkillDocument(name="shop-checks", description="Use when testing.", body="Run `make test`.")
    return lifecycle.create(
        workspace,
        document,
        project_id=project_id,
        lesson_ids=[LESSON],
        origin="template",
        actor="policy:distill",
    )


def admitted(
    workspace: Workspace, skill: Skill, *, policy: str = "auto", share_policy: str = "review"
) -> SkillState:
    """Try to let a candidate go to trial; give its state after that."""
    done = lifecycle.admit(workspace, skill.skill_id, policy=policy, share_policy=share_policy)
    return done.state


def given(workspace: Workspace, skill: Skill, session: str, *, minutes: int) -> None:
    """Record that a session was given a skill so long after its start."""
    offer = Offer(
        session_id=session,
        skill_id=skill.skill_id,
        version=1,
        channel=Channel.PROMPT,
        arm=Arm.GIVEN,
        agent="claude",
        at=START + timedelta(minutes=minutes),
    )
    offers.record(workspace, [offer])


def test_sessions_are_counted_by_the_outcome_of_the_work_that_shows_the_fix(workspace: Workspace) -> None:
    """A session counts once, by the episode of the answer and not by that of the failing call."""
    shows(workspace, "a")
    shows(workspace, "b", failed_before=FAILURE, agent="codex")
    shows(workspace, "c", failed_before=SUCCESS, outcome=FAILURE)
    shows(workspace, "d", outcome=UNKNOWN)
    assert evidence.support(workspace, [LESSON, LESSON]) == evidence.Support(
        sessions=4, successes=2, failures=1, unknown=1, agents=("claude", "codex")
    )
    assert evidence.support(workspace, []) == evidence.Support()


def test_a_subagents_work_belongs_to_the_episode_of_its_time(workspace: Workspace) -> None:
    """Its file is read later, so that its place in the session says nothing."""
    shows(workspace, "a", failed_before=FAILURE, agent_id="sub")
    assert evidence.support(workspace, [LESSON]).successes == 1


def test_a_session_without_grades_says_nothing(workspace: Workspace) -> None:
    """It counts as unknown."""
    shows(workspace, "a")
    episodes.replace(workspace, "a", graded=[], graded_seq=6, version=1)
    assert evidence.support(workspace, [LESSON]).unknown == 1


def test_what_is_reported_counts_as_what_is_graded(workspace: Workspace) -> None:
    """A person's word on an outcome decides whether it is evidence."""
    shows(workspace, "a", outcome=UNKNOWN)
    at = START + timedelta(hours=1)
    episodes.report(workspace, Report(session_id="a", label=SUCCESS, score=None, actor=PERSON, at=at))
    assert evidence.support(workspace, [LESSON]).successes == 1


def test_a_session_that_had_the_skill_is_not_independent(workspace: Workspace) -> None:
    """What it did with the skill is left out; what it had shown before is not."""
    skill = candidate(workspace)
    shows(workspace, "with")
    shows(workspace, "before")
    given(workspace, skill, "with", minutes=0)
    given(workspace, skill, "before", minutes=30)
    found = evidence.support(workspace, [LESSON], skill_id=skill.skill_id)
    assert (found.sessions, found.successes, found.given) == (1, 1, 1)


@pytest.mark.parametrize(
    ("outcomes", "state"),
    [
        ([SUCCESS, SUCCESS], TRIAL),
        ([SUCCESS], CANDIDATE),
        ([SUCCESS, UNKNOWN, FAILURE], CANDIDATE),
        ([FAILURE, FAILURE, FAILURE], CANDIDATE),
    ],
)
def test_two_sessions_that_went_well_admit(
    workspace: Workspace, outcomes: list[Outcome], state: SkillState
) -> None:
    """Only graded successes count, and one is not enough."""
    for number, outcome in enumerate(outcomes):
        shows(workspace, f"s{number}", outcome=outcome)
    assert admitted(workspace, candidate(workspace)) is state


def test_a_candidate_is_admitted_when_its_evidence_is_complete(workspace: Workspace) -> None:
    """What waits is admitted once the second session went well; the ledger has the numbers of then."""
    shows(workspace, "a")
    shows(workspace, "b", outcome=UNKNOWN)
    skill = candidate(workspace)
    assert admitted(workspace, skill) is CANDIDATE
    grade(workspace, "b", outcome=SUCCESS)
    assert admitted(workspace, skill) is TRIAL
    made, moved = skills.decisions(workspace, skill.skill_id)
    assert made.numbers["successful_sessions"] == 1
    assert (moved.actor, moved.numbers["successful_sessions"], moved.numbers["sessions"]) == (
        "policy:auto",
        2,
        2,
    )
    assert moved.reason == "2 independent sessions show it in work that went well"


def test_a_persons_own_word_is_enough(workspace: Workspace) -> None:
    """A rule that somebody stated needs no second session, and the ledger says so."""
    shows(workspace, "a", outcome=UNKNOWN, explicit=True)
    skill = candidate(workspace)
    assert admitted(workspace, skill) is TRIAL
    assert skills.decisions(workspace, skill.skill_id)[-1].reason == "a person stated it in a session"


@pytest.mark.parametrize(
    ("policy", "share_policy", "project_id", "state"),
    [
        ("auto", "review", "p1", TRIAL),
        ("review", "auto", "p1", CANDIDATE),
        ("auto", "review", "", CANDIDATE),
        ("review", "auto", "", TRIAL),
    ],
)
def test_each_scope_has_its_policy(
    workspace: Workspace, policy: str, share_policy: str, project_id: str, state: SkillState
) -> None:
    """A skill of every project is under the policy of sharing, whatever one's own project allows."""
    for session in ("a", "b"):
        shows(workspace, session)
    skill = candidate(workspace, project_id=project_id)
    assert admitted(workspace, skill, policy=policy, share_policy=share_policy) is state


def test_an_unknown_policy_lets_nothing_load(workspace: Workspace) -> None:
    """A misspelt policy is refused, in either scope."""
    skill = candidate(workspace)
    for policy, share_policy in (("Auto", "review"), ("auto", "")):
        with pytest.raises(HivemindError) as caught:
            admitted(workspace, skill, policy=policy, share_policy=share_policy)
        assert caught.value.slug == "policy-unknown"


@pytest.mark.parametrize("state", [TRIAL, ACTIVE])
def test_a_person_may_decide_on_less(workspace: Workspace, state: SkillState) -> None:
    """The ledger then says that it was an override, and what was missing."""
    shows(workspace, "a")
    skill = candidate(workspace)
    lifecycle.decide(workspace, skill.skill_id, state, actor=PERSON, reason="I know it works")
    last = skills.decisions(workspace, skill.skill_id)[-1]
    assert last.numbers["override"] is True
    assert last.reason == (
        "I know it works; 1 session shows it in work that went well, of 2 that it needs, "
        "and a person decides all the same"
    )


def test_with_enough_evidence_a_person_overrides_nothing(workspace: Workspace) -> None:
    """An approval on enough evidence is an approval."""
    for session in ("a", "b"):
        shows(workspace, session)
    skill = candidate(workspace)
    lifecycle.decide(workspace, skill.skill_id, ACTIVE, actor=PERSON, reason="good")
    last = skills.decisions(workspace, skill.skill_id)[-1]
    assert ("override" in last.numbers, last.reason) == (False, "good")


def test_a_person_who_takes_back_an_admission_is_respected(workspace: Workspace) -> None:
    """The machine admits again only when three more sessions, and twice as many, went well."""
    for session in ("a", "b"):
        shows(workspace, session)
    skill = candidate(workspace)
    admitted(workspace, skill)
    lifecycle.undo(workspace, skill.skill_id, actor=PERSON)
    assert admitted(workspace, skill) is CANDIDATE
    for session in ("c", "d"):
        shows(workspace, session)
    assert admitted(workspace, skill) is CANDIDATE
    shows(workspace, "e")
    assert admitted(workspace, skill) is TRIAL


def test_what_a_person_rejected_comes_back_only_with_much_more_evidence_and_waits(
    workspace: Workspace,
) -> None:
    """Three more successes and twice as many make it a candidate; it then waits for a person."""
    for session in ("a", "b", "c"):
        shows(workspace, session)
    skill = candidate(workspace)
    skill = lifecycle.decide(workspace, skill.skill_id, REJECTED, actor=PERSON)
    for session in ("d", "e"):
        shows(workspace, session)
    assert rules.may_come_back(workspace, skill) == ""
    assert lifecycle.come_back(workspace, skill.skill_id).state is REJECTED
    shows(workspace, "f")
    assert rules.may_come_back(workspace, skill, lesson_ids=[LESSON])
    assert lifecycle.come_back(workspace, skill.skill_id).state is CANDIDATE
    assert skills.decisions(workspace, skill.skill_id)[-1].reason == (
        "6 sessions show it in work that went well now; 3 did when it was rejected"
    )
    assert admitted(workspace, skill) is CANDIDATE
    skill = lifecycle.decide(workspace, skill.skill_id, REJECTED, actor=PERSON)
    assert rules.may_come_back(workspace, skill) == ""


def test_only_a_persons_rejection_is_asked_about_again(workspace: Workspace) -> None:
    """What a policy put away is the policy's own business; a candidate is not rejected at all."""
    for session in ("a", "b", "c", "d"):
        shows(workspace, session)
    skill = candidate(workspace)
    assert rules.may_come_back(workspace, skill) == ""
    skill = lifecycle.decide(workspace, skill.skill_id, REJECTED, actor="policy:distill")
    assert rules.may_come_back(workspace, skill) == ""


def test_a_rejection_that_was_taken_back_holds_nothing_up(workspace: Workspace) -> None:
    """After an undo the candidate is judged by its evidence."""
    for session in ("a", "b"):
        shows(workspace, session)
    skill = candidate(workspace)
    lifecycle.decide(workspace, skill.skill_id, REJECTED, actor=PERSON)
    lifecycle.undo(workspace, skill.skill_id, actor=PERSON)
    assert admitted(workspace, skill) is TRIAL


def test_keeping_a_skill_is_a_row_of_the_ledger_and_moves_nothing(workspace: Workspace) -> None:
    """Who looked, why and with what numbers is recorded; undo takes it back."""
    skill = candidate(workspace)
    kept = lifecycle.keep(
        workspace, skill.skill_id, actor=PERSON, reason="it is right", numbers={"kept": "stale"}
    )
    assert (kept.state, kept.version) == (skill.state, skill.version)
    last = skills.decisions(workspace, skill.skill_id)[-1]
    assert (last.from_state, last.to_state, last.reason, last.numbers["kept"]) == (
        CANDIDATE,
        CANDIDATE,
        "it is right",
        "stale",
    )
    lifecycle.undo(workspace, skill.skill_id, actor=PERSON)
    assert len(rules.standing(skills.decisions(workspace, skill.skill_id))) == 1
