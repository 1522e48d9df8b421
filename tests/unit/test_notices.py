"""People are told of new skills in one line, once."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from hivemind.domain.events import SessionFacts
from hivemind.domain.skills import SkillDocument, SkillState
from hivemind.library import lifecycle, notices
from hivemind.store import flags, sessions, skills
from hivemind.store.database import Workspace, open_database
from hivemind.store.flags import FlagKind
from hivemind.store.sessions import ProjectFacts


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    """Give a workspace with one project."""
    database = open_database(tmp_path / "hivemind.db")
    with database.write() as opened:
        facts = SessionFacts(session_id="s", agent="claude")
        project = ProjectFacts(project_id="p", name="shop", root="/home/dev/shop")
        sessions.append(opened, facts, events=[], project=project)
        yield opened
    database.close()


def learn(workspace: Workspace, name: str, *, state: SkillState | None = SkillState.TRIAL) -> None:
    """Add a skill to the project."""
    document = SkillDocument(name=name, description="Use when testing.", body=f"# {name}\n")
    skill = lifecycle.create(
        workspace, document, project_id="p", topic=name, origin="template", actor="policy:distill"
    )
    if state is not None:
        lifecycle.decide(workspace, skill.skill_id, state, actor="policy:auto")


def test_a_new_skill_is_told_once(workspace: Workspace) -> None:
    """What is new since the last telling is named; after it there is nothing to say."""
    learn(workspace, "shop-checks")
    assert notices.due(workspace, "p") == (
        "Hivemind learnt a new skill for this project: shop-checks. See `hivemind skills list`."
    )
    notices.mark(workspace, "p")
    assert notices.due(workspace, "p") == ""


def test_many_are_counted(workspace: Workspace) -> None:
    """The line names three and counts the rest."""
    for number in range(5):
        learn(workspace, f"skill-{number}")
    line = notices.due(workspace, "p")
    assert "5 new skills" in line
    assert line.count("skill-") == 3
    assert "and 2 more" in line


def test_what_waits_for_approval_is_told(workspace: Workspace) -> None:
    """Where a person has to approve, the line says what waits."""
    learn(workspace, "shop-checks", state=None)
    assert notices.due(workspace, "p") == (
        "shop-checks waits for more evidence or your approval: `hivemind review`."
    )


def test_what_is_gone_is_not_told(workspace: Workspace) -> None:
    """A rejected skill and those of another project are not named."""
    learn(workspace, "turned-down", state=SkillState.REJECTED)
    assert notices.due(workspace, "p") == ""
    assert notices.due(workspace, "another") == ""


def test_what_was_admitted_later_is_told_then(workspace: Workspace) -> None:
    """A candidate that people were told of is told of again when it goes to trial; by a person it is not."""
    learn(workspace, "shop-checks", state=None)
    notices.mark(workspace, "p")
    skill = skills.find(workspace, "shop-checks")
    lifecycle.decide(workspace, skill.skill_id, SkillState.TRIAL, actor="policy:auto")
    assert "learnt a new skill for this project: shop-checks" in notices.due(workspace, "p")
    lifecycle.undo(workspace, skill.skill_id, actor="person:ann")
    notices.mark(workspace, "p")
    lifecycle.decide(workspace, skill.skill_id, SkillState.ACTIVE, actor="person:ann")
    assert notices.due(workspace, "p") == ""


def test_what_harmed_is_told_once(workspace: Workspace) -> None:
    """The author hears of a retirement for harm at the next start, and where to look at it."""
    learn(workspace, "shop-checks")
    notices.mark(workspace, "p")
    skill = skills.find(workspace, "shop-checks")
    lifecycle.decide(workspace, skill.skill_id, SkillState.RETIRED, actor="policy:harm")
    flags.raise_one(
        workspace, skill.skill_id, FlagKind.HARM, message="99.5 % likely to harm", at=datetime.now(UTC)
    )
    assert notices.due(workspace, "p") == (
        "shop-checks was retired: work with it went worse than without: `hivemind review`."
    )
    notices.mark(workspace, "p")
    assert notices.due(workspace, "p") == ""


def test_whatever_comes_due_shows_in_what_is_latest(workspace: Workspace) -> None:
    """A decision and a flag of harm each change it; telling people does not."""
    seen = [notices.latest(workspace)]
    learn(workspace, "shop-checks")
    seen.append(notices.latest(workspace))
    (skill,) = skills.listed(workspace)
    flags.raise_one(workspace, skill.skill_id, FlagKind.HARM, message="worse", at=datetime.now(UTC))
    seen.append(notices.latest(workspace))
    assert len(set(seen)) == 3
    notices.mark(workspace, "p")
    assert notices.latest(workspace) == seen[-1]
