"""The embedded database: made private, refused with a reason, opened for reading alone."""

from __future__ import annotations

import os
import stat
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st
from stored import FACTS, event

from hivemind.domain.events import event_id, session_key
from hivemind.domain.text import storable
from hivemind.errors import HivemindError
from hivemind.store import schema, sessions
from hivemind.store.database import open_database, open_read_only


def test_the_database_is_for_its_owner_only(tmp_path: Path) -> None:
    """A new database is 0600 in a new folder that is 0700, whatever the umask, and so are its companions."""
    mask = os.umask(0)
    try:
        database = open_database(tmp_path / "new" / "hivemind.db")
    finally:
        os.umask(mask)
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o700
    assert {stat.S_IMODE(p.stat().st_mode) for p in (tmp_path / "new").iterdir()} == {0o600}
    database.close()


def _refusal(path: Path) -> str:
    with pytest.raises(HivemindError) as error:
        open_database(path)
    assert error.value.hint
    return error.value.slug


@pytest.mark.parametrize(
    "content", [b"not a database at all, but text\n" * 50, b"SQLite format 3\0" + b"\xff" * 5_000]
)
def test_a_file_that_is_no_database_is_refused_and_untouched(tmp_path: Path, content: bytes) -> None:
    """Somebody's file is not overwritten, whatever its name."""
    path = tmp_path / "hivemind.db"
    path.write_bytes(content)
    assert _refusal(path) == "database-unusable"
    assert path.read_bytes() == content
    assert sorted(p.name for p in tmp_path.iterdir() if p.name.startswith("hivemind.db")) == ["hivemind.db"]


def test_a_place_that_cannot_hold_a_database_is_refused(tmp_path: Path) -> None:
    """A folder in its place, and a file in the folder's place, are said and not a bug."""
    (tmp_path / "hivemind.db").mkdir()
    assert _refusal(tmp_path / "hivemind.db") == "database-unusable"
    (tmp_path / "file").write_text("")
    assert _refusal(tmp_path / "file" / "hivemind.db") == "database-unusable"


@pytest.mark.parametrize("name", ["a b", "100%", "what?", "a#b", "mode=ro&x", "ü☃", "it's"])
def test_a_path_of_any_characters_is_that_file(tmp_path: Path, name: str) -> None:
    """Characters that mean something in a URL name a folder like any other, for reading alone as well."""
    path = tmp_path / name / "hivemind.db"
    database = open_database(path)
    with database.write() as workspace:
        sessions.append(workspace, FACTS, events=[event("e")])
    database.close()
    assert path.exists()
    with open_read_only(path).connect() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM events").scalar() == 1
        with pytest.raises(sa.exc.OperationalError, match="readonly"):
            connection.exec_driver_sql("DELETE FROM events")


@given(st.datetimes(min_value=datetime(2, 1, 1), max_value=datetime(9998, 12, 31)), st.integers(-14, 14))  # noqa: DTZ001
def test_a_time_comes_back_as_it_was_and_sorts_as_text(moment: datetime, hours: int) -> None:
    """Times of any zone are kept to the millisecond in UTC."""
    aware = moment.replace(tzinfo=timezone(timedelta(hours=hours)))
    kind, dialect = schema.UtcTime(), sa.create_engine("sqlite://").dialect
    written = kind.process_bind_param(aware, dialect)
    assert len(written) == 24
    assert kind.process_result_value(written, dialect) == aware.replace(
        microsecond=aware.microsecond // 1000 * 1000
    )


@given(st.text() | st.text(alphabet=st.characters(codec=None)))
def test_any_text_can_be_stored_once_it_is_cleaned(text: str) -> None:
    """Cleaning gives UTF-8 without NUL, and cleaning again changes nothing."""
    cleaned = storable(text)
    assert "\0" not in cleaned.encode("utf-8").decode("utf-8")
    assert storable(cleaned) == cleaned
    assert len(session_key(text)) <= 200
    assert event_id(session_id=text, native_id="~" + text, kind="prompt")
