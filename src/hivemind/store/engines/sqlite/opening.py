"""Open a SQLite file: private to its owner, in write-ahead mode, or for reading alone."""

import os
import sqlite3
import time
from pathlib import Path
from typing import Any
from urllib.parse import quote

import sqlalchemy as sa

from hivemind.errors import HivemindError

#: How long a transaction waits for another process's write, in milliseconds.
BUSY_TIMEOUT_MS = 10_000


def engine_of(path: Path) -> sa.Engine:
    """Give an engine on a file that may be written."""
    url = sa.URL.create("sqlite", database=str(path))
    engine = sa.create_engine(url, connect_args={"timeout": BUSY_TIMEOUT_MS / 1000})

    @sa.event.listens_for(engine, "connect")
    def configure(connection: Any, _record: Any) -> None:
        leave_transactions(connection, _record)
        cursor = connection.cursor()
        _use_wal(cursor)
        cursor.execute("PRAGMA synchronous=NORMAL")
        cursor.execute("PRAGMA foreign_keys=ON")
        cursor.close()

    return engine


def open_read_only(path: Path) -> sa.Engine:
    """Give an engine that cannot write, for the user's own SQL."""
    if not path.exists():
        raise HivemindError(
            "nothing-stored",
            f"{path} does not exist: nothing has been stored yet",
            hint="run `hivemind backfill`",
        )
    return sa.create_engine(
        "sqlite://", creator=lambda: sqlite3.connect(read_only_uri(path), uri=True), poolclass=sa.NullPool
    )


def read_only_uri(path: Path) -> str:
    """Give the URI under which SQLite opens a database without ever writing to it."""
    log = path.with_name(f"{path.name}-wal")
    # Where no file can be made beside it SQLite reads it only on the promise that nobody writes to it.
    is_alone = not may(path.parent, os.W_OK) and not (log.exists() and log.stat().st_size)
    return f"file:{quote(str(path))}?mode=ro" + ("&immutable=1" if is_alone else "")


def may(path: Path, mode: int) -> bool:
    """Say whether this user may do something with a file."""
    return os.access(path, mode, effective_ids=os.access in os.supports_effective_ids)


def leave_transactions(connection: Any, _record: Any) -> None:
    """Have SQLAlchemy emit no BEGIN before ours."""
    connection.isolation_level = None


def _use_wal(cursor: sqlite3.Cursor) -> None:
    # Of two processes that make a database at once, one finds it locked, for which SQLite does not wait here.
    end = time.monotonic() + BUSY_TIMEOUT_MS / 1000
    while True:
        try:
            cursor.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > end:
                raise
            time.sleep(0.02)
