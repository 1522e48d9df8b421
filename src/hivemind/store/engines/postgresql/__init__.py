"""PostgreSQL, the team's database: many writers, COPY, tsvector under GIN.

What SQLite's single writer gives for nothing is a lock for each workspace here, held to the end of the
transaction by whoever asks to be alone in it. Those that need not be alone lock the rows that they change.
"""

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert as insert

from hivemind.store.engines.postgresql.search import count_events as count_events
from hivemind.store.engines.postgresql.search import forget_events as forget_events
from hivemind.store.engines.postgresql.search import forget_skill as forget_skill
from hivemind.store.engines.postgresql.search import index_events as index_events
from hivemind.store.engines.postgresql.search import index_skill as index_skill
from hivemind.store.engines.postgresql.search import indexed_events as indexed_events
from hivemind.store.engines.postgresql.search import places_of as places_of
from hivemind.store.engines.postgresql.search import rank_events as rank_events
from hivemind.store.engines.postgresql.search import search_events as search_events
from hivemind.store.engines.postgresql.search import search_skills as search_skills
from hivemind.store.schema import UtcTime, to_millisecond

#: How long a transaction waits for another's lock.
LOCK_TIMEOUT_S = 30
_LOCK = sa.text("SELECT set_config('lock_timeout', :wait, true), pg_advisory_xact_lock(:number)").bindparams(
    sa.bindparam("number", type_=sa.BigInteger())
)


def begin_reading(connection: sa.Connection) -> None:
    """Begin a transaction that sees one moment and writes nothing."""
    connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)


def begin_writing(connection: sa.Connection, workspace_id: str, *, alone: bool) -> None:
    """Begin a transaction whose every statement sees what was committed before it."""
    if alone:
        take_turns(connection, f"workspace:{workspace_id}")


def take_turns(connection: sa.Connection, name: str) -> None:
    """Wait for the lock of this name; it is given back when the transaction ends, however it ends."""
    connection.execute(_LOCK, {"wait": f"{LOCK_TIMEOUT_S}s", "number": _lock_number(name)})


def _lock_number(name: str) -> int:
    digest = hashlib.blake2b(f"hivemind:{name}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)


def revision(connection: sa.Connection) -> str:
    """Name the migration that the database is at; empty where it has none."""
    if connection.execute(sa.text("SELECT to_regclass('alembic_version')")).scalar() is None:
        return ""
    return str(connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar() or "")


def now(connection: sa.Connection) -> datetime:
    """Give the server's time: its clients' clocks differ."""
    found = connection.execute(sa.text("SELECT clock_timestamp()")).scalar_one()
    assert isinstance(found, datetime)  # noqa: S101 - what the function gives
    return found.astimezone(UTC)


def append(connection: sa.Connection, table: sa.Table, rows: Sequence[dict[str, Any]]) -> None:
    """Insert rows by COPY."""
    with _cursor(connection).copy(f"COPY {table.name} ({', '.join(rows[0])}) FROM STDIN") as copy:
        for values in written(table, rows):
            copy.write_row(values)


def written(table: sa.Table, rows: Sequence[dict[str, Any]]) -> Iterator[list[Any]]:
    """Give the values of rows as the driver takes them; all have the columns of the first."""
    kinds = [(n, _writer(table.columns[name].type)) for n, name in enumerate(rows[0])]
    changed = [(n, write) for n, write in kinds if write is not None]
    for row in rows:
        values = list(row.values())
        for n, write in changed:
            if values[n] is not None:
                values[n] = write(values[n])
        yield values


def _cursor(connection: sa.Connection) -> Any:
    """Give the driver's own cursor, within the transaction that SQLAlchemy has begun."""
    driver = connection.connection.driver_connection
    assert driver is not None  # noqa: S101 - it is connected
    return driver.cursor()


def _writer(kind: Any) -> Callable[[Any], Any] | None:
    if isinstance(kind, UtcTime):
        return _aware
    return json.dumps if isinstance(kind, sa.JSON) else None


def _aware(value: datetime) -> datetime:
    if value.tzinfo is None:
        raise ValueError(f"naive time {value!r}: times are aware and in UTC")
    return to_millisecond(value)


def attempt(connection: sa.Connection, work: Callable[[], None]) -> bool:
    """Do a part of a transaction; False, and nothing of it left, where another's rows stood in its way.

    COPY ends at the first row that is there already; two that wait for each other's rows are a deadlock.
    """
    from psycopg import errors

    in_the_way = (errors.UniqueViolation, errors.DeadlockDetected)
    try:
        with connection.begin_nested():
            work()
    except in_the_way:
        return False
    except sa.exc.DBAPIError as error:
        if isinstance(error.orig, in_the_way):
            return False
        raise
    return True


def values_of(document: sa.ColumnElement[Any], keys: Sequence[str]) -> sa.ColumnElement[Any]:
    """Give the values of keys of a JSON column, as the text of a JSON array."""
    return sa.cast(sa.func.json_build_array(*(document.op("->")(key) for key in keys)), sa.Text)


def end_of(text: sa.ColumnElement[Any], chars: int) -> sa.ColumnElement[Any]:
    """Give the last characters of a text."""
    return sa.func.right(text, chars)
