"""SQLite, the embedded database: one file in write-ahead mode, one writer at a time, FTS5."""

import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import insert as insert

from hivemind.store.engines.sqlite.search import count_events as count_events
from hivemind.store.engines.sqlite.search import forget_events as forget_events
from hivemind.store.engines.sqlite.search import forget_skill as forget_skill
from hivemind.store.engines.sqlite.search import index_events as index_events
from hivemind.store.engines.sqlite.search import index_skill as index_skill
from hivemind.store.engines.sqlite.search import indexed_events as indexed_events
from hivemind.store.engines.sqlite.search import places_of as places_of
from hivemind.store.engines.sqlite.search import rank_events as rank_events
from hivemind.store.engines.sqlite.search import search_events as search_events
from hivemind.store.engines.sqlite.search import search_skills as search_skills
from hivemind.store.schema import UtcTime, utc_text


def begin_reading(connection: sa.Connection) -> None:
    """Begin a transaction that sees one moment."""
    connection.exec_driver_sql("BEGIN")


def begin_writing(connection: sa.Connection, workspace_id: str, *, alone: bool) -> None:  # noqa: ARG001
    """Take the file's one write lock at once.

    A deferred transaction that reads first cannot wait for another writer and fails.
    """
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def take_turns(connection: sa.Connection, name: str) -> None:
    """Do nothing: whoever writes is alone."""


def revision(connection: sa.Connection) -> str:
    """Name the migration that the database is at; empty where it has none."""
    known = connection.exec_driver_sql(
        "SELECT name FROM sqlite_master WHERE name = 'alembic_version'"
    ).first()
    if known is None:
        return ""
    row = connection.exec_driver_sql("SELECT version_num FROM alembic_version").first()
    return str(row[0]) if row else ""


def now(connection: sa.Connection) -> datetime:  # noqa: ARG001
    """Give the time of this machine, on which every process of the file runs."""
    return datetime.now(UTC)


def append(connection: sa.Connection, table: sa.Table, rows: Sequence[dict[str, Any]]) -> None:
    """Insert rows in one call, without SQLAlchemy's work for each value."""
    names = list(rows[0])
    types = [table.columns[name].type for name in names]
    times = [n for n, kind in enumerate(types) if isinstance(kind, UtcTime)]
    documents = [n for n, kind in enumerate(types) if isinstance(kind, sa.JSON)]
    statement = f"INSERT INTO {table.name} ({', '.join(names)}) VALUES ({', '.join('?' * len(names))})"  # noqa: S608
    bound = []
    for row in rows:
        values = list(row.values())
        for n in times:
            values[n] = values[n] and utc_text(values[n])
        for n in documents:
            values[n] = None if values[n] is None else json.dumps(values[n])
        bound.append(tuple(values))
    connection.exec_driver_sql(statement, bound)


def attempt(connection: sa.Connection, work: Callable[[], None]) -> bool:  # noqa: ARG001
    """Do it: nobody else writes meanwhile."""
    work()
    return True


def values_of(document: sa.ColumnElement[Any], keys: Sequence[str]) -> sa.ColumnElement[Any]:
    """Extract all keys at once: each extraction reads the whole document again."""
    return sa.func.json_extract(document, *(f"$.{key}" for key in keys))


def end_of(text: sa.ColumnElement[Any], chars: int) -> sa.ColumnElement[Any]:
    """Give the last characters of a text."""
    return sa.func.substr(text, -chars)
