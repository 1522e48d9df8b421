"""A shop's library of skills, and sessions that were offered some of it, in a real database."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from hivemind.distill import grading
from hivemind.distill.grading import sweep
from hivemind.domain.events import Event, EventKind, ResultStatus, SessionFacts
from hivemind.domain.exposures import Arm, Channel, Offer
from hivemind.domain.skills import SkillDocument, SkillState
from hivemind.evaluation import joining
from hivemind.library import document, lifecycle
from hivemind.store import episodes, exposures, installs, offers, schema, sessions, skills
from hivemind.store.database import Database, Workspace, open_database
from hivemind.store.sessions import ProjectFacts, RedactedEvent

START = datetime(2026, 11, 3, 10, tzinfo=UTC)
PROJECT, ROOT = "p1", "/home/dev/shop"
BODY = """\
# Checks in shop: tests

What fails here, and what to do:

- `./check test-suite` fails with “error: --profile is required”. Run `./check --profile local` instead.
"""
CHECKS = SkillDocument(
    name="shop-checks",
    description="How to run the tests in shop. Use when asked to run the tests.",
    body=BODY,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """Hold one event of a story, so many seconds after its start; a call brings its result along."""

    after_s: float
    event: Event
    result: Event | None = None


def ask(after_s: float, text: str) -> Told:
    """A person writes."""
    return Told(after_s=after_s, event=_event(EventKind.PROMPT, after_s, text=text))


def say(after_s: float, text: str = "Done: all of it works now.") -> Told:
    """The agent answers."""
    return Told(after_s=after_s, event=_event(EventKind.ASSISTANT, after_s, text=text, request_model="m-1"))


def system(after_s: float, text: str) -> Told:
    """The client writes."""
    return Told(after_s=after_s, event=_event(EventKind.SYSTEM, after_s, text=text))


def call(
    after_s: float,
    tool: str,
    data: dict[str, Any],
    output: str = "ok",
    *,
    status: ResultStatus = ResultStatus.OK,
    agent_id: str = "",
) -> Told:
    """The agent calls a tool."""
    common = {"tool_name": tool, "tool_call_id": f"c{after_s}", "agent_id": agent_id}
    text = str(data.get("command", data.get("cmd", "")))
    return Told(
        after_s=after_s,
        event=_event(EventKind.TOOL_CALL, after_s, text=text, data=data, request_model="m-1", **common),
        result=_event(EventKind.TOOL_RESULT, after_s, text=output, status=status, **common),
    )


def shell(after_s: float, command: str, output: str = "ok", *, agent_id: str = "") -> Told:
    """The agent runs a command."""
    return call(after_s, "Bash", {"command": command}, output, agent_id=agent_id)


def _event(kind: EventKind, after_s: float, **values: Any) -> Event:
    return Event(kind=kind, native_id=f"~{after_s}", at=START + timedelta(seconds=after_s), **values)


@dataclass(slots=True)
class Shop:
    """Hold the library with its database."""

    database: Database
    ids: dict[str, str] = field(default_factory=dict)

    def learn(self, doc: SkillDocument = CHECKS, *, at_s: float = -86_400, project_id: str = PROJECT) -> str:
        """Make a skill live at a moment; give its id."""
        with self.database.write() as workspace:
            skill = lifecycle.create(
                workspace, doc, project_id=project_id, origin="template", actor="policy:auto", topic=doc.name
            )
            lifecycle.decide(workspace, skill.skill_id, SkillState.TRIAL, actor="policy:auto")
            _date_decisions(workspace, skill.skill_id, at_s)
        self.ids[doc.name] = skill.skill_id
        return skill.skill_id

    def reword(self, skill_id: str, doc: SkillDocument, *, at_s: float) -> None:
        """Give a skill a new version at a moment."""
        with self.database.write() as workspace:
            lifecycle.add_version(workspace, skill_id, doc, origin="person", actor="person:a")
            _date_decisions(workspace, skill_id, at_s, only_last=True)

    def retire(self, skill_id: str, *, at_s: float) -> None:
        """Retire a skill at a moment."""
        with self.database.write() as workspace:
            lifecycle.decide(workspace, skill_id, SkillState.RETIRED, actor="person:a")
            _date_decisions(workspace, skill_id, at_s, only_last=True)

    def install(self, skill_id: str, path: str, *, root: str = ROOT) -> None:
        """Write down that a file is ours."""
        with self.database.write() as workspace:
            installs.put(
                workspace,
                installs.Install(
                    path=path, root=root, agent="claude", skill_id=skill_id, version=1, content_hash="h"
                ),
            )

    def tell(self, *story: Told, session: str = "s1", agent: str = "claude", cwd: str = ROOT) -> None:
        """Store what happened in a session and grade it, as the worker does."""
        events = [e for told in story for e in (told.event, told.result) if e is not None]
        with self.database.write() as workspace:
            sessions.append(
                workspace,
                SessionFacts(session_id=session, agent=agent, cwd=cwd),
                events=[RedactedEvent(event=event) for event in events],
                project=ProjectFacts(project_id=PROJECT, name="shop", root=ROOT),
            )
        self.grade(session)

    def grade(self, session: str) -> None:
        """Grade a session, and join it in the same transaction."""
        with self.database.write() as workspace:
            row = sessions.session(workspace, session)
            found = sweep.grade_session(workspace, row)
            episodes.replace(
                workspace, session, graded=found, graded_seq=row.next_seq, version=grading.VERSION
            )
            joining.renew(workspace, session)

    def offer(
        self,
        skill_id: str,
        after_s: float,
        *,
        arm: Arm = Arm.GIVEN,
        share: float = 0.1,
        session: str = "s1",
        channel: Channel = Channel.PROMPT,
    ) -> None:
        """Offer a skill to a session, as the worker does."""
        with self.database.write() as workspace:
            new = Offer(
                session_id=session,
                skill_id=skill_id,
                version=1,
                channel=channel,
                arm=arm,
                agent="claude",
                at=START + timedelta(seconds=after_s),
                share=share,
            )
            offers.record(workspace, [new])

    def exposures(self, session: str = "s1") -> list[exposures.Exposure]:
        """Give a session's exposures."""
        with self.database.read() as workspace:
            return exposures.of_session(workspace, session)

    def seen(self, session: str = "s1") -> list[tuple[int, str, str, int]]:
        """Give each exposure as the number of its episode, channel, arm and version."""
        with self.database.read() as workspace:
            numbers = {one.episode_id: one.number for one in episodes.of_session(workspace, session)}
            found = exposures.of_session(workspace, session)
        return [(numbers[x.episode_id], x.channel.value, x.arm.value, x.version) for x in found]

    def sightings(self, session: str = "s1") -> list[tuple[str, str]]:
        """Give the skill and channel of each offer that was seen in the events."""
        with self.database.read() as workspace:
            names = {one.skill_id: one.name for one in skills.listed(workspace)}
            found = exposures.offers_of(workspace, session)
        return [(names[x.skill_id], x.channel) for x in found if x.event_id]


def rendered(doc: SkillDocument = CHECKS) -> str:
    """Give a skill's file."""
    return document.render(doc)


def variants(body: str, *names: str) -> Sequence[SkillDocument]:
    """Give skills of other names."""
    return [SkillDocument(name=name, description=f"How to {name} well.", body=body) for name in names]


@contextmanager
def opened(folder: Path) -> Iterator[Shop]:
    """Open a library in a folder."""
    database = open_database(folder / "hivemind.db")
    try:
        yield Shop(database)
    finally:
        database.close()


def _date_decisions(workspace: Workspace, skill_id: str, at_s: float, *, only_last: bool = False) -> None:
    t = schema.decisions
    rows = workspace.execute(t.select().where(t.c.skill_id == skill_id).order_by(t.c.number)).all()
    for row in rows[-1:] if only_last else rows:
        workspace.execute(
            t.update()
            .where(t.c.skill_id == skill_id, t.c.number == row.number)
            .values(at=START + timedelta(seconds=at_s))
        )
