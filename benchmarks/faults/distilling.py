"""The fault of distilling: workers of a team's server are killed amid a job; nothing is learnt twice or lost.

What the sessions give undisturbed is found out on a copy of the database, by a worker that is left alone.
"""

from __future__ import annotations

import random
import subprocess
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path

import sqlalchemy as sa

from benchmarks import team_server
from benchmarks.faults.processes import File, Place, PostgreSQL, kill, start, url_of
from benchmarks.faults.world import World
from benchmarks.server_workers import session_events
from benchmarks.team_server import WORKSPACE
from hivemind.config import Settings
from hivemind.store import jobs, schema
from hivemind.store.database import Database
from hivemind.worker.shared import KINDS, SharedWorker

PROJECTS, SESSIONS = 6, 3
LEARNT_S = 300.0
#: What was learnt, without when.
TABLES = (
    schema.lessons,
    schema.occurrences,
    schema.evidence,
    schema.episodes,
    schema.skills,
    schema.skill_versions,
    schema.decisions,
)
_TIMES = frozenset({"at", "created_at", "updated_at", "graded_at", "mined_at"})


@dataclass(frozen=True, kw_only=True)
class Learnt:
    """Say how many things were learnt, and which are missing or there twice beside one undisturbed worker."""

    learnt: int
    lost: int
    doubled: int


def worker_killed(world: World, events: int, *, is_patient: bool = True) -> Learnt:
    """Kill workers of the server, each amid a job; the last one does what is left.

    `is_patient`: wait as long as a dead worker's lease lasts; else that time is made to be over.
    """
    sent = max(24, min(60, events // 10))  # jobs that are over at once cannot be struck
    for project in range(PROJECTS):
        for n in range(SESSIONS):
            name = f"learning-{project}-{n}"
            made = [one.event for one in session_events(name, n, calls=sent)]
            world.machine.store(name, made, remote=f"github.com/acme/shop-{project}")
    world.machine.settle()
    world.server.kill()
    alone = _undisturbed(world)
    chosen = random.Random(9)
    with world.open() as database:
        for _ in world.attempts():
            process = _start(world)
            owner = f" {process.pid} "
            if not _wait(partial(_leased, database, owner), seconds=30.0):
                kill(process)
                break
            time.sleep(chosen.uniform(0.0, sent / 1_000))
            kill(process)
            world.struck += bool(_leased(database, owner))
        if not is_patient:
            _end_leases(database)
        process = _start(world)
        is_done = _wait(partial(_is_done, database), seconds=LEARNT_S)
        kill(process)
        assert is_done, "jobs are left that nobody does"
        found = _learnt(database)
    world.server.start()
    return Learnt(
        learnt=sum(found.values()),
        lost=sum((alone - found).values()),
        doubled=sum((found - alone).values()),
    )


def _start(world: World) -> subprocess.Popen[bytes]:
    """Start what distils: a worker of its own, or where the database is a file the server's own."""
    if world.store.engine == "postgresql":
        return start("worker", home=world.folder / "worker", variables=url_of(world.store))
    port = str(team_server.free_port())
    return start("serve", "--port", port, "--workspace", WORKSPACE, home=world.server.folder)


def _undisturbed(world: World) -> Counter[str]:
    """Give what one worker learns of the same sessions, on a copy."""
    world.store.save()
    if isinstance(world.store, PostgreSQL):
        copy: Place = PostgreSQL(world.store.server, place=f"{world.store.place}_copy")
    else:
        copy = File(world.folder / "alone")
        Path(f"{world.store.place}.copy").rename(copy.place)
    with closing(team_server.open_place(copy.place)) as database:
        worker = SharedWorker(database=database, settings=Settings(publish_policy="review"))
        while _left(database):
            if not worker.step():
                time.sleep(0.2)
        return _learnt(database)


def _leased(database: Database, owner: str) -> bool:
    with database.read(WORKSPACE) as workspace:
        return any(owner in f" {job.owner} " for job in jobs.listed(workspace))


def _left(database: Database) -> bool:
    with database.read(WORKSPACE) as workspace:
        return any(job.kind in KINDS for job in jobs.listed(workspace))


def _is_done(database: Database) -> bool:
    return not _left(database)


def _end_leases(database: Database) -> None:
    j = schema.jobs
    with database.write(WORKSPACE) as workspace:
        now = workspace.seam.now(workspace.connection)
        over = j.update().where(j.c.workspace_id == WORKSPACE, j.c.lease_until.is_not(None))
        workspace.execute(over.values(lease_until=now - timedelta(seconds=1)))


def _learnt(database: Database) -> Counter[str]:
    """Give every row of what was learnt, as text."""
    found: Counter[str] = Counter()
    with database.read(WORKSPACE) as workspace:
        for table in TABLES:
            columns = [c for c in table.c if c.name not in _TIMES]
            rows = workspace.execute(sa.select(*columns).where(table.c.workspace_id == WORKSPACE))
            found.update(f"{table.name} {tuple(row)!r}" for row in rows)
    return found


def _wait(look: Callable[[], bool], *, seconds: float) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if look():
            return True
        time.sleep(0.005)
    return False
