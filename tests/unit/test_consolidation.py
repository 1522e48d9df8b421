"""A skill follows its lessons item by item; what a person did to it stands."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa
from claude_records import DEMO, rows, store
from command_line import run
from stories import ask, failed, ran
from test_pipeline import LINT, TRAP, actions, decide, distill, skill, tell, written

from hivemind.agents.claude import agent
from hivemind.distill import miners
from hivemind.distill.report import DistillReport
from hivemind.domain.outcomes import CLEARED, Outcome, Report
from hivemind.domain.skills import SkillState
from hivemind.library import lifecycle, publish
from hivemind.store import episodes, lessons, schema, sessions, skills
from hivemind.store.database import Database, open_database

NAME = "shop-checks"
TRAP_LINE = "- `pytest` fails with “ModuleNotFoundError: No module named 'shop'”. Run `make test` instead."
LINT_LINE = "- `ruff check` fails with “unknown option '--x'”. Run `make lint` instead."
MINE = "\nAsk Kim about the slow ones.\n"
NOTHING = (ask("Hello."), ran("ls"))


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    """Give a database in which two sessions made a skill."""
    opened = open_database(tmp_path / "hivemind.db")
    for day in (3, 4):
        tell(opened, tmp_path, *TRAP, day=day)
    distill(opened)
    yield opened
    opened.close()


def body(database: Database) -> str:
    """Give the skill's text."""
    return version(database).document.body


def version(database: Database) -> skills.Version:
    """Give the skill's current version."""
    with database.read() as workspace:
        held = skills.find(workspace, NAME)
        return skills.version_of(workspace, held.skill_id, version=held.version)


def edit(database: Database, text: str) -> None:
    """Let a person change the skill's text."""
    with database.write() as workspace:
        held = skills.find(workspace, NAME)
        document = skills.version_of(workspace, held.skill_id, version=held.version).document
        lifecycle.add_version(
            workspace,
            held.skill_id,
            replace(document, body=text),
            origin="person",
            actor="person:dev",
            author="dev",
        )


def learn_to_lint(database: Database, folder: Path, *, policy: str = "auto") -> DistillReport:
    """Let two more sessions show something new about the same topic."""
    for day in (5, 6):
        tell(database, folder, *LINT, day=day)
    return distill(database, policy=policy)


def unlearn(database: Database, word: str) -> None:
    """Take away what shows the lessons that name something, as other miners would."""
    t, o = schema.lessons, schema.occurrences
    with database.write() as workspace:
        ids = [
            row.lesson_id
            for row in workspace.execute(sa.select(t.c.lesson_id, t.c.data))
            if word in str(row.data)
        ]
        workspace.execute(o.delete().where(o.c.lesson_id.in_(ids)))
        lessons.refresh(workspace, ids)


def again(database: Database) -> list[tuple[str, str]]:
    """Mine everything again."""
    with database.write() as workspace:
        lessons.forget_mined(workspace)
    return actions(distill(database))


def test_a_lesson_more_is_an_item_of_a_person_s_text(database: Database, tmp_path: Path) -> None:
    """Everything a person wrote stays, byte for byte, and the version goes on being theirs."""
    mine = body(database).replace("- `pytest` fails", "- Never `pytest`: it fails") + MINE
    edit(database, mine)
    report = learn_to_lint(database, tmp_path)
    assert actions(report) == [("improved", NAME)]
    assert "added “Lint: `make lint`” (evidence from 2 sessions)" in report.changes[0].reason
    new = version(database)
    assert (new.origin, new.author) == ("person", "dev")
    before, after = mine.split("\n"), new.document.body.split("\n")
    own = [line for line in before[1:] if line]
    assert [line for line in after if line in own] == own
    assert set(before) - set(after) <= {before[0]}
    assert set(after) - set(before) == {"- Lint: `make lint`", LINT_LINE, after[0]}
    assert again(database) == [("kept", NAME)]
    assert version(database) == new


def test_what_a_person_took_out_never_comes_back(database: Database, tmp_path: Path) -> None:
    """Neither with the next lesson, nor when everything is mined again; its lesson is not cited."""
    edit(database, body(database).replace(TRAP_LINE + "\n", "") + MINE)
    learn_to_lint(database, tmp_path)
    assert TRAP_LINE not in body(database)
    assert LINT_LINE in body(database)
    with database.read() as workspace:
        known = lessons.of_project(workspace, skill(database, NAME).project_id)
    taken_out = {x.lesson_id for x in known if x.data.get("failed") == "pytest"}
    assert taken_out
    assert taken_out.isdisjoint(version(database).lesson_ids)
    assert again(database) == [("kept", NAME)]


def test_what_a_person_never_saw_they_did_not_take_out(database: Database, tmp_path: Path) -> None:
    """An edit of a file that was still the version before leaves out what the machine had just added."""

    class Claude:
        name = "claude"

        def skill_folder(self, project_root: Path) -> Path:
            return project_root / ".claude" / "skills"

    root = tmp_path / "shop"
    root.mkdir()
    with database.write() as workspace:
        workspace.execute(schema.projects.update().values(root=str(root)))
    publish.publish(database, agents=[Claude()])
    file = root / ".claude" / "skills" / NAME / "SKILL.md"
    learn_to_lint(database, tmp_path)
    with database.write() as workspace:
        workspace.execute(schema.projects.update().values(root=str(root)))
    assert LINT_LINE in body(database)
    file.write_text(file.read_text().rstrip("\n") + "\n" + MINE)
    assert publish.publish(database, agents=[Claude()]).edited == [NAME]
    assert LINT_LINE not in body(database)
    assert again(database) == [("improved", NAME)]
    assert LINT_LINE in body(database)
    assert MINE.strip() in body(database)


def test_an_addition_that_was_taken_back_is_not_made_again(database: Database, tmp_path: Path) -> None:
    """Undo says no to the items of that version; others may still come."""
    learn_to_lint(database, tmp_path)
    with database.write() as workspace:
        lifecycle.undo(workspace, skills.find(workspace, NAME).skill_id, actor="person:dev")
    assert again(database) == [("kept", NAME)]
    assert LINT_LINE not in body(database)
    for day in (7, 8):
        moments = (ask("Check types."), failed("mypy", "error: no module", code=2), ran("make types"))
        tell(database, tmp_path, *moments, day=day)
    assert actions(distill(database)) == [("improved", NAME)]
    assert "make types" in body(database)
    assert LINT_LINE not in body(database)


@pytest.mark.parametrize(("state", "policy"), [(SkillState.ACTIVE, "auto"), (SkillState.TRIAL, "review")])
def test_a_person_s_text_is_left_alone_where_a_person_decides(
    state: SkillState, policy: str, database: Database, tmp_path: Path
) -> None:
    """An approved text, and any under the policy `review`, changes by no machine."""
    edit(database, body(database) + MINE)
    if state is SkillState.ACTIVE:
        decide(database, NAME, state)
    before = written(database)
    report = learn_to_lint(database, tmp_path, policy=policy)
    assert [(c.action, c.reason) for c in report.changes] == [("kept", "a person wrote its current version")]
    assert written(database) == before


def test_an_item_goes_with_its_lesson(database: Database, tmp_path: Path) -> None:
    """Only that line goes, also from a person's text, and the ledger says so."""
    learn_to_lint(database, tmp_path)
    edit(database, body(database) + MINE)
    whole = body(database).split("\n")
    unlearn(database, "ruff check")
    tell(database, tmp_path, *NOTHING, day=9)
    report = distill(database)
    assert actions(report) == [("improved", NAME)]
    assert "removed “`ruff check` fails" in report.changes[0].reason
    assert [line for line in whole if line != LINT_LINE] == body(database).split("\n")


def test_a_person_s_wording_of_it_stays_when_its_lesson_goes(database: Database, tmp_path: Path) -> None:
    """The machine removes only what it wrote itself."""
    learn_to_lint(database, tmp_path)
    edit(database, body(database).replace(LINT_LINE, "- No `ruff check`: run `make lint`, says Kim."))
    before = body(database)
    unlearn(database, "ruff check")
    tell(database, tmp_path, *NOTHING, day=9)
    distill(database)
    assert body(database) == before


def test_a_skill_does_not_shrink_sharply_by_itself(database: Database, tmp_path: Path) -> None:
    """Where most of its items would go at once, it stays as it is, and the report says why."""
    learn_to_lint(database, tmp_path)
    for day in (7, 8):
        moments = (ask("Check types."), failed("mypy", "error: no module", code=2), ran("make types"))
        tell(database, tmp_path, *moments, day=day)
    distill(database)
    before = written(database)
    for word in ("ruff", "lint", "mypy", "types"):
        unlearn(database, word)
    tell(database, tmp_path, *NOTHING, day=9)
    [change] = distill(database).changes
    assert (change.action, change.reason) == (
        "kept",
        "it would keep 2 of 5 items: look at it, then `hivemind skills edit shop-checks` or retire it",
    )
    assert written(database) == before


def test_a_skill_whose_lessons_vanished_is_retired_and_comes_back_with_them(
    database: Database, tmp_path: Path
) -> None:
    """By policy, with a reason; with the same text when its lessons are back."""
    before = body(database)
    unlearn(database, "make test")
    tell(database, tmp_path, *NOTHING, day=9)
    [change] = distill(database).changes
    assert (change.action, change.state, change.reason) == (
        "retired",
        "retired",
        "no lesson supports it any more",
    )
    assert again(database) == [("kept", NAME)]
    assert (skill(database, NAME).state, body(database)) == (SkillState.TRIAL, before)


def test_a_retirement_that_a_person_took_back_is_final(database: Database, tmp_path: Path) -> None:
    """The machine retires it once."""
    unlearn(database, "make test")
    tell(database, tmp_path, *NOTHING, day=9)
    distill(database)
    with database.write() as workspace:
        lifecycle.undo(workspace, skills.find(workspace, NAME).skill_id, actor="person:dev")
    tell(database, tmp_path, *NOTHING, day=10)
    assert distill(database).changes == []
    assert skill(database, NAME).state is SkillState.TRIAL


@pytest.mark.parametrize("how", ["edited", "approved"])
def test_what_a_person_had_a_hand_in_is_not_retired(how: str, database: Database, tmp_path: Path) -> None:
    """A person's text, and what a person approved, needs a person to go."""
    if how == "edited":
        edit(database, body(database) + MINE)
    else:
        decide(database, NAME, SkillState.ACTIVE)
    before = written(database)
    unlearn(database, "make test")
    tell(database, tmp_path, *NOTHING, day=9)
    assert distill(database).changes == []
    assert written(database) == before


def test_deleted_sessions_go_on_counting(database: Database, tmp_path: Path) -> None:
    """A session that shows the lesson again does not make it one that a single session shows."""
    before = body(database)
    with database.write() as workspace:
        sessions.prune(workspace, [row.session_id for row in sessions.recent(workspace, limit=10)])
    tell(database, tmp_path, *TRAP, day=7)
    distill(database)
    assert body(database) == before
    with database.read() as workspace:
        known = lessons.of_project(workspace, skill(database, NAME).project_id)
    assert {x.sessions for x in known if x.kind == "fix"} == {3}
    assert not any("deleted_sessions" in x.data for x in known)


def test_no_lesson_is_in_two_skills(tmp_path: Path) -> None:
    """Of a project's open skills each states its own."""
    database = open_database(tmp_path / "hivemind.db")
    for path in agent.transcripts(DEMO):
        store(database, path, final=True)
    distill(database)
    with database.read() as workspace:
        found = skills.current_versions(workspace, states=skills.OPEN_STATES)
    cited = [lesson_id for held in found for lesson_id in set(held.lesson_ids)]
    assert len(found) > 1
    assert len(cited) == len(set(cited))
    database.close()


def test_an_outcome_that_is_reported_later_makes_its_session_due(database: Database) -> None:
    """Once: saying the same again, or an agent's word against a person's, changes nothing."""

    def report(label: str, actor: str) -> list[str]:
        with database.write() as workspace:
            [session_id, *_] = [row.session_id for row in sessions.recent(workspace, limit=1)]
            new = Report(session_id=session_id, label=label, score=None, actor=actor, at=datetime.now(UTC))
            episodes.report(workspace, new)
        with database.read() as workspace:
            due = lessons.unmined(workspace, miners_version=miners.VERSION)
        distill(database)
        return [row.session_id == session_id for row in due]

    before = written(database)
    assert report(Outcome.FAILURE, "person:dev") == [True]
    assert report(Outcome.FAILURE, "person:dev") == []
    assert report(Outcome.SUCCESS, "agent:claude") == []
    assert report(CLEARED, "person:dev") == [True]
    assert written(database) == before


def test_the_order_of_sessions_changes_no_byte(tmp_path: Path) -> None:
    """Also of a larger store: the demo's sessions, three ways round, distilled after each or at the end."""
    paths = sorted(agent.transcripts(DEMO))
    seen = set()
    for number, order in enumerate((paths, paths[::-1], paths[3:] + paths[:3])):
        for between in (False, True):
            folder = tmp_path / f"{number}{between}"
            folder.mkdir()
            database = open_database(folder / "hivemind.db")
            for path in order:
                store(database, path, final=True)
                if between:
                    distill(database)
            distill(database)
            versions = rows(database, "SELECT count(*) FROM skill_versions")
            assert again(database) == [("kept", name) for name in sorted(written(database))]
            assert rows(database, "SELECT count(*) FROM skill_versions") == versions
            seen.add(tuple(sorted((name, text) for name, (_, text) in written(database).items())))
            database.close()
    assert len(seen) == 1


def test_skills_diff(database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Shows what changed, and of each new item the kind of lesson and the sessions."""
    learn_to_lint(database, tmp_path)
    home = tmp_path / "home"
    home.mkdir()
    rows(database, "PRAGMA wal_checkpoint(TRUNCATE)")
    shutil.copy(database.path, home / "hivemind.db")
    monkeypatch.setenv("HIVEMIND_HOME", str(home))
    shown = run("skills", "diff", NAME)
    assert shown.code == 0, shown.err
    assert f"+{LINT_LINE}\n" in shown.out
    assert f"--- {NAME} version 1\n+++ {NAME} version 2\n" in shown.out
    assert "added: Lint: `make lint` (command; 2 sessions: " in shown.out
    assert "hivemind skills diff" in run("skills", "show", NAME).err
    told = run("skills", "diff", NAME, "--version", "1", "--against", "2", "--json").json
    assert {one["action"] for one in told["items"]} == {"removed"}
    first = run("skills", "diff", NAME, "--version", "1")
    assert "has no earlier version" in first.err
    assert run("skills", "diff", NAME, "--version", "9").code == 1
