"""A team's server for tests and benchmarks: this process's own thread, or a process that can be killed.

python -m benchmarks.team_server PLACE PORT
"""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Self

import uvicorn
from fastapi import Request

from hivemind.domain.accounts import Member, Role, TokenKind
from hivemind.server.access.team import viewer_of
from hivemind.server.access.viewer import Viewer
from hivemind.server.app import create_app
from hivemind.server.site import Limits, Site
from hivemind.store import accounts
from hivemind.store.database import Database, open_database, open_url

WORKSPACE, ORGANISATION = "acme-shop", "acme"
LIFETIME = timedelta(days=30)


@dataclass(frozen=True)
class Bearer:
    """Let in who holds a token."""

    database: Database

    def api_viewer(self, request: Request, /) -> Viewer | None:
        """Give who calls."""
        kind, _, text = request.headers.get("authorization", "").partition(" ")
        return viewer_of(self.database, text.strip()) if kind.lower() == "bearer" else None

    def page_viewer(self, request: Request, /) -> Viewer | None:  # noqa: ARG002 - there are no pages
        """Give nobody."""
        return None


def site_of(database: Database) -> Site:
    """Make a site whose limits a test does not meet by chance."""
    return Site(database=database, access=Bearer(database), limits=Limits(requests_per_minute=1_000_000))


def open_place(place: str) -> Database:
    """Open a file or a URL."""
    return open_url(place) if "://" in place else open_database(Path(place))


def found(database: Database, *, workspace_id: str = WORKSPACE, organisation: str = ORGANISATION) -> None:
    """Make a team's workspace."""
    with database.write(workspace_id) as workspace:
        accounts.found_workspace(workspace, organisation=organisation)


def join(
    database: Database,
    name: str,
    *,
    role: Role = Role.WRITER,
    workspace_id: str = WORKSPACE,
    person_id: str = "",
) -> tuple[str, str]:
    """Make a member with a token; gives the person's id and the token's text."""
    person_id = person_id or accounts.new_person_id()
    with database.write(workspace_id) as workspace:
        member = Member(person_id=person_id, name=name, role=role, created_at=datetime.now(UTC))
        accounts.put_member(workspace, member)
        _, text = accounts.new_token(
            workspace, kind=TokenKind.API, person_id=person_id, role=role, lifetime=LIFETIME
        )
    return person_id, text


def free_port() -> int:
    """Find a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for_port(port: int, *, seconds: float = 30.0) -> None:
    """Wait until somebody listens."""
    end = time.monotonic() + seconds
    while True:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        if time.monotonic() > end:
            raise TimeoutError(f"nobody listens on {port}")
        time.sleep(0.02)


@dataclass
class Thread:
    """Serve a database from a thread of this process."""

    database: Database
    port: int = field(default_factory=free_port)

    def __enter__(self) -> Self:
        config = uvicorn.Config(
            create_app(site_of(self.database)), host="127.0.0.1", port=self.port, log_level="error"
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, daemon=True)
        self._thread.start()
        wait_for_port(self.port)
        return self

    def __exit__(self, *_: object) -> None:
        self._server.should_exit = True
        self._thread.join(timeout=10)

    @property
    def url(self) -> str:
        """Give its address."""
        return f"http://127.0.0.1:{self.port}"


@dataclass
class Process:
    """Serve a place from a process of its own, to be killed and started again."""

    place: str
    port: int = field(default_factory=free_port)
    file_limit_bytes: int = 0  #: of any file that it writes; 0: none
    _running: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Give its address."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it, and wait until it listens."""
        command = [sys.executable, "-m", "benchmarks.team_server", self.place, str(self.port)]
        command += [str(self.file_limit_bytes)] if self.file_limit_bytes else []
        self._running = subprocess.Popen(
            command, cwd=Path(__file__).parents[1], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        wait_for_port(self.port)

    def kill(self) -> None:
        """Kill it as a power cut would."""
        if self._running is not None:
            self._running.kill()
            self._running.wait()
            self._running = None


def main(place: str, port: str, file_limit_bytes: str = "") -> None:
    """Serve until killed."""
    if file_limit_bytes:
        import resource
        import signal

        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        limit = int(file_limit_bytes)
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    app = create_app(site_of(open_place(place)))
    uvicorn.run(app, host="127.0.0.1", port=int(port), log_level="error")


if __name__ == "__main__":
    main(*sys.argv[1:])
