"""Faults of sending: each strikes while events go up, and says how often it really did."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from benchmarks import team_server
from benchmarks.faults import line
from benchmarks.faults.line import BATCH, Gate, Harm, Late, Overtake
from benchmarks.faults.processes import File, PostgreSQL, kill
from benchmarks.faults.world import SESSIONS, World
from hivemind.store import accounts

Fault = Callable[[World, int], None]


def server_killed(world: World, events: int) -> None:
    """Kill the server while it has a batch to answer: what counts is a batch that it never answered."""
    chosen = random.Random(3)
    for _ in world.attempts():
        world.machine.grow(events)
        begun, cut = len(world.line.begun), world.line.seen.cut
        with world.machine.syncing():
            world.line.wait_for(BATCH, after=begun)
            time.sleep(chosen.uniform(0.0, 0.05))
            world.server.kill()
            world.server.start()
        world.struck += world.line.seen.cut > cut


def harmed(harm: Harm) -> Fault:
    """Make the fault of a bad line."""

    def fault(world: World, events: int) -> None:
        world.line.harm = harm
        # A round on a bad line has about six requests, and some of them get through.
        world.wanted = max(world.wanted, 2)
        for _ in world.attempts():
            world.machine.grow(events)
            world.machine.sync()
            world.struck = world.line.seen.harmed

    return fault


def overtaken(world: World, events: int) -> None:
    """Hold batches back until later ones are stored; two machines of a person and a copy of one send."""
    other = world.another("other")
    world.line.harm = Overtake()
    for number in world.attempts():
        for machine in (world.machine, other):
            machine.grow(events)
        twin = world.machine.twin(world.folder / f"twin-{number}")
        try:
            with twin.syncing(seconds=20.0), other.syncing(seconds=20.0):
                world.machine.sync(seconds=20.0)
        finally:
            twin.database.close()
        world.struck = world.line.seen.overtaken


def late(world: World, events: int) -> None:
    """Deliver copies of batches, some of them never heard of before, after newer ones."""
    world.line.harm = Late()
    for _ in world.attempts():
        world.machine.grow(events)
        world.machine.sync(seconds=20.0)
        world.struck = world.line.seen.late


def machine_killed(world: World, events: int) -> None:
    """Kill `hivemind sync`, or the machine's worker, while some of it is sent and some is not."""
    chosen = random.Random(5)
    for number in world.attempts():
        world.machine.grow(events)
        begun = len(world.line.begun)
        process = world.machine.start("sync" if number % 2 == 0 else "worker")
        world.line.wait_for(BATCH, after=begun)
        time.sleep(chosen.uniform(0.0, 0.02 + events / 6_000))
        world.struck += kill(process) and world.machine.waits()


def token_revoked(world: World, events: int) -> None:
    """Revoke the token while batches come in; another one goes on where it stopped."""
    for _ in world.attempts():
        world.machine.grow(events * 2)
        begun, answered = len(world.line.begun), world.line.answered_batches
        with world.open() as database:
            with world.machine.syncing():
                world.line.wait_for(BATCH, after=begun)
                with database.write(team_server.WORKSPACE) as workspace:
                    accounts.revoke(workspace, at=datetime.now(UTC), person_id=world.person_id)
            is_midway = world.line.answered_batches > answered and world.machine.waits()
            world.struck += is_midway and world.machine.problem == "sync-not-let-in"
            assert not world.machine.sync(), "a revoked token lets nobody in"
            _, world.machine.token = team_server.join(database, "Ada", person_id=world.person_id)


def restored(world: World, events: int) -> None:
    """Put an older copy of the database in the server's place, between rounds."""
    for number in world.attempts():
        _saved(world, events, anew=f"lost-{number}")
        world.server.kill()
        world.store.restore()
        world.server.start()
        world.machine.grow(events)
        world.machine.sync(seconds=20.0)
        done = world.machine.last
        world.struck += done is not None and done.was_restored and done.taken_back > 0


def restored_midway(world: World, events: int) -> None:
    """Put an older copy in its place within a round, which goes on with other sessions than those lost."""
    for number in world.attempts():
        _saved(world, events, anew=f"lost-{number}")
        world.machine.grow(events * 2, anew=f"later-{number}")
        begun, gate = len(world.line.begun), Gate()
        with world.machine.syncing(seconds=120.0):
            world.line.wait_for(BATCH, after=begun)
            world.line.harm = gate
            world.server.kill()
            world.store.restore()
            world.server.start()
            gate.opened.set()
        world.line.harm = line.forward
        done = world.machine.last
        is_told = done is not None and done.sent.gaps > 0 and not done.was_restored
        world.struck += is_told and not world.machine.problem


def _saved(world: World, events: int, *, anew: str) -> None:
    """Copy the server's database, and let it have more by then: also in sessions that grow no more."""
    world.machine.grow(events)
    world.machine.settle()
    world.store.save()
    world.machine.grow(events)
    world.machine.grow(SESSIONS, anew=anew)
    world.machine.settle()


def disk_full(world: World, events: int) -> None:
    """Let no file of the server grow any more, as on a full disk; then again."""
    assert isinstance(world.store, File)
    for _ in world.attempts():
        world.machine.grow(events)
        world.machine.settle()
        world.server.kill()
        world.store.settle()
        world.server.file_limit_bytes = Path(world.store.place).stat().st_size + 60_000
        world.server.start()
        failed = world.line.seen.failed
        world.machine.grow(events * 3)
        world.machine.sync()
        world.struck += world.line.seen.failed > failed
        world.server.kill()
        world.server.file_limit_bytes = 0
        world.server.start()


def database_restarted(world: World, events: int) -> None:
    """End PostgreSQL at once while a batch is stored, and start it when a round has failed for it."""
    assert isinstance(world.store, PostgreSQL)
    chosen = random.Random(4)
    for _ in world.attempts():
        world.machine.grow(events)
        begun, failed = len(world.line.begun), world.machine.rounds_failed
        with world.machine.syncing(seconds=3.0):
            world.line.wait_for(BATCH, after=begun)
            time.sleep(chosen.uniform(0.0, 0.05))
            world.store.server.stop()
        try:
            world.machine.sync(seconds=3.0)
        finally:
            world.store.server.start_again()
        world.machine.sync()
        world.struck += world.machine.rounds_failed > failed


#: By name; those of one database's kind alone are named in ONLY.
FAULTS: dict[str, Fault] = {
    "server killed": server_killed,
    "PostgreSQL restarted": database_restarted,
    "connections dropped": harmed(line.drop),
    "requests truncated": harmed(line.truncate),
    "requests sent twice": harmed(line.duplicate),
    "line delayed": harmed(line.delay),
    "batches overtaken": overtaken,
    "batches late": late,
    "machine killed": machine_killed,
    "token revoked": token_revoked,
    "server restored": restored,
    "restored within a round": restored_midway,
    "disk full": disk_full,
}
