"""Open the embedded database: pragmas, migration to the newest schema, read and write transactions."""

import errno
import os
import re
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from hivemind.errors import HivemindError
from hivemind.store import schema

#: The newest revision in store/migrations/versions; a test compares it with Alembic's own head.
HEAD = "0004"
#: How long a transaction waits for another process's write, in milliseconds.
BUSY_TIMEOUT_MS = 10_000
#: The slug of a database that may be read at most.
FORBIDDEN = "database-forbidden"
#: What the transcripts on disk do not hold, so that it is gone with the database.
LOST = (
    "what sessions said comes back; decisions, imported and edited skills, reported outcomes and "
    "offers are lost"
)
_FORBIDDING = (errno.EACCES, errno.EPERM, errno.EROFS)
WORKSPACE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


@dataclass(frozen=True, slots=True)
class Workspace:
    """Bind a transaction to the workspace whose rows it may see."""

    connection: sa.Connection
    workspace_id: str

    def execute(self, statement: sa.Executable, parameters: Any = None) -> sa.CursorResult[Any]:
        """Execute a statement with bound parameters."""
        return self.connection.execute(statement, parameters)


class Database:
    """Give transactions on one SQLite file in WAL mode."""

    def __init__(self, path: Path, *, engine: sa.Engine, refusal: HivemindError | None = None) -> None:
        self.path = path
        self.engine = engine
        self.refusal = refusal  #: why it can only be read; None where it can be written

    @contextmanager
    def read(self, workspace_id: str = "default") -> Iterator[Workspace]:
        """Open a consistent read transaction on a workspace."""
        with self.engine.connect() as connection:
            connection.exec_driver_sql("BEGIN")
            try:
                yield Workspace(connection, workspace_id)
            finally:
                connection.rollback()

    @contextmanager
    def write(self, workspace_id: str = "default") -> Iterator[Workspace]:
        """Open a write transaction on a workspace, created when new; it commits at the end or not at all.

        The write lock is taken at once (`BEGIN IMMEDIATE`): a deferred transaction that reads first cannot
        wait for another writer and fails.
        """
        if not WORKSPACE_NAME.fullmatch(workspace_id):
            raise HivemindError(
                "workspace-name",
                f"{workspace_id!r} is not a workspace name",
                hint="use letters, digits, '.', '_' and '-' in HIVEMIND_WORKSPACE_ID, 64 characters at most",
            )
        if self.refusal is not None:
            raise self.refusal
        with self.engine.connect() as connection:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            try:
                connection.execute(
                    sqlite_insert(schema.workspaces)
                    .values(workspace_id=workspace_id, created_at=datetime.now(UTC))
                    .on_conflict_do_nothing()
                )
                yield Workspace(connection, workspace_id)
            except BaseException:
                connection.rollback()
                raise
            connection.commit()

    def close(self) -> None:
        """Close every connection."""
        self.engine.dispose()


def open_database(path: Path) -> Database:
    """Open the database at `path`, made or migrated as needed; raise HivemindError where that fails.

    One that this user may only read is opened for reading: its `write` says why it cannot.
    """
    database = None
    try:
        if not path.exists():
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            path.touch(mode=0o600)
        if not _may(path, os.W_OK) or not _may(path.parent, os.W_OK):
            return _for_reading(path)
        database = Database(path, engine=_engine(path))
        _migrate(database)
    except (OSError, sqlite3.Error, sa.exc.DBAPIError) as error:
        if database is not None:
            database.close()
        reason = str(getattr(error, "orig", None) or error)
        if getattr(error, "errno", 0) in _FORBIDDING or "readonly" in reason:
            raise _forbidden(path, "written") from error
        hint = f"free the disk, or move {path}* away and run `hivemind backfill`; {LOST}"
        if "locked" in reason:
            hint = "another process is writing to it: try again when that has finished"
        raise HivemindError(
            "database-unusable", f"{path} cannot be used as a database: {reason}", hint=hint
        ) from error
    except HivemindError:
        if database is not None:
            database.close()
        raise
    return database


def _for_reading(path: Path) -> Database:
    """Open a database that may not be written; raise HivemindError where it cannot be read either."""
    refusal = _forbidden(path, "written")
    if not _may(path, os.R_OK):
        raise _forbidden(path, "read")
    database = Database(path, engine=open_read_only(path), refusal=refusal)
    sa.event.listen(database.engine, "connect", _leave_transactions)
    try:
        with database.engine.connect() as connection:
            current = _revision(connection)
    except sa.exc.DBAPIError as error:
        database.close()
        if any(word in str(error) for word in ("unable to open", "readonly")):
            raise refusal from error
        raise
    if current != HEAD:  # what an older version wrote is read after it was migrated
        database.close()
        raise refusal
    return database


def _forbidden(path: Path, done: str) -> HivemindError:
    return HivemindError(
        FORBIDDEN,
        f"{path} cannot be {done}: permission denied",
        hint=f"make {path.parent} and what is in it yours and writable (ls -l shows whose it is), "
        "or set HIVEMIND_HOME to a folder of yours",
    )


def _may(path: Path, mode: int) -> bool:
    return os.access(path, mode, effective_ids=os.access in os.supports_effective_ids)


def read_only_uri(path: Path) -> str:
    """Give the URI under which SQLite opens a database without ever writing to it."""
    log = path.with_name(f"{path.name}-wal")
    # Where no file can be made beside it SQLite reads it only on the promise that nobody writes to it.
    is_alone = not _may(path.parent, os.W_OK) and not (log.exists() and log.stat().st_size)
    return f"file:{quote(str(path))}?mode=ro" + ("&immutable=1" if is_alone else "")


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


def _engine(path: Path) -> sa.Engine:
    url = sa.URL.create("sqlite", database=str(path))
    engine = sa.create_engine(url, connect_args={"timeout": BUSY_TIMEOUT_MS / 1000})

    @sa.event.listens_for(engine, "connect")
    def configure(connection: Any, _record: Any) -> None:
        _leave_transactions(connection, _record)
        cursor = connection.cursor()
        _use_wal(cursor)
        cursor.execute("PRAGMA synchronous=NORMAL")
        cursor.execute("PRAGMA foreign_keys=ON")
        cursor.close()

    return engine


def _leave_transactions(connection: Any, _record: Any) -> None:
    # SQLAlchemy's own transaction handling must not emit BEGIN before ours.
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


def _migrate(database: Database) -> None:
    with database.engine.connect() as connection:
        current = _revision(connection)
    if current == HEAD:
        return
    # Alembic costs 0.1 s to import, and is needed once for each release.
    from hivemind.store.migrations import upgrade

    upgrade(database.engine)


def _revision(connection: sa.Connection) -> str:
    known = connection.exec_driver_sql(
        "SELECT name FROM sqlite_master WHERE name = 'alembic_version'"
    ).first()
    if known is None:
        return ""
    row = connection.exec_driver_sql("SELECT version_num FROM alembic_version").first()
    return str(row[0]) if row else ""
