"""The faults by name, and what each one's result is."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks.faults import deciding, distilling, sending
from benchmarks.faults.deciding import Decided
from benchmarks.faults.distilling import Learnt
from benchmarks.faults.processes import Place
from benchmarks.faults.world import World, compare, world_of

ENGINES = ("sqlite", "postgresql")
#: How often each fault is to strike, at least.
STRIKES = 3

DECIDING: dict[str, Callable[[World, int], Decided]] = {
    "decisions, server killed": deciding.server_killed,
    "decisions, sent twice": deciding.sent_twice,
    "decisions, PostgreSQL restarted": deciding.database_restarted,
}
DISTILLING: dict[str, Callable[..., Learnt]] = {"distilling worker killed": distilling.worker_killed}
NAMES = (*sending.FAULTS, *DECIDING, *DISTILLING)
#: Faults of one kind of database alone.
ONLY = {
    "PostgreSQL restarted": "postgresql",
    "decisions, PostgreSQL restarted": "postgresql",
    "disk full": "sqlite",
}


@dataclass(frozen=True, kw_only=True)
class Result:
    """Hold what one fault did; nothing may be lost, doubled or elsewhere, and it must have struck."""

    fault: str
    engine: str
    struck: int  #: times that it was seen to strike: amid what it was to break
    sent: int
    lost: int
    doubled: int
    misplaced: int
    decisions: int = 0
    decisions_unanswered: int = 0
    decisions_lost: int = 0
    decisions_doubled: int = 0
    skills_apart: int = 0  #: of the server and the machine
    learnt: int = 0  #: lessons, occurrences, evidence, episodes, skills, versions and decisions of a worker
    learnt_lost: int = 0
    learnt_doubled: int = 0
    rounds_failed: int
    seconds: float

    @property
    def wrong(self) -> int:
        """Count what is not as it should be."""
        wrong = self.lost + self.doubled + self.misplaced + self.skills_apart
        wrong += self.decisions_lost + self.decisions_doubled + self.learnt_lost + self.learnt_doubled
        return wrong

    @property
    def is_good(self) -> bool:
        """Say whether it struck and nothing came of it."""
        return self.struck > 0 and not self.wrong


def runs_on(fault: str, engine: str) -> bool:
    """Say whether a fault is one of this kind of database."""
    return ONLY.get(fault, engine) == engine


def suffer(
    fault: str, folder: Path, *, store: Place, events: int, wanted: int = STRIKES, is_patient: bool = True
) -> Result:
    """Run one fault until it struck, then sync on a sound line, and count."""
    began = time.monotonic()
    more: dict[str, Any] = {}
    with world_of(folder, store, wanted=wanted, with_worker=fault not in DISTILLING) as world:
        if fault in DECIDING:
            decided = DECIDING[fault](world, events)
            more = {
                "decisions": decided.decisions,
                "decisions_unanswered": decided.unanswered,
                "decisions_lost": decided.lost,
                "decisions_doubled": decided.doubled,
                "skills_apart": decided.apart,
            }
        elif fault in DISTILLING:
            learnt = DISTILLING[fault](world, events, is_patient=is_patient)
            more = {"learnt": learnt.learnt, "learnt_lost": learnt.lost, "learnt_doubled": learnt.doubled}
        else:
            sending.FAULTS[fault](world, events)
        for machine in world.machines:
            machine.grow(events)
        world.settle()
        compared = compare(world)
        failed = sum(machine.rounds_failed for machine in world.machines)
    return Result(
        fault=fault,
        engine=store.engine,
        struck=world.struck,
        rounds_failed=failed,
        seconds=round(time.monotonic() - began, 1),
        **asdict(compared),
        **more,
    )
