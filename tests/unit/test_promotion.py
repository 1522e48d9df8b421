"""Skills move by their numbers: up under `auto`, out of use where they harm, not against a person."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, suppress
from datetime import timedelta
from pathlib import Path

import pytest
from shown_lessons import FAILURE, LESSON, START, SUCCESS, UNKNOWN, grade, shows

from hivemind.domain.exposures import Arm, Channel
from hivemind.domain.outcomes import Outcome
from hivemind.domain.skills import SkillDocument, SkillState
from hivemind.evaluation import promotion, refresh
from hivemind.evaluation.promotion import Change
from hivemind.evaluation.refresh import Refreshed, Shares
from hivemind.library import lifecycle
from hivemind.library.rules import Policies
from hivemind.store import exposures, flags, sessions, skills
from hivemind.store.database import Workspace, open_database
from hivemind.store.exposures import Exposure
from hivemind.store.flags import FlagKind
from hivemind.store.skills import Skill

CANDIDATE, TRIAL, ACTIVE, RETIRED, REJECTED = SkillState
PERSON = "person:ann"
GIVEN, WITHHELD = Arm.GIVEN, Arm.WITHHELD
NOW = START + timedelta(days=30)


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    """Give one write transaction on an empty database."""
    database = open_database(tmp_path / "hivemind.db")
    with database.write() as opened:
        yield opened
    database.close()


def made(workspace: Workspace, *, state: SkillState = TRIAL, project_id: str = "p1") -> Skill:
    """Make a skill of the lesson, which two sessions show in work that went well."""
    for session in ("first", "second"):
        shows(workspace, session)
    document = SkillDocument(name="shop-checks", description="Use when testing.", body="Run `make test`.")
    skill = lifecycle.create(
        workspace,
        document,
        project_id=project_id,
        lesson_ids=[LESSON],
        origin="template",
        actor="policy:distill",
    )
    for each in {CANDIDATE: [], TRIAL: [TRIAL], ACTIVE: [TRIAL, ACTIVE], REJECTED: [REJECTED]}[state]:
        actor = PERSON if each is REJECTED else "policy:auto"
        skill = lifecycle.decide(workspace, skill.skill_id, each, actor=actor)
    return skill


def used(
    workspace: Workspace, skill: Skill, arm: Arm, outcomes: Sequence[Outcome], *, word: str = ""
) -> None:
    """Store a session for each outcome, all of the experiment, that had the skill or was denied it."""
    for number, outcome in enumerate(outcomes):
        session = f"{word}{arm.value}{number}"
        shows(workspace, session, outcome=outcome, at=START + timedelta(days=1, hours=number))
        row = Exposure(
            episode_id=f"{session}-p1",
            skill_id=skill.skill_id,
            session_id=session,
            project_id="p1",
            version=skill.version,
            arm=arm,
            share=0.1,
            channel=Channel.PROMPT,
            agent="claude",
            request_model="claude-opus-5-5",
            followed=None,
            at=START,
        )
        exposures.replace_of_session(workspace, session, [row])


def harms(workspace: Workspace, skill: Skill, *, word: str = "", times: int = 1) -> None:
    """Let the work with a skill go much worse than that without."""
    used(workspace, skill, GIVEN, [FAILURE] * 14 * times + [SUCCESS] * 2 * times, word=word)
    used(workspace, skill, WITHHELD, [SUCCESS] * 12 * times + [FAILURE] * times, word=word)


def applied(workspace: Workspace, *, publish: str = "auto", share: str = "review") -> list[Change]:
    """Move what is to be moved."""
    return promotion.apply(workspace, policies=Policies(publish=publish, share=share), now=NOW)


def moves(changes: Sequence[Change]) -> list[tuple[SkillState, SkillState]]:
    """Give from where to where skills were moved."""
    return [(change.before, change.after) for change in changes]


def test_a_candidate_is_looked_at_again_whenever_sessions_come(workspace: Workspace) -> None:
    """It stays while its evidence is short, and goes to trial when that is complete."""
    skill = made(workspace, state=CANDIDATE)
    grade(workspace, "second", outcome=UNKNOWN)
    assert applied(workspace) == []
    grade(workspace, "second", outcome=SUCCESS)
    assert applied(workspace, publish="review") == []
    (change,) = applied(workspace)
    assert (change.skill_id, change.before, change.after) == (skill.skill_id, CANDIDATE, TRIAL)
    assert change.reason == "2 independent sessions show it in work that went well"
    assert applied(workspace) == []


def test_what_was_used_without_harm_becomes_active_under_auto(workspace: Workspace) -> None:
    """The ledger says by which policy and with which numbers; no benefit is claimed."""
    skill = made(workspace)
    assert applied(workspace) == []
    used(workspace, skill, GIVEN, [SUCCESS] * 10 + [UNKNOWN] * 2)
    assert applied(workspace, publish="review") == []
    assert moves(applied(workspace)) == [(TRIAL, ACTIVE)]
    last = skills.decisions(workspace, skill.skill_id)[-1]
    assert (last.actor, last.numbers["exposures"], last.numbers["successful_sessions"]) == (
        "policy:auto",
        12,
        12,
    )
    assert "no sign of harm" in last.reason
    assert applied(workspace) == []


def test_a_skill_of_every_project_needs_a_person(workspace: Workspace) -> None:
    """Unless the policy of sharing says otherwise."""
    skill = made(workspace, project_id="")
    used(workspace, skill, GIVEN, [SUCCESS] * 12)
    assert applied(workspace) == []
    assert moves(applied(workspace, publish="review", share="auto")) == [(TRIAL, ACTIVE)]


@pytest.mark.parametrize("state", [TRIAL, ACTIVE])
@pytest.mark.parametrize("publish", ["auto", "review"])
def test_what_harms_is_retired_under_every_policy(
    workspace: Workspace, state: SkillState, publish: str
) -> None:
    """At once, with the numbers in the ledger, and a flag for its author."""
    skill = made(workspace, state=state)
    harms(workspace, skill)
    assert moves(applied(workspace, publish=publish)) == [(state, RETIRED)]
    last = skills.decisions(workspace, skill.skill_id)[-1]
    assert last.actor == "policy:harm"
    assert (last.numbers["given"], last.numbers["withheld"], last.numbers["exposures"]) == (
        [2.0, 16.0],
        [12.0, 13.0],
        16,
    )
    assert last.numbers["harm_probability"] > 0.99
    (flag,) = flags.listed(workspace)
    assert (flag.kind, flag.message, flag.at) == (FlagKind.HARM, last.reason, NOW)
    assert applied(workspace, publish=publish) == []


def test_a_person_who_brings_it_back_is_respected(workspace: Workspace) -> None:
    """On the same data the machine does not retire it again; with half as many exposures more it does."""
    skill = made(workspace)
    harms(workspace, skill)
    applied(workspace)
    lifecycle.undo(workspace, skill.skill_id, actor=PERSON)
    assert flags.listed(workspace) == []
    assert applied(workspace) == []
    used(workspace, skill, GIVEN, [FAILURE] * 7, word="more")
    assert applied(workspace) == []
    used(workspace, skill, GIVEN, [FAILURE], word="enough")
    assert moves(applied(workspace)) == [(TRIAL, RETIRED)]


def test_what_a_person_mended_is_not_retired_for_what_it_was(workspace: Workspace) -> None:
    """Its new text is judged by its own numbers, however bad those of the old one were."""
    skill = made(workspace)
    harms(workspace, skill)
    applied(workspace)
    lifecycle.undo(workspace, skill.skill_id, actor=PERSON)
    mended = SkillDocument(name=skill.name, description="Use when testing.", body="Run `make check`.")
    skill = lifecycle.add_version(workspace, skill.skill_id, mended, origin="person", actor=PERSON)
    used(workspace, skill, GIVEN, [SUCCESS, FAILURE] * 6, word="new")
    used(workspace, skill, WITHHELD, [SUCCESS, FAILURE] * 6, word="new")
    assert [move for move in moves(applied(workspace)) if move[1] is RETIRED] == []


def test_a_person_who_puts_it_back_to_trial_is_respected(workspace: Workspace) -> None:
    """A promotion that was taken back is not repeated on the same data."""
    skill = made(workspace)
    used(workspace, skill, GIVEN, [SUCCESS] * 12)
    applied(workspace)
    lifecycle.undo(workspace, skill.skill_id, actor=PERSON)
    assert applied(workspace) == []
    used(workspace, skill, GIVEN, [SUCCESS] * 6, word="more")
    assert moves(applied(workspace)) == [(TRIAL, ACTIVE)]


def test_what_a_person_rejected_is_asked_about_again_and_not_used(workspace: Workspace) -> None:
    """With materially more evidence it is a candidate, and waits for the person."""
    made(workspace, state=REJECTED)
    for number in range(2):
        shows(workspace, f"later{number}")
    assert applied(workspace) == []
    shows(workspace, "later2")
    assert moves(applied(workspace)) == [(REJECTED, CANDIDATE)]
    assert applied(workspace) == []


def test_a_name_that_was_taken_meanwhile_keeps_it_away(workspace: Workspace) -> None:
    """Another skill has the name: the rejected one stays where it is, and the rest is looked at."""
    made(workspace, state=REJECTED)
    other = lifecycle.create(
        workspace,
        SkillDocument(name="shop-checks", description="Use when testing.", body="Run `make check`."),
        project_id="p1",
        topic="other",
        lesson_ids=[LESSON],
        origin="template",
        actor="policy:distill",
    )
    for number in range(3):
        shows(workspace, f"later{number}")
    assert [change.skill_id for change in applied(workspace)] == [other.skill_id]


def test_a_session_that_grows_does_not_count_twice(workspace: Workspace) -> None:
    """Evidence is counted by session, however many lessons of a skill it shows."""
    skill = made(workspace, state=CANDIDATE)
    row = sessions.session(workspace, "first")
    assert row.next_seq == 6
    assert applied(workspace)[0].after is TRIAL
    assert skills.decisions(workspace, skill.skill_id)[-1].numbers["successful_sessions"] == 2


def test_a_second_look_writes_nothing(tmp_path: Path) -> None:
    """Whatever the first one found, moved and set, on the same data nothing is stored again."""
    database = open_database(tmp_path / "hivemind.db")
    with database.write() as workspace:
        harms(workspace, made(workspace))
    policies, shares = Policies(), Shares()
    first = refresh.refresh(database, "default", policies=policies, shares=shares, now=NOW)
    assert moves(first.changes) == [(TRIAL, RETIRED)]
    with closing(sqlite3.connect(database.path)) as other:
        before = other.execute("PRAGMA data_version").fetchone()
        again = refresh.refresh(database, "default", policies=policies, shares=shares, now=NOW)
        assert again == Refreshed()
        assert other.execute("PRAGMA data_version").fetchone() == before
    database.close()


def test_killed_between_its_steps_it_is_done_by_the_next_look(tmp_path: Path) -> None:
    """A skill that moved has its flag and its share with it, or has not moved."""
    database = open_database(tmp_path / "hivemind.db")
    with database.write() as workspace:
        skill = made(workspace)
        harms(workspace, skill)
    with suppress(KeyboardInterrupt), database.write() as workspace:
        assert applied(workspace)
        raise KeyboardInterrupt
    with database.read() as workspace:
        assert skills.by_id(workspace, skill.skill_id).state is TRIAL
        assert flags.listed(workspace) == []
    done = refresh.refresh(database, "default", policies=Policies(), shares=Shares(), now=NOW)
    assert moves(done.changes) == [(TRIAL, RETIRED)]
    database.close()
