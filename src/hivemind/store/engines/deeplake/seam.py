"""Deeplake, a workspace behind HTTP: PostgreSQL's SQL as text, a request a transaction, no bound values.

Statements, types and search are PostgreSQL's. What its connections hold from one statement to the next is
not there: a transaction's writes wait here until it commits, and who writes takes turns (`turns`).
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from hivemind.store.engines.deeplake import driver
from hivemind.store.engines.deeplake.literals import insertion
from hivemind.store.engines.postgresql import attempt as attempt
from hivemind.store.engines.postgresql import count_events as count_events
from hivemind.store.engines.postgresql import end_of as end_of
from hivemind.store.engines.postgresql import forget_events as forget_events
from hivemind.store.engines.postgresql import forget_skill as forget_skill
from hivemind.store.engines.postgresql import index_skill as index_skill
from hivemind.store.engines.postgresql import indexed_events as indexed_events
from hivemind.store.engines.postgresql import insert as insert
from hivemind.store.engines.postgresql import places_of as places_of
from hivemind.store.engines.postgresql import rank_events as rank_events
from hivemind.store.engines.postgresql import revision as revision
from hivemind.store.engines.postgresql import search_events as search_events
from hivemind.store.engines.postgresql import search_skills as search_skills
from hivemind.store.engines.postgresql import values_of as values_of
from hivemind.store.engines.postgresql import written
from hivemind.store.engines.postgresql.search import words_rows


def begin_reading(connection: sa.Connection) -> None:
    """Begin what writes nothing; each query sees the moment in which it is asked."""
    _driver(connection).only_reads = True


def begin_writing(connection: sa.Connection, workspace_id: str, *, alone: bool) -> None:  # noqa: ARG001
    """Wait for the turn to write: there is no lock of a row that could outlast a request."""
    if not connection.in_transaction():  # SQLAlchemy, and Alembic by it, learns of it by a statement else
        connection.begin()
    _driver(connection).begin()


def take_turns(connection: sa.Connection, name: str) -> None:
    """Do nothing: whoever writes is alone."""


def now(connection: sa.Connection) -> datetime:
    """Give the server's time: its clients' clocks differ."""
    asked = sa.text("SELECT clock_timestamp() AS now").columns(now=sa.DateTime(timezone=True))
    found = connection.execute(asked).scalar_one()
    assert isinstance(found, datetime)  # noqa: S101 - what the function gives
    return found.astimezone(UTC)


def append(connection: sa.Connection, table: sa.Table, rows: Sequence[dict[str, Any]]) -> None:
    """Insert rows by one statement."""
    _driver(connection).cursor().execute(insertion(table.name, list(rows[0]), written(table, rows)))


def index_events(connection: sa.Connection, workspace_id: str, documents: Sequence[tuple[str, str]]) -> None:
    """Index new events, given as (event id, text)."""
    names = ("workspace_id", "event_id", "words")
    if statement := insertion("event_words", names, words_rows(workspace_id, documents)):
        _driver(connection).cursor().execute(statement)


def _driver(connection: sa.Connection) -> driver.Connection:
    found: Any = connection.connection.driver_connection
    assert isinstance(found, driver.Connection)  # noqa: S101 - the engine's own
    return found
