"""A person's own rules of secrets hold wherever text leaves or enters, not at capture alone."""

from __future__ import annotations

from pathlib import Path

import pytest
from command_line import run

from hivemind.capture import boundary
from hivemind.domain.skills import SkillDocument, SkillState
from hivemind.errors import HivemindError
from hivemind.library import gates, lifecycle, publish
from hivemind.store import sessions
from hivemind.store.database import open_database
from hivemind.store.sessions import ProjectFacts

RULE = "[[rules]]\nid = 'acme-badge'\nregex = 'ACME-\\d{8}'\nkeywords = ['acme-']\n"
SKILL = SkillDocument(name="badge", description="Opens doors. Use when shut.", body="Show ACME-12345678.")


class Agent:
    """Read skills in one folder."""

    name = "claude"

    def skill_folder(self, project_root: Path) -> Path | None:
        return project_root / "skills"


def test_the_gates_know_a_person_s_rules(tmp_path: Path) -> None:
    """The finding names the rule, never the value."""
    assert gates.check(SKILL, gates.GateContext(person_authored=True)) == ()
    (tmp_path / "redaction.toml").write_text(RULE)
    boundary.use_rules_of(tmp_path)
    (finding,) = gates.check(SKILL, gates.GateContext(person_authored=True))
    assert (finding.gate, finding.line) == ("secrets", 1)
    assert "acme-badge" in finding.message
    assert "12345678" not in finding.message


def test_check_on_the_command_line_knows_them_too(tmp_path: Path) -> None:
    """Without a store, too."""
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "redaction.toml").write_text(RULE)
    (tmp_path / "SKILL.md").write_text("---\nname: a\ndescription: Use when.\n---\n\nShow ACME-12345678.\n")
    env = {"HIVEMIND_HOME": str(tmp_path / "data")}
    done = run("skills", "check", str(tmp_path / "SKILL.md"), env=env)
    assert done.code == 1
    assert "SKILL.md:6" in done.out


def test_rules_that_cannot_be_used_let_nothing_through(tmp_path: Path) -> None:
    """An error, not the built-in rules alone."""
    (tmp_path / "redaction.toml").write_text("[[rules]]\nid = 'x'\nregex = '('\n")
    boundary.use_rules_of(tmp_path)
    with pytest.raises(HivemindError):
        gates.check(SKILL, gates.GateContext())


def test_a_skill_with_a_secret_is_written_nowhere(tmp_path: Path) -> None:
    """A rule that is newer than the skill takes its file away again."""
    root = tmp_path / "shop"
    root.mkdir()
    database = open_database(tmp_path / "hivemind.db")
    with database.write("default") as workspace:
        project = ProjectFacts(project_id="p1", name="shop", remote="", root=str(root))
        sessions.put_project(workspace, project)
        skill = lifecycle.create(workspace, SKILL, project_id="p1", origin="person", actor="person:ann")
        lifecycle.decide(workspace, skill.skill_id, SkillState.ACTIVE, actor="person:ann")
    file = root / "skills" / "badge" / "SKILL.md"
    publish.publish(database, agents=[Agent()])
    assert file.exists()
    (tmp_path / "redaction.toml").write_text(RULE)
    boundary.use_rules_of(tmp_path)
    report = publish.publish(database, agents=[Agent()])
    assert not file.exists()
    assert [(p.slug, "acme-badge" in p.message) for p in report.problems] == [("skill-secret", True)]
    database.close()
