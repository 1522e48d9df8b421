"""A team's server, its people's machines, and the line between them; and what is to be equal in the end."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import sqlalchemy as sa

from benchmarks import team_server
from benchmarks.faults.line import Line, forward
from benchmarks.faults.processes import Place, Server, start
from benchmarks.team_server import WORKSPACE
from hivemind.config import Settings
from hivemind.domain.events import Event, EventKind, SessionFacts
from hivemind.domain.projects import project_id
from hivemind.errors import HivemindError
from hivemind.store import schema, sessions
from hivemind.store.database import Database, open_database
from hivemind.store.sessions import ProjectFacts
from hivemind.sync import preparing, running
from hivemind.sync.credentials import Credentials

REMOTE = "github.com/acme/shop"
SESSIONS = 6
NOW = datetime(2026, 11, 3, 10, tzinfo=UTC)
RULES = Settings(capture_team=("github.com/acme/*",))
CONFIG = '[capture]\nteam = ["github.com/acme/*"]\n'


@dataclass(kw_only=True)
class Machine:
    """Hold one machine of a person: its folder, its database, and how its rounds went."""

    folder: Path
    url: str
    token: str
    name: str = "session"  #: how the ids of its sessions begin
    number: int = 0  #: of the events in each session
    rounds_failed: int = 0
    last: running.Round | None = None  #: that went through
    problem: str = ""  #: the slug of what the last round failed with
    said: str = ""  #: in words

    def __post_init__(self) -> None:
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        (self.folder / "config.toml").write_text(CONFIG)
        self.database: Database = open_database(self.folder / "hivemind.db")

    def grow(self, events: int, *, anew: str = "") -> None:
        """Give the sessions more events, or begin sessions of another name with them."""
        each, first = max(1, events // SESSIONS), 0 if anew else self.number
        for one in range(SESSIONS):
            session_id = f"{anew or self.name}-{one}"
            self.store(session_id, [_prompt(session_id, n) for n in range(first, first + each)])
        self.number += 0 if anew else each

    def store(self, session_id: str, events: list[Event], *, remote: str = REMOTE) -> None:
        """Store events of a session."""
        root = str(self.folder / remote.rpartition("/")[2])
        project = ProjectFacts(
            project_id=project_id(remote=remote, root=""), name=Path(root).name, remote=remote, root=root
        )
        with self.database.write() as workspace:
            facts = SessionFacts(session_id=session_id, agent="claude", cwd=root)
            redacted = [sessions.RedactedEvent(event=event) for event in events]
            sessions.append(workspace, facts, events=redacted, project=project)

    def sync(self, *, seconds: float = 8.0) -> bool:
        """Sync once; say whether it went through."""
        who = running.Who(machine=running.machine_of(self.folder, agents=["claude"]), home=str(self.folder))
        self.problem = ""
        try:
            self.last = running.run(
                self.database,
                remote=Credentials(url=self.url, token=self.token),
                who=who,
                rules=RULES,
                seconds=seconds,
                wait_s=seconds,
                with_refused=True,
            )
        except HivemindError as error:
            self.rounds_failed += 1
            self.problem, self.said = error.slug, error.message
            return False
        return self.last.is_complete

    @contextmanager
    def syncing(self, *, seconds: float = 8.0) -> Iterator[None]:
        """Sync meanwhile."""
        sender = threading.Thread(target=lambda: self.sync(seconds=seconds))
        sender.start()
        try:
            yield
        finally:
            sender.join()

    def start(self, command: str) -> subprocess.Popen[bytes]:
        """Start a command of Hivemind on this machine's own folder."""
        variables = {"HIVEMIND_API_URL": self.url, "HIVEMIND_TOKEN": self.token}
        return start(command, home=self.folder, variables=variables)

    def waits(self) -> bool:
        """Say whether there is something that the server has not confirmed."""
        return bool(preparing.waiting(self.database, "default", rules=RULES, with_refused=True))

    def settle(self) -> None:
        """Sync on a sound line until all has gone through."""
        for _ in range(10):
            if self.sync(seconds=60.0) and not self.waits():
                return
        raise TimeoutError(f"a sound line does not help: {self.problem}: {self.said}")

    def twin(self, folder: Path) -> Machine:
        """Copy the machine as it stands, under the same name: an image, or a home on two machines."""
        folder.mkdir(mode=0o700, parents=True)
        with (
            closing(sqlite3.connect(self.folder / "hivemind.db")) as source,
            closing(sqlite3.connect(folder / "hivemind.db")) as target,
        ):
            source.backup(target)
        running.machine_of(self.folder, agents=["claude"])
        shutil.copy(self.folder / "machine-id", folder)
        return Machine(folder=folder, url=self.url, token=self.token, name=self.name, number=self.number)


def _prompt(session_id: str, n: int) -> Event:
    text = f"{session_id} event {n} " + "word " * (n % 60)
    return Event(kind=EventKind.PROMPT, native_id=f"~{n}", text=text, at=NOW + timedelta(seconds=n))


@dataclass(kw_only=True)
class World:
    """Hold a server, a line to it, and the machines of one person."""

    folder: Path
    store: Place
    wanted: int  #: how often the fault is to strike
    person_id: str
    machines: list[Machine]
    server: Server
    line: Line
    struck: int = 0

    @property
    def machine(self) -> Machine:
        """Give the first machine."""
        return self.machines[0]

    def attempts(self) -> Iterator[int]:
        """Go on until the fault struck as often as wanted; give up after four times as many tries."""
        for number in range(4 * self.wanted + 4):
            if self.struck >= self.wanted:
                return
            yield number

    def another(self, name: str) -> Machine:
        """Give the person one more machine."""
        made = Machine(folder=self.folder / name, url=self.line.url, token=self.machine.token, name=name)
        self.machines.append(made)
        return made

    @contextmanager
    def open(self) -> Iterator[Database]:
        """Open the server's database."""
        with closing(team_server.open_place(self.store.place)) as database:
            yield database

    def settle(self) -> None:
        """Let every machine sync on a sound line."""
        self.line.harm = forward
        for machine in self.machines:
            machine.settle()


@contextmanager
def world_of(folder: Path, store: Place, *, wanted: int, with_worker: bool = True) -> Iterator[World]:
    """Make a server with one member, and that member's machine; `with_worker`: it distils by itself."""
    with closing(team_server.open_place(store.place)) as database:
        team_server.found(database)
        person_id, token = team_server.join(database, "Ada")
    server = Server(store, folder / "server", with_worker=with_worker)
    line = Line(server.port)
    server.base_url = line.url
    machine = Machine(folder=folder / "machine", url=line.url, token=token)
    world = World(
        folder=folder,
        store=store,
        wanted=wanted,
        person_id=person_id,
        machines=[machine],
        server=server,
        line=line,
    )
    try:
        server.start()
        yield world
    finally:
        line.close()
        server.kill()
        for one in world.machines:
            one.database.close()


@dataclass(frozen=True, kw_only=True)
class Compared:
    """Say what of the machines' events the server has not, has twice, and has elsewhere or counts wrongly."""

    sent: int
    lost: int
    doubled: int
    misplaced: int


def compare(world: World) -> Compared:
    """Compare the machines with the server, event by event."""
    own = {row: None for machine in world.machines for row in _events(machine.database, "default")}
    with world.open() as database:
        there, counted = _events(database, WORKSPACE), _counted(database)
    places: dict[tuple[str, str], list[int]] = {}
    for session_id, seq, text, _ in there:
        places.setdefault((session_id, text), []).append(seq)
    wrong = sum(places.get((s, text), [seq])[0] != seq for s, seq, text, _ in own)
    events, prompts = Counter(row[0] for row in there), Counter(row[0] for row in there if row[3])
    wrong += sum(counted.get(one) != (number, prompts[one]) for one, number in events.items())
    return Compared(
        sent=len(own),
        lost=sum((session_id, text) not in places for session_id, _, text, _ in own),
        doubled=sum(len(seqs) - 1 for seqs in places.values()),
        misplaced=wrong,
    )


def _events(database: Database, workspace_id: str) -> list[tuple[str, int, str, bool]]:
    """Give each event's session, place and text, told apart from its like, and whether it is a request."""
    e = schema.events
    query = sa.select(e.c.session_id, e.c.seq, e.c.kind, e.c.text, e.c.at).where(
        e.c.workspace_id == workspace_id
    )
    with database.read(workspace_id) as workspace:
        return [
            (row.session_id, row.seq, f"{row.kind} {row.at} {row.text}", row.kind == EventKind.PROMPT.value)
            for row in workspace.execute(query)
        ]


def _counted(database: Database) -> dict[str, tuple[int, int]]:
    """Give what each session's own row says: its events and its requests."""
    s = schema.sessions
    query = sa.select(s.c.session_id, s.c.next_seq, s.c.prompts).where(s.c.workspace_id == WORKSPACE)
    with database.read(WORKSPACE) as workspace:
        return {row.session_id: (row.next_seq, row.prompts) for row in workspace.execute(query)}
