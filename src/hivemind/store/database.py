"""Open a database: migration to the newest schema, read and write transactions on a workspace."""

import errno
import os
import re
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from hivemind.errors import HivemindError
from hivemind.store import engines, schema
from hivemind.store.engines.sqlite import opening
from hivemind.store.engines.sqlite.opening import open_read_only as open_read_only
from hivemind.store.engines.sqlite.opening import read_only_uri as read_only_uri

#: The newest revision in store/migrations/versions; a test compares it with Alembic's own head.
HEAD = "0009"
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

    @property
    def seam(self) -> engines.Seam:
        """Give what this database does in its own way."""
        return engines.of(self.connection)

    def execute(self, statement: sa.Executable, parameters: Any = None) -> sa.CursorResult[Any]:
        """Execute a statement with bound parameters."""
        return self.connection.execute(statement, parameters)


class Database:
    """Give transactions on one SQLite file, one PostgreSQL database, or one Deeplake workspace."""

    def __init__(self, path: Path | None, *, engine: sa.Engine, refusal: HivemindError | None = None) -> None:
        self._path = path
        self.engine = engine
        self.refusal = refusal  #: why it can only be read; None where it can be written
        self._seam = engines.of(engine)

    @property
    def path(self) -> Path:
        """Give the file; a server's database has none, and nothing beside it."""
        if self._path is None:
            raise TypeError("a database on a server is no file")
        return self._path

    @contextmanager
    def read(self, workspace_id: str = "default") -> Iterator[Workspace]:
        """Open a consistent read transaction on a workspace."""
        with self._connection() as connection:
            self._seam.begin_reading(connection)
            try:
                yield Workspace(connection, workspace_id)
            finally:
                connection.rollback()

    @contextmanager
    def write(self, workspace_id: str = "default", *, alone: bool = True) -> Iterator[Workspace]:
        """Open a write transaction on a workspace, created when new; it commits at the end or not at all.

        Such transactions take turns in a workspace, so that what one reads holds until it writes. On a
        server, those that only append, or lock the rows that they change, say that they need not be `alone`.
        """
        if not WORKSPACE_NAME.fullmatch(workspace_id):
            raise HivemindError(
                "workspace-name",
                f"{workspace_id!r} is not a workspace name",
                hint="use letters, digits, '.', '_' and '-' in HIVEMIND_WORKSPACE_ID, 64 characters at most",
            )
        if self.refusal is not None:
            raise self.refusal
        with self._connection() as connection:
            self._seam.begin_writing(connection, workspace_id, alone=alone)
            try:
                connection.execute(
                    self._seam.insert(schema.workspaces)
                    .values(workspace_id=workspace_id, created_at=datetime.now(UTC))
                    .on_conflict_do_nothing()
                )
                yield Workspace(connection, workspace_id)
            except BaseException:
                connection.rollback()
                raise
            connection.commit()

    @contextmanager
    def _connection(self) -> Iterator[sa.Connection]:
        try:
            connection = self.engine.connect()
        except sa.exc.DBAPIError as error:
            if self._path is not None:
                raise
            raise _opening(self.engine.url.drivername).unreachable(self.engine.url, error) from error
        with connection:
            yield connection

    def close(self) -> None:
        """Close every connection."""
        self.engine.dispose()


def open_url(url: str) -> Database:
    """Open the database on a server that a URL names, made or migrated as needed; raise where that fails."""
    server = _opening(url.partition(":")[0])
    database = Database(None, engine=server.engine_of(url))
    try:
        with database._connection() as connection:
            server.require_usable(connection)
        _migrate(database)
    except sa.exc.DBAPIError as error:
        database.close()
        raise server.unusable(database.engine.url, error) from error
    except BaseException:
        database.close()
        raise
    return database


def _opening(scheme: str) -> engines.Opening:
    """Give what opens the databases of a scheme; nobody who has no server pays for it."""
    if "deeplake" in scheme:
        from hivemind.store.engines.deeplake import opening as over_http

        return over_http
    from hivemind.store.engines.postgresql import opening as server

    return server


def open_database(path: Path) -> Database:
    """Open the database at `path`, made or migrated as needed; raise HivemindError where that fails.

    One that this user may only read is opened for reading: its `write` says why it cannot.
    """
    database = None
    try:
        if not path.exists():
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            path.touch(mode=0o600)
        if not opening.may(path, os.W_OK) or not opening.may(path.parent, os.W_OK):
            return _for_reading(path)
        database = Database(path, engine=opening.engine_of(path))
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
    if not opening.may(path, os.R_OK):
        raise _forbidden(path, "read")
    database = Database(path, engine=opening.open_read_only(path), refusal=refusal)
    sa.event.listen(database.engine, "connect", opening.leave_transactions)
    try:
        with database.engine.connect() as connection:
            current = engines.of(connection).revision(connection)
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


def _migrate(database: Database) -> None:
    with database.engine.connect() as connection:
        current = engines.of(connection).revision(connection)
    if current == HEAD:
        return
    # Alembic costs 0.1 s to import, and is needed once for each release.
    from hivemind.store.migrations import upgrade

    upgrade(database.engine)
