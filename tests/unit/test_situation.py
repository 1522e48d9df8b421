"""A prompt that says little goes back to what its session was about; one that says enough stands alone."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from retrieval_library import store_event

from hivemind.retrieval.situation import asked
from hivemind.store import schema
from hivemind.store.database import open_database

REQUEST = "Bring the staging database up to date with the newest migration"


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    """Give a database in which one session asked, ran something and saw it fail."""
    database = open_database(tmp_path / "hivemind.db")
    with database.write("default") as workspace:
        store_event(workspace, REQUEST, seq=0)
        workspace.execute(schema.events.update().values(kind="prompt"))
        store_event(workspace, "alembic: relation orders does not exist", seq=1)
        workspace.execute(
            schema.events.update().where(schema.events.c.seq == 1).values(kind="tool_result", status="error")
        )
    database.close()
    opened = sqlite3.connect(tmp_path / "hivemind.db")
    yield opened
    opened.close()


def _asked(connection: sqlite3.Connection, prompt: str, *, session_id: str = "s1") -> str:
    return asked(connection, workspace_id="default", session_id=session_id, prompt=prompt)


@pytest.mark.parametrize("prompt", ["continue", "yes", "go on please", "weiter", "继续", "👍"])
def test_a_word_that_goes_on_asks_for_what_was_asked_before(
    connection: sqlite3.Connection, prompt: str
) -> None:
    """The latest request that says something is searched with it."""
    assert _asked(connection, prompt) == f"{prompt}\n{REQUEST}"


def test_a_word_about_trouble_brings_the_error_at_hand(connection: sqlite3.Connection) -> None:
    """The latest result is searched, too, where it was an error."""
    assert _asked(connection, "fix it").splitlines() == [
        "fix it",
        "alembic: relation orders does not exist",
        REQUEST,
    ]
    connection.execute("UPDATE events SET status = 'ok' WHERE seq = 1")
    assert _asked(connection, "fix it") == f"fix it\n{REQUEST}"


def test_a_prompt_that_says_what_it_wants_stands_alone(connection: sqlite3.Connection) -> None:
    """So does one of a session that nothing is known of."""
    whole = "Write the release notes for version two"
    assert _asked(connection, whole) == whole
    assert _asked(connection, "continue", session_id="") == "continue"
    assert _asked(connection, "continue", session_id="another") == "continue"
