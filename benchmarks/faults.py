"""Break syncing in every way, and count what was lost or stored twice: both have to be nothing.

    python -m benchmarks.faults [--json] [--events N] [--only NAME]

A real server process, a real machine's database, and between them a proxy that drops, delays, cuts and
repeats. Each fault is followed by one sync on a sound line: then every event is on the server once, in its
place, with its text. Exits 1 where one is not.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import sqlalchemy as sa

from benchmarks import team_server
from benchmarks.team_server import Process
from hivemind.config import Settings
from hivemind.domain.events import Event, EventKind, SessionFacts
from hivemind.domain.projects import project_id
from hivemind.errors import HivemindError
from hivemind.store import accounts, schema, sessions
from hivemind.store.database import Database, open_database
from hivemind.store.sessions import ProjectFacts
from hivemind.sync import running
from hivemind.sync.credentials import Credentials

REMOTE = "github.com/acme/shop"
SESSIONS = 6
NOW = datetime(2026, 11, 3, 10, tzinfo=UTC)
RULES = Settings(capture_team=("github.com/acme/*",))


@dataclass(frozen=True, kw_only=True)
class Result:
    """Hold what one fault did."""

    fault: str
    sent: int
    lost: int
    doubled: int
    misplaced: int
    rounds_failed: int
    seconds: float


@dataclass(kw_only=True)
class World:
    """Hold one machine, the server's place, and what the machine has had so far."""

    folder: Path
    place: str
    server: Process
    token: str
    person_id: str
    url: str = ""
    number: int = 0
    failed: int = 0
    machine: Database = field(init=False)

    def __post_init__(self) -> None:
        self.machine = open_database(self.folder / "machine" / "hivemind.db")
        self.url = self.server.url

    def grow(self, events: int) -> None:
        """Give the machine's sessions more events."""
        project = ProjectFacts(
            project_id=project_id(remote=REMOTE, root=""), name="shop", remote=REMOTE, root=str(self.folder)
        )
        for one in range(SESSIONS):
            new = [
                sessions.RedactedEvent(
                    event=Event(
                        kind=EventKind.PROMPT,
                        native_id=f"~{n}",
                        text=f"session {one} event {n} " + "word " * (n % 60),
                        at=NOW + timedelta(seconds=n),
                    )
                )
                for n in range(self.number, self.number + events // SESSIONS)
            ]
            with self.machine.write() as workspace:
                facts = SessionFacts(session_id=f"session-{one}", agent="claude", cwd=str(self.folder))
                sessions.append(workspace, facts, events=new, project=project)
        self.number += events // SESSIONS

    def sync(self, *, seconds: float = 8.0, url: str = "") -> bool:
        """Sync once; say whether it went through."""
        who = running.Who(machine=running.machine_of(self.folder, agents=["claude"]), home=str(self.folder))
        try:
            done = running.run(
                self.machine,
                remote=Credentials(url=url or self.url, token=self.token),
                who=who,
                rules=RULES,
                seconds=seconds,
                wait_s=seconds,
                with_refused=True,
            )
        except HivemindError:
            self.failed += 1
            return False
        return done.is_complete

    def settle(self) -> None:
        """Sync on a sound line until all has gone through."""
        for _ in range(10):
            if self.sync(seconds=60.0):
                return
        raise TimeoutError("a sound line does not help")

    def compare(self) -> tuple[int, int, int]:
        """Count what is not on the server, what is there twice, and what is elsewhere than it was."""
        own = _events(self.machine, "default")
        with closing(team_server.open_place(self.place)) as database:
            there = _events(database, team_server.WORKSPACE)
        texts: dict[tuple[str, str], list[int]] = {}
        for session_id, seq, text in there:
            texts.setdefault((session_id, text), []).append(seq)
        lost = sum((session_id, text) not in texts for session_id, _, text in own)
        doubled = sum(len(seqs) - 1 for seqs in texts.values())
        misplaced = sum(texts.get((s, text), [seq])[0] != seq for s, seq, text in own)
        return lost, doubled, misplaced


def _events(database: Database, workspace_id: str) -> list[tuple[str, int, str]]:
    e = schema.events
    query = sa.select(e.c.session_id, e.c.seq, e.c.text).where(e.c.workspace_id == workspace_id)
    with database.read(workspace_id) as workspace:
        return [(row.session_id, row.seq, row.text) for row in workspace.execute(query)]


class Proxy:
    """Pass bytes between a machine and the server, and harm some connections, by a seeded choice."""

    def __init__(self, target: int, *, harm: str, seed: int = 7) -> None:
        self._target, self._harm = target, harm
        self._random = random.Random(seed)
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listening.getsockname()[1])
        self._is_closed = False
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Take no more connections."""
        self._is_closed = True
        self._listening.close()

    def _accept(self) -> None:
        while not self._is_closed:
            try:
                near, _ = self._listening.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(near,), daemon=True).start()

    def _serve(self, near: socket.socket) -> None:
        harmed = self._random.random() < 0.6
        cut_up = self._random.randrange(200, 4_000) if harmed and self._harm == "truncate" else 0
        cut_down = self._random.randrange(1, 400) if harmed and self._harm == "drop" else 0
        with near, suppress(OSError), socket.create_connection(("127.0.0.1", self._target)) as far:
            if self._harm == "duplicate":
                self._twice(near)
                return
            up = threading.Thread(target=self._pump, args=(near, far, cut_up), daemon=True)
            up.start()
            self._pump(far, near, cut_down)
            up.join(timeout=5)

    def _twice(self, near: socket.socket) -> None:
        """Send each request to the server twice, each on a connection of its own, before it is answered."""
        near.settimeout(0.3)
        while not self._is_closed:
            request = b""
            with suppress(TimeoutError):
                while part := near.recv(65_536):
                    request += part
            if not request:
                return
            for n in range(2):
                with socket.create_connection(("127.0.0.1", self._target)) as far:
                    far.settimeout(2.0)
                    far.sendall(request)
                    answer = b""
                    with suppress(TimeoutError):
                        while part := far.recv(65_536):
                            answer += part
                            if _is_whole(answer):
                                break
                if n == 1:
                    near.sendall(answer)

    def _pump(self, source: socket.socket, target: socket.socket, limit: int) -> None:
        passed = 0
        with suppress(OSError):
            while part := source.recv(4_096):
                if self._harm == "delay":
                    time.sleep(self._random.random() * 0.05)
                if limit and passed + len(part) > limit:
                    target.sendall(part[: max(0, limit - passed)])
                    break
                passed += len(part)
                target.sendall(part)
        for one in (source, target):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)


def _is_whole(answer: bytes) -> bool:
    head, end, body = answer.partition(b"\r\n\r\n")
    for line in head.split(b"\r\n"):
        if line.lower().startswith(b"content-length:"):
            return bool(end) and len(body) >= int(line.partition(b":")[2])
    return bool(end) and b" 304 " in head[:20]


def killed(world: World, events: int) -> None:
    """Kill the server with SIGKILL again and again while batches come in."""
    chosen = random.Random(3)
    for _ in range(3):
        world.grow(events)
        sender = threading.Thread(target=world.sync)
        sender.start()
        time.sleep(0.05 + chosen.random() * 0.4)
        world.server.kill()
        time.sleep(0.1)
        world.server.start()
        sender.join()


def proxied(harm: str) -> Callable[[World, int], None]:
    """Make the fault of a bad line."""

    def fault(world: World, events: int) -> None:
        proxy = Proxy(world.server.port, harm=harm)
        try:
            for _ in range(2):
                world.grow(events)
                world.sync(url=world.url)
                _through(world, proxy)
        finally:
            proxy.close()

    return fault


def _through(world: World, proxy: Proxy) -> None:
    """Sync over the bad line: the machine knows the server by one address, which the proxy stands for."""
    world.grow(SESSIONS * 20)
    held = world.url
    with world.machine.write() as workspace:
        workspace.execute(schema.remotes.update().values(url=f"http://127.0.0.1:{proxy.port}"))
    world.sync(url=f"http://127.0.0.1:{proxy.port}")
    with world.machine.write() as workspace:
        workspace.execute(schema.remotes.update().values(url=held))


def machine_killed(world: World, events: int) -> None:
    """End the machine's round in the middle, and forget what it had noted of the last batch."""
    for seconds in (0.05, 0.15, 0.3):
        world.grow(events)
        world.sync(seconds=seconds)
        with world.machine.write() as workspace:
            u = schema.uploads
            workspace.execute(
                u.update().values(sent_seq=sa.case((u.c.sent_seq > 9, u.c.sent_seq - 9), else_=0))
            )


def token_revoked(world: World, events: int) -> None:
    """Revoke the token while batches come in; another one goes on where it stopped."""
    world.grow(events * 2)
    sender = threading.Thread(target=world.sync)
    sender.start()
    time.sleep(0.2)
    with closing(team_server.open_place(world.place)) as database:
        with database.write(team_server.WORKSPACE) as workspace:
            accounts.revoke(workspace, at=datetime.now(UTC), person_id=world.person_id)
        sender.join()
        world.grow(events)
        assert not world.sync(), "a revoked token lets nobody in"
        _, world.token = team_server.join(database, "Ada", person_id=world.person_id)


def restored(world: World, events: int) -> None:
    """Put an older copy of the database in the server's place."""
    world.grow(events)
    world.settle()
    world.server.kill()
    with closing(team_server.open_place(world.place)) as database, database.read() as workspace:
        workspace.connection.exec_driver_sql("PRAGMA user_version").close()
    copy = world.folder / "copy.db"
    _checkpoint(world.place)
    shutil.copy(world.place, copy)
    world.server.start()
    world.grow(events)
    world.settle()
    world.server.kill()
    for name in ("", "-wal", "-shm"):
        Path(world.place + name).unlink(missing_ok=True)
    shutil.copy(copy, world.place)
    world.server.start()
    world.grow(events)
    world.sync()


def _checkpoint(place: str) -> None:
    import sqlite3

    with closing(sqlite3.connect(place)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def disk_full(world: World, events: int) -> None:
    """Let no file of the server grow any more, as on a full disk; then again."""
    world.grow(events)
    world.settle()
    world.server.kill()
    _checkpoint(world.place)
    world.server.file_limit_bytes = Path(world.place).stat().st_size + 60_000
    world.server.start()
    world.grow(events * 3)
    world.sync()
    world.server.kill()
    world.server.file_limit_bytes = 0
    world.server.start()


FAULTS: dict[str, Callable[[World, int], None]] = {
    "server killed": killed,
    "connections dropped": proxied("drop"),
    "requests truncated": proxied("truncate"),
    "requests sent twice": proxied("duplicate"),
    "line delayed": proxied("delay"),
    "machine killed": machine_killed,
    "token revoked": token_revoked,
    "server restored": restored,
    "disk full": disk_full,
}


@contextmanager
def world_of(folder: Path, place: str) -> Iterator[World]:
    """Make a server with one member, and that member's machine."""
    folder.mkdir(parents=True, exist_ok=True)
    with closing(team_server.open_place(place)) as database:
        team_server.found(database)
        person_id, token = team_server.join(database, "Ada")
    server = Process(place)
    server.start()
    world = World(folder=folder, place=place, server=server, token=token, person_id=person_id)
    try:
        yield world
    finally:
        server.kill()
        world.machine.close()


def suffer(name: str, folder: Path, *, events: int, place: str = "") -> Result:
    """Run one fault and count."""
    place = place or str(folder / "server" / "hivemind.db")
    began = time.monotonic()
    with world_of(folder, place) as world:
        FAULTS[name](world, events)
        world.grow(events)
        world.settle()
        lost, doubled, misplaced = world.compare()
        sent, failed = world.number * SESSIONS, world.failed
    return Result(
        fault=name,
        sent=sent,
        lost=lost,
        doubled=doubled,
        misplaced=misplaced,
        rounds_failed=failed,
        seconds=round(time.monotonic() - began, 1),
    )


def on_postgresql(folder: Path, *, events: int) -> Iterator[Result]:
    """Run what concerns the server on PostgreSQL, and restart that; nothing where none can be started."""
    sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
    import databases  # type: ignore[import-not-found]  # the tests' own way to a server

    found = databases.programs(None)
    if found is None:
        return
    with ExitStack() as stack:
        try:
            server = stack.enter_context(databases.running(found))
        except databases.CannotStartError:
            return
        FAULTS["PostgreSQL restarted"] = _restarting(server)
        for name in ("server killed", "PostgreSQL restarted"):
            place = server.create(template="hivemind_template")
            result = suffer(name, folder / f"pg-{name}", events=events, place=place)
            yield Result(**{**asdict(result), "fault": f"{name} (PostgreSQL)"})


def _restarting(server: object) -> Callable[[World, int], None]:
    def fault(world: World, events: int) -> None:
        for _ in range(2):
            world.grow(events)
            sender = threading.Thread(target=world.sync)
            sender.start()
            time.sleep(0.3)
            server._run("pg_ctl", "-D", "data", "-l", "log", "-m", "immediate", "-w", "restart")  # type: ignore[attr-defined]
            sender.join()

    return fault


def main() -> int:
    """Run the suite and print a table, or JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--events", type=int, default=1_200, help="events that each step of a fault adds")
    parser.add_argument("--only", choices=list(FAULTS))
    chosen = parser.parse_args()
    results: list[Result] = []
    with tempfile.TemporaryDirectory() as place:
        for name in [chosen.only] if chosen.only else list(FAULTS):
            results.append(suffer(name, Path(place) / name.replace(" ", "-"), events=chosen.events))
            _tell(results[-1], quiet=chosen.json)
        if not chosen.only:
            for result in on_postgresql(Path(place), events=chosen.events):
                results.append(result)
                _tell(result, quiet=chosen.json)
    lost, doubled = sum(r.lost + r.misplaced for r in results), sum(r.doubled for r in results)
    if chosen.json:
        print(
            json.dumps({"lost": lost, "doubled": doubled, "faults": [asdict(r) for r in results]}, indent=2)
        )
    else:
        print(f"{'all':32} {sum(r.sent for r in results):>8} {lost:>6} {doubled:>8}")
    return 1 if lost or doubled else 0


def _tell(result: Result, *, quiet: bool) -> None:
    if not quiet:
        head = f"{'fault':32} {'events':>8} {'lost':>6} {'doubled':>8} {'failed rounds':>14} {'seconds':>8}"
        if result.fault == next(iter(FAULTS)):
            print(head)
        print(
            f"{result.fault:32} {result.sent:>8} {result.lost + result.misplaced:>6} {result.doubled:>8} "
            f"{result.rounds_failed:>14} {result.seconds:>8}",
            flush=True,
        )


if __name__ == "__main__":
    sys.exit(main())
