"""Open the embedded database: pragmas, migration to the newest schema, read and write transactions."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from hivemind.errors import HivemindError
from hivemind.store import schema

#: The newest revision in store/migrations/versions; a test compares it with Alembic's own head.
HEAD = "0001"
#: How long a transaction waits for another process's write, in milliseconds.
BUSY_TIMEOUT_MS = 10_000
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

    def __init__(self, path: Path, *, engine: sa.Engine) -> None:
        self.path = path
        self.engine = engine

    @contextmanager
    def read(self, workspace_id: str = "default") -> Iterator[Workspace]:
        """Open a consistent read transaction on a workspace."""
        with self.engine.connect() as connection:
            yield Workspace(connection, workspace_id)

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
    """Open the database at `path`, made or migrated as needed; raise HivemindError where it cannot be used."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    new = not path.exists()
    if new:
        path.touch(mode=0o600)
    database = Database(path, engine=_engine(path))
    try:
        _migrate(database)
    except sa.exc.DatabaseError as error:
        database.close()
        raise HivemindError(
            "database-unusable",
            f"{path} cannot be used as a database: {error.orig}",
            hint=f"move it away (mv {path} {path}.broken) and run `hivemind backfill`, or free the disk and retry",
        ) from error
    return database


def open_read_only(path: Path) -> sa.Engine:
    """Give an engine that cannot write, for the user's own SQL."""
    if not path.exists():
        raise HivemindError(
            "nothing-stored",
            f"{path} does not exist: nothing has been stored yet",
            hint="run `hivemind backfill`",
        )
    return sa.create_engine(f"sqlite:///file:{path}?mode=ro&uri=true")


def _engine(path: Path) -> sa.Engine:
    engine = sa.create_engine(f"sqlite:///{path}", connect_args={"timeout": BUSY_TIMEOUT_MS / 1000})

    @sa.event.listens_for(engine, "connect")
    def configure(connection: Any, _record: Any) -> None:
        # SQLAlchemy's own transaction handling must not emit BEGIN before ours.
        connection.isolation_level = None
        cursor = connection.cursor()
        cursor.execute("PRAGMA journal_mode=WAL")
        cursor.execute("PRAGMA synchronous=NORMAL")
        cursor.execute("PRAGMA foreign_keys=ON")
        cursor.close()

    return engine


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
