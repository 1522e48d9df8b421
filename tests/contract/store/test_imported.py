"""Imported rows and past work, on every database."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from stored import FACTS, NOW, event

from hivemind.domain.events import EventKind, SessionFacts
from hivemind.store import imports, lessons, past, schema, sessions
from hivemind.store.database import Database

FILE = "rows ☃.jsonl"


def row(project_id: str, digest: str, *, file: str = FILE) -> imports.Row:
    """Make an imported row of one question and its answer."""
    head = event("~row", "row 1", kind=EventKind.SYSTEM, at=None, data={"file": file, "row": 1})
    spoken = (
        event("~0", "how ☃?", at=None),
        event("~1", "so", kind=EventKind.ASSISTANT, at=None, agent_id="chosen"),
    )
    return imports.Row(
        session_id=imports.scope_of(project_id) + digest, format="messages", events=(head, *spoken)
    )


def test_rows_are_kept_once_and_read_by_project(database: Database) -> None:
    """In the order of their ids, with what is said in them; in other workspaces they are not there."""
    rows = [row("p1", "b"), row("p1", "a"), row("p2", "c"), row("", "d", file="other.jsonl")]
    with database.write() as workspace:
        assert imports.append(workspace, rows[:2]) == {one.session_id for one in rows[:2]}
        assert imports.append(workspace, [*rows, rows[2]]) == {one.session_id for one in rows[2:]}
    with database.read("other") as workspace:
        assert (imports.count(workspace), list(imports.each(workspace, None))) == (0, [])
    with database.read() as workspace:
        assert imports.count(workspace) == 4
        found = dict(imports.each(workspace, "p1"))
        assert list(found) == [imports.scope_of("p1") + end for end in "ab"]
        (head, *_, answer) = found[imports.scope_of("p1") + "a"]
        assert (head.data, answer.text, answer.agent_id) == ({"file": FILE, "row": 1}, "so", "chosen")
        assert [session_id for session_id, _ in imports.each(workspace, None, limit=1)] == [
            imports.scope_of("") + "d"
        ]
        assert imports.of_file(workspace, "p1", FILE) == list(found)
        assert imports.of_file(workspace, "", FILE) == []


def test_rows_can_be_taken_back(database: Database) -> None:
    """With their events, and nothing else."""
    with database.write() as workspace:
        imports.append(workspace, [row("p1", "a"), row("p1", "b")])
        imports.delete(workspace, [imports.scope_of("p1") + "a"])
    with database.read() as workspace:
        assert [session_id for session_id, _ in imports.each(workspace, None)] == [
            imports.scope_of("p1") + "b"
        ]
        kept = workspace.execute(sa.select(schema.events.c.session_id).distinct()).scalars()
        assert list(kept) == [imports.scope_of("p1") + "b"]


@pytest.mark.parametrize("name", ["I", "import", "import-", "import/", "importé", "z", "0"])
def test_rows_are_no_work_that_was_done(database: Database, name: str) -> None:
    """Neither counted nor mined, and a session whose id is nearly theirs is."""
    with database.write() as workspace:
        imports.append(workspace, [row("p1", "a")])
        sessions.append(workspace, SessionFacts(session_id=name, agent="claude"), events=[event("e")])
        assert sessions.totals(workspace)["sessions"] == 1
        assert [one.session_id for one in sessions.recent(workspace, limit=9)] == [name]
        assert [one.session_id for one in lessons.unmined(workspace, miners_version=1)] == [name]
        assert [one.session_id for one in past.work(workspace, past.Filter())] == [name]


def test_past_work_is_read_by_its_places(database: Database) -> None:
    """A long text by its beginning and its end, in characters and not in bytes."""
    long = "☃" * past.MAX_TEXT_CHARS + "the end"
    spoken = [
        event("a", "/clear"),
        event("b", "please"),
        event("c", long, kind=EventKind.ASSISTANT),
        event("d", "ok", kind=EventKind.TOOL_RESULT),
    ]
    with database.write() as workspace:
        sessions.append(workspace, FACTS, events=spoken)
    with database.read() as workspace:
        assert past.holds_events(workspace)
        (work,) = past.work(workspace, past.Filter(since=NOW, agent="claude"))
        assert past.request(workspace, work).text == "please"
        said = past.closing(workspace, work)
        half = past.MAX_TEXT_CHARS // 2
        assert said.text == long[:half] + "\n…\n" + long[-half:]
        between = past.between(workspace, "s", first_seq=1, last_seq=2)
        assert [one.seq for one in between] == [1, 2]
        assert [one.seq for one in past.with_ids(workspace, "s", [said.event_id])] == [2]


def test_past_work_is_found_by_words_and_their_beginnings(database: Database) -> None:
    """Of the workspace alone once it is known where they stand, the rarest word first."""
    with database.write("other") as workspace:
        sessions.append(workspace, FACTS, events=[event("x", "a login elsewhere")])
    with database.write() as workspace:
        texts = ("a login", "the login page of the shop", "nothing", "Überlogins, logins")
        sessions.append(workspace, FACTS, events=[event(str(n), text) for n, text in enumerate(texts)])
    with database.read() as workspace:

        def found(*terms: past.Term) -> list[int]:
            ranked = past.ranked(workspace, terms, limit=9)
            assert ranked == sorted(ranked, key=lambda one: -one[1])
            return sorted(one.seq for one in past.places(workspace, [each for each, _ in ranked]))

        assert past.documents(workspace) >= 4
        assert past.count(workspace, past.Term("nothing")) == 1
        assert found(past.Term("login")) == [0, 1]
        assert found(past.Term("login", is_prefix=True)) == [0, 1, 3]
        assert found(past.Term("login page"), past.Term("nothing")) == [1, 2]
        assert found(past.Term("absent")) == found() == []
