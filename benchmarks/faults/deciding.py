"""Faults of deciding: reviewers decide while the server or its database is ended; each decision counts once.

A reviewer sends with each decision what the skill was when it was read (If-Match), and sends one that was not
answered again as it was. What was answered is to be in the ledger once; what was not, once or not at all.
"""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Self

import httpx2
import sqlalchemy as sa

from benchmarks import team_server
from benchmarks.faults.line import DECISION, duplicate
from benchmarks.faults.processes import PostgreSQL
from benchmarks.faults.world import REMOTE, Machine, World
from benchmarks.team_server import WORKSPACE
from hivemind.domain.accounts import Role
from hivemind.domain.projects import project_id
from hivemind.domain.skills import LIVE_STATES, SkillDocument, SkillState
from hivemind.library import lifecycle
from hivemind.store import schema, sessions
from hivemind.store import skills as store
from hivemind.store.database import Database
from hivemind.store.sessions import ProjectFacts

REVIEWERS, SKILLS = 3, 12
#: What a reviewer may do with a skill in a state.
ACTIONS = {
    SkillState.CANDIDATE: ("approve", "reject", "trial"),
    SkillState.TRIAL: ("approve", "reject", "retire"),
    SkillState.ACTIVE: ("retire", "approve", "undo"),
    SkillState.RETIRED: ("undo", "trial"),
    SkillState.REJECTED: ("undo", "approve"),
}
#: Between two decisions of one reviewer: as fast as the server lets one token ask.
PAUSE_S = 0.08
TRIES = 40


@dataclass(kw_only=True)
class Reviewer:
    """Decide again and again, each time with a reason that no other decision has."""

    name: str
    url: str
    token: str
    chosen: random.Random
    answered: set[str] = field(default_factory=set)  #: reasons of decisions that the server confirmed
    refused: set[str] = field(default_factory=set)  #: of those that it refused at the first try
    open: set[str] = field(default_factory=set)  #: of those of which nobody heard at least once
    stopped: threading.Event = field(default_factory=threading.Event)
    _number: int = 0

    def run(self) -> None:
        """Decide until told to stop."""
        headers = {"Authorization": f"Bearer {self.token}"}
        with httpx2.Client(base_url=self.url, headers=headers, timeout=20.0) as client:
            while not self.stopped.wait(PAUSE_S * self.chosen.uniform(0.5, 1.5)):
                try:
                    listed = client.get("/api/v1/skills")
                    if listed.status_code == 200:
                        self._decide(client, self.chosen.choice(listed.json()["items"])["skill_id"])
                except (httpx2.HTTPError, ValueError):
                    continue

    def _decide(self, client: httpx2.Client, skill_id: str) -> None:
        read = client.get(f"/api/v1/skills/{skill_id}")
        if read.status_code != 200:
            return
        action = self.chosen.choice(ACTIONS[SkillState(read.json()["state"])])
        self._number += 1
        reason = f"{self.name} decides {self._number}"
        gives_up = self.chosen.random() < 0.3  # what a person does whose browser shows an error
        for _ in range(1 if gives_up else TRIES):
            status = self._send(client, skill_id, action=action, reason=reason, etag=read.headers["etag"])
            if status == 201:
                self.answered.add(reason)
            elif 0 < status < 500 and status != 429:
                if reason not in self.open:
                    self.refused.add(reason)
            else:
                self.open.add(reason)
                time.sleep(0.3)
                continue
            return

    def _send(self, client: httpx2.Client, skill_id: str, *, action: str, reason: str, etag: str) -> int:
        try:
            answer = client.post(
                f"/api/v1/skills/{skill_id}/decisions",
                json={"action": action, "reason": reason},
                headers={"If-Match": etag},
            )
        except httpx2.HTTPError:
            return 0
        return answer.status_code


def stock(database: Database) -> None:
    """Give the server candidates to decide on."""
    project = ProjectFacts(project_id=project_id(remote=REMOTE, root=""), name="shop", remote=REMOTE)
    with database.write(WORKSPACE) as workspace:
        sessions.put_project(workspace, project)
        for number, (what, command) in enumerate(_COMMANDS):
            document = SkillDocument(
                name=f"shop-{what}",
                description=f"Use when {what} of the shop is asked for: it says which profile that needs.",
                body=f"Run `./{command} --profile local`.\n\nWithout the profile it stops at step {number}.",
            )
            lifecycle.create(
                workspace,
                document,
                project_id=project.project_id,
                origin="template",
                actor="policy:distill",
                topic=what,
                requests=f"{what} please",
            )


_COMMANDS = (
    ("linting", "lint"),
    ("migration", "migrate up"),
    ("deployment", "deploy"),
    ("translation", "translate"),
    ("packaging", "package wheel"),
    ("invoicing", "invoice"),
    ("profiling", "profile cpu"),
    ("seeding", "seed rows"),
    ("billing", "bill"),
    ("searching", "search index"),
    ("archiving", "archive"),
    ("release", "release notes"),
)


@dataclass(kw_only=True)
class Deciding:
    """Hold the reviewers who decide while something breaks, and one machine that follows."""

    world: World
    is_doubled: bool = False  #: each request arrives twice, and the answer to the second is what is heard
    reviewers: list[Reviewer] = field(default_factory=list)
    _threads: list[threading.Thread] = field(default_factory=list)
    _ended: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> Self:
        world = self.world
        with world.open() as database:
            stock(database)
            tokens = [team_server.join(database, f"Rev {n}", role=Role.REVIEWER)[1] for n in range(REVIEWERS)]
        self.reviewers = [
            Reviewer(name=f"Rev {n}", url=world.line.url, token=token, chosen=random.Random(n))
            for n, token in enumerate(tokens)
        ]
        self._threads = [threading.Thread(target=one.run) for one in self.reviewers]
        self._threads.append(threading.Thread(target=self._follow))
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        for one in self.reviewers:
            one.stopped.set()
        for thread in self._threads:
            thread.join()

    def _follow(self) -> None:
        while not self._ended.wait(0.2):
            self.world.machine.sync(seconds=5.0)

    def go_on(self, *, decisions: int = 12, seconds: float = 15.0) -> None:
        """Let some more decisions be answered."""
        end, before = time.monotonic() + seconds, self._answered()
        while self._answered() < before + decisions and time.monotonic() < end:
            time.sleep(0.05)

    def _answered(self) -> int:
        return sum(len(one.answered) + len(one.refused) for one in self.reviewers)

    def unheard(self) -> int:
        """Count the decisions that were sent and not answered."""
        return sum(len(one.open) for one in self.reviewers)


@dataclass(frozen=True, kw_only=True)
class Decided:
    """Say how many decisions there are, and which are not as they were answered; and skills that differ."""

    decisions: int = 0
    unanswered: int = 0  #: of which at least one try was not answered
    lost: int = 0
    doubled: int = 0
    apart: int = 0  #: skills that are not on a machine as on the server


def server_killed(world: World, events: int) -> Decided:
    """Kill the server while it has a decision to answer."""
    chosen = random.Random(6)
    with Deciding(world=world) as deciding:
        for _ in world.attempts():
            world.machine.grow(events)
            deciding.go_on()
            begun, cut, unheard = len(world.line.begun), world.line.seen.cut, deciding.unheard()
            world.line.wait_for(DECISION, after=begun)
            time.sleep(chosen.uniform(0.0, 0.02))
            world.server.kill()
            world.server.start()
            deciding.go_on()
            world.struck += world.line.seen.cut > cut and deciding.unheard() > unheard
    return judged(deciding)


def sent_twice(world: World, events: int) -> Decided:
    """Have each decision arrive twice, one after the other."""
    with Deciding(world=world, is_doubled=True) as deciding:
        world.line.harm = duplicate
        for _ in range(world.wanted):
            world.machine.grow(events)
            deciding.go_on()
            world.struck = world.line.seen.harmed
    return judged(deciding)


def database_restarted(world: World, events: int) -> Decided:
    """End PostgreSQL at once while decisions are stored; start it when one was not answered."""
    assert isinstance(world.store, PostgreSQL)
    chosen = random.Random(8)
    with Deciding(world=world) as deciding:
        for _ in world.attempts():
            world.machine.grow(events)
            deciding.go_on()
            begun, unheard = len(world.line.begun), deciding.unheard()
            world.line.wait_for(DECISION, after=begun)
            time.sleep(chosen.uniform(0.0, 0.02))
            world.store.server.stop()
            time.sleep(chosen.uniform(0.5, 2.0))
            world.store.server.start_again()
            deciding.go_on()
            world.struck += deciding.unheard() > unheard
    return judged(deciding)


def judged(deciding: Deciding) -> Decided:
    """Count what the server's ledger has of what reviewers were told; bring the machine up to date first."""
    world = deciding.world
    world.settle()
    answered = {reason for one in deciding.reviewers for reason in one.answered}
    refused = {reason for one in deciding.reviewers for reason in one.refused if not deciding.is_doubled}
    with world.open() as database, database.read(WORKSPACE) as workspace:
        d = schema.decisions
        reasons = workspace.execute(
            sa.select(d.c.reason).where(d.c.workspace_id == WORKSPACE, d.c.actor != "policy:distill")
        ).scalars()
        # Where the evidence is thin, the ledger says so behind the reason.
        ledger = Counter(reason.partition(";")[0] for reason in reasons)
        a = schema.audit
        here = sa.and_(a.c.workspace_id == WORKSPACE, a.c.action.startswith("skill."))
        logged = workspace.execute(sa.select(sa.func.count()).where(here)).scalar_one()
        apart = _apart(workspace.execute(sa.select(schema.skills)).all(), world.machine)
    # A decision that was refused is none, and each that is in the ledger is in the audit log as well.
    strays = sum(ledger[reason] for reason in refused) + abs(logged - sum(ledger.values()))
    return Decided(
        decisions=sum(ledger.values()),
        unanswered=deciding.unheard(),
        lost=sum(reason not in ledger for reason in answered),
        doubled=sum(number - 1 for number in ledger.values()) + strays,
        apart=apart,
    )


def _apart(there: Sequence[sa.Row[Any]], machine: Machine) -> int:
    """Count skills that are not here as the server has them, or that load here though it put them away."""
    with machine.database.read() as workspace:
        here = {one.skill_id: one.state for one in store.listed(workspace)}
    wrong = 0
    for row in there:
        state = here.get(row.skill_id)
        is_live = SkillState(row.state) in LIVE_STATES
        wrong += state is not SkillState(row.state) if is_live else state in LIVE_STATES
    return wrong + sum(skill_id not in {row.skill_id for row in there} for skill_id in here)
