"""A shared skill for another language than a session works in counts less; nothing else changes."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from command_line import run
from hypothesis import given
from hypothesis import strategies as st
from retrieval_library import NOW, store_project, store_skill

from hivemind.retrieval import languages
from hivemind.retrieval.rank import Candidate
from hivemind.store import schema
from hivemind.store.database import open_database

Calls = Callable[..., sqlite3.Connection]


@pytest.fixture
def calls(tmp_path: Path) -> Calls:
    """Make a database in which a session called tools."""

    def make(*data: dict[str, str]) -> sqlite3.Connection:
        database = open_database(tmp_path / "hivemind.db")
        with database.write("default") as workspace:
            for seq, one in enumerate(data):
                row = {"event_id": f"e{seq}", "session_id": "s1", "seq": seq, "kind": "tool_call", "at": NOW}
                workspace.execute(
                    schema.events.insert().values(
                        workspace_id="default", tool_name="Edit", text="", data=one, redactions=0, **row
                    )
                )
        database.close()
        return sqlite3.connect(tmp_path / "hivemind.db")

    return make


def at_hand(connection: sqlite3.Connection, *, cwd: str = "", session_id: str = "s1") -> frozenset[str]:
    """Ask for the languages of a session."""
    return languages.at_hand(connection, workspace_id="default", session_id=session_id, cwd=cwd)


def skill(name: str, description: str = "", *, project_id: str = "", score: float = 0.8) -> Candidate:
    """Make a candidate that is worth showing."""
    return Candidate(
        skill_id=name,
        version=1,
        state="active",
        project_id=project_id,
        name=name,
        description=description,
        body="",
        score=score,
        threshold=0.5,
    )


def test_the_files_that_were_worked_on_tell(calls: Calls) -> None:
    """Two calls that name files of a language do; one in ten does not."""
    edits = [{"file_path": f"/x/src/part{n}.ts", "old": "a"} for n in range(9)]
    connection = calls(*edits, {"command": "python tools/once.py"}, {"command": "tsc"})
    assert at_hand(connection) == {"javascript"}
    assert at_hand(connection, session_id="another") == frozenset()


def test_a_new_session_is_told_by_its_folder(calls: Calls, tmp_path: Path) -> None:
    """What lies in the folder says it until files were worked on; a folder that is gone says nothing."""
    (tmp_path / "go.mod").touch()
    (tmp_path / "package.json").touch()
    connection = calls({"command": "ls"})
    assert at_hand(connection, cwd=str(tmp_path)) == {"go", "javascript"}
    assert at_hand(connection, cwd=str(tmp_path / "gone")) == frozenset()
    assert at_hand(connection, cwd="\0") == frozenset()


@pytest.mark.parametrize(
    ("name", "description", "said"),
    [
        ("golang-testing", "Go testing best practices.", {"go"}),
        ("adk-go-agent", "Build an agent.", {"go"}),
        ("go-to-market", "Plan a launch.", {"go"}),  # which is why it counts little
        ("deploy", "Let it go live, and react swiftly.", set()),
        ("release-notes", "Write what changed.", set()),
        ("minimal-api", "Endpoints in ASP.NET and C#.", {"csharp"}),
        ("ffi", "Call Rust from Python.", {"rust", "python"}),
    ],
)
def test_a_skill_says_what_it_is_for(name: str, description: str, said: set[str]) -> None:
    """By words of its name and description that mean little else."""
    assert languages.of_skill(name, description) == said


def test_a_skill_for_another_language_counts_less() -> None:
    """It comes behind; one of the project, one for several, and one for none do not."""
    found = [
        skill("golang-testing", score=0.8),
        skill("python-testing", score=0.7),
        skill("testing", score=0.65),
        skill("go-checks", project_id="p1", score=0.64),
    ]
    python = frozenset({"python"})
    ordered = languages.fitting(found, prompt="write tests", at_hand=python)
    assert [one.name for one in ordered] == ["python-testing", "testing", "go-checks", "golang-testing"]
    assert ordered[-1].score == pytest.approx(0.6)
    assert [one.score for one in found] == [0.8, 0.7, 0.65, 0.64]
    assert languages.fitting(found, prompt="write tests", at_hand=frozenset()) == found


def test_a_prompt_that_names_a_language_asks_for_it() -> None:
    """Whoever asks for Go in a project of Python gets what is for Go."""
    found = [skill("golang-testing"), skill("python-testing", score=0.7)]
    ordered = languages.fitting(found, prompt="port it to golang", at_hand=frozenset({"python"}))
    assert [one.score for one in ordered] == [0.8, 0.7]


@given(text=st.text())
def test_any_text_is_read(text: str) -> None:
    """Whatever a skill or a prompt says is no error."""
    assert languages.said(text) <= set(languages.of_skill(text, text))


def test_explain_says_what_was_held_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A person sees which skills were for other languages, and which language is at hand."""
    home, project = tmp_path / "data", tmp_path / "shop"
    home.mkdir()
    project.mkdir()
    (project / "pyproject.toml").touch()
    database = open_database(home / "hivemind.db")
    with database.write("default") as workspace:
        store_project(workspace, root=str(project))
        for name in ("golang-zorblax", "python-zorblax"):
            store_skill(workspace, name, "Unjam the zorblax reactor.", body="Turn it off.", project_id="")
    database.close()
    monkeypatch.setenv("HIVEMIND_HOME", str(home))
    asked = ("--no-embeddings", "--project", str(project), "unjam the zorblax reactor")
    found = json.loads(run("explain", "--json", *asked).out)
    assert found["at_hand"] == ["python"]
    assert [(one["name"], one["elsewhere"]) for one in found["ranking"]] == [
        ("python-zorblax", False),
        ("golang-zorblax", True),
    ]
    assert "Here it is python; held back, for other languages: golang-zorblax." in run("explain", *asked).out
