"""The real processes that are killed: a team's server, commands, workers; and the databases below them."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from benchmarks import team_server
from hivemind.capture import layout

if TYPE_CHECKING:
    from collections.abc import Mapping


def start(
    *arguments: str,
    home: Path,
    variables: Mapping[str, str] | None = None,
    file_limit_bytes: int = 0,
) -> subprocess.Popen[bytes]:
    """Start `hivemind` with a data folder of its own; no file that it writes grows beyond the limit."""
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "HIVEMIND_HOME": str(home),
        "LANG": "C.UTF-8",
    }

    def limit() -> None:
        import resource

        resource.setrlimit(resource.RLIMIT_FSIZE, (file_limit_bytes, file_limit_bytes))

    with (home / "processes.log").open("ab") as said:
        return subprocess.Popen(
            [sys.executable, "-m", "hivemind", *arguments],
            env={**environment, **(variables or {})},
            cwd=home,
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=said,
            preexec_fn=limit if file_limit_bytes else None,
        )


def kill(process: subprocess.Popen[bytes]) -> bool:
    """Kill as a power cut would; False where it had ended by itself."""
    process.kill()
    return process.wait() == -signal.SIGKILL


class Place(Protocol):
    """Name a server's database, which can be copied, and put back while no server runs."""

    @property
    def place(self) -> str:
        """Give the file or the URL."""

    @property
    def engine(self) -> str:
        """Name the database's kind."""

    def save(self) -> None:
        """Keep a copy."""

    def restore(self) -> None:
        """Put the copy in its place."""


@dataclass
class File:
    """Hold a database of SQLite."""

    folder: Path
    engine: str = "sqlite"

    def __post_init__(self) -> None:
        self.place = layout.team_database(str(self.folder))
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def save(self) -> None:
        """Keep a copy."""
        Path(self.place + ".copy").unlink(missing_ok=True)
        with (
            closing(sqlite3.connect(self.place)) as source,
            closing(sqlite3.connect(self.place + ".copy")) as target,
        ):
            source.backup(target)

    def settle(self) -> None:
        """Have everything in the one file."""
        with closing(sqlite3.connect(self.place)) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def restore(self) -> None:
        """Put the copy in its place."""
        for name in ("", "-wal", "-shm"):
            Path(self.place + name).unlink(missing_ok=True)
        shutil.copy(self.place + ".copy", self.place)


@dataclass
class PostgreSQL:
    """Hold a database of a PostgreSQL server, which can be ended at once and started again."""

    server: Cluster
    engine: str = "postgresql"
    place: str = ""

    def __post_init__(self) -> None:
        self.place = self.place or self.server.create(template="hivemind_template")
        # What was answered is on the disk, as on any server that is not only for tests.
        self._execute(f"ALTER DATABASE {self._name} SET synchronous_commit = on")

    @property
    def _name(self) -> str:
        return self.place.rpartition("/")[2]

    def _execute(self, *statements: str) -> None:
        import psycopg

        with psycopg.connect(self.server.url("postgres"), autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement.encode())

    def save(self) -> None:
        """Keep a copy; whoever is connected is not for that moment."""
        self._execute(
            f"DROP DATABASE IF EXISTS {self._name}_copy",
            f"ALTER DATABASE {self._name} ALLOW_CONNECTIONS false",
            f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{self._name}'",  # noqa: S608
            f"CREATE DATABASE {self._name}_copy TEMPLATE {self._name}",
            f"ALTER DATABASE {self._name} ALLOW_CONNECTIONS true",
        )

    def restore(self) -> None:
        """Put the copy in its place."""
        self._execute(
            f"DROP DATABASE {self._name} WITH (FORCE)",
            f"CREATE DATABASE {self._name} TEMPLATE {self._name}_copy",
        )


class Cluster(Protocol):
    """Name what is asked of a PostgreSQL server (tests/databases.py)."""

    def url(self, name: str) -> str:
        """Give the URL of a database."""

    def create(self, *, template: str = ...) -> str:
        """Make a database and give its URL."""

    def stop(self) -> None:
        """Stop at once: as `pg_ctl -m immediate`, which is a crash."""

    def start_again(self) -> None:
        """Start what was stopped; it recovers first."""


@dataclass
class Server:
    """Run `hivemind serve` on a database, to be killed and started again."""

    store: Place
    folder: Path
    with_worker: bool = True
    base_url: str = ""  #: by which it is known, behind a line
    port: int = field(default_factory=team_server.free_port)
    file_limit_bytes: int = 0  #: of any file that it writes; 0: none
    _running: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and wait until it listens."""
        arguments = ["serve", "--port", str(self.port), "--workspace", team_server.WORKSPACE]
        arguments += ["--base-url", self.base_url] if self.base_url else []
        self._running = start(
            *arguments,
            *([] if self.with_worker else ["--no-worker"]),
            home=self.folder,
            variables=url_of(self.store),
            file_limit_bytes=self.file_limit_bytes,
        )
        team_server.wait_for_port(self.port, seconds=60.0)

    def kill(self) -> None:
        """Kill it as a power cut would."""
        if self._running is not None:
            kill(self._running)
            self._running = None


def url_of(store: Place) -> dict[str, str]:
    """Give the variables by which a process finds a database."""
    return {"HIVEMIND_DATABASE_URL": store.place} if store.engine == "postgresql" else {}
