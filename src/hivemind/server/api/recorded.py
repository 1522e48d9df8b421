"""`/recorded`: what a program records of its sessions, line by line, as the Python API writes them."""

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, Any, Literal

from fastapi import APIRouter
from pydantic import BaseModel, Field

from hivemind.agents.base import ReaderState
from hivemind.agents.sdk import transcript
from hivemind.capture import boundary, ingest
from hivemind.capture.git import project_of
from hivemind.domain.accounts import Scope
from hivemind.domain.events import Event, SessionFacts, session_key
from hivemind.domain.outcomes import Report
from hivemind.domain.text import storable
from hivemind.errors import HivemindError
from hivemind.server.access.viewer import Viewer
from hivemind.server.api.asking import TheSite, Writer, ask_to_distil, note_intake
from hivemind.server.api.shapes import Asked, Line
from hivemind.store import episodes, sessions
from hivemind.store.columns import to_millisecond
from hivemind.store.database import Workspace

router = APIRouter(tags=["recorded"])
MAX_LINES = 1_000
Kind = Literal[
    "start", "prompt", "assistant", "system", "tool_call", "tool_result", "usage", "outcome", "end"
]


class RecordedLine(Asked):
    """One thing that a program recorded; the same `session` and `id` again is the same line."""

    session: Annotated[Line, Field(min_length=1)]
    id: Annotated[Line, Field(min_length=1)]
    kind: Kind
    at: Annotated[float, Field(ge=0, le=1e11, description="seconds since 1970")]
    said: Annotated[dict[str, Any], Field(description="by kind: text; tool, call, input; status; label; …")]
    hivemind_api: Literal[1] = 1


class Recorded(Asked):
    """Lines in the order in which they were recorded."""

    lines: Annotated[list[RecordedLine], Field(min_length=1, max_length=MAX_LINES)]


class Taken(BaseModel):
    """What was new of it."""

    events: int
    outcomes: int


class _Session:
    """Gather what the lines of one session say."""

    def __init__(self, session_id: str) -> None:
        self.session_id = session_id
        self.facts = SessionFacts(session_id=session_id, agent=transcript.AGENT)
        self.state = ReaderState()
        self.events: list[Event] = []
        self.reports: list[Report] = []

    def take(self, line: RecordedLine) -> None:
        record = line.model_dump()
        read = transcript.read_line(record, line=json.dumps(record).encode(), state=self.state)
        if read.facts is not None:
            name = storable(read.facts.agent_version)[:200]
            self.facts = replace(self.facts, agent_version=name)
        self.events += read.events
        self.reports += read.reports


@router.post("/recorded")
def record(body: Recorded, viewer: Writer, site: TheSite) -> Taken:
    """Store what was recorded, redacted, in the team's workspace; sent again it changes nothing."""
    told: dict[str, _Session] = {}
    for line in body.lines:
        session_id = session_key(line.session)
        told.setdefault(session_id, _Session(session_id)).take(line)
    with site.database.read(viewer.space(Scope.TEAM)) as workspace:
        redactor = boundary.redactor_of(workspace)
    ready = [(one, [ingest.redact(event, redactor) for event in one.events]) for one in told.values()]
    events = outcomes = 0
    with site.database.write(viewer.space(Scope.TEAM), alone=False) as workspace:
        for one, cleaned in sorted(ready, key=lambda pair: pair[0].session_id):
            _require_own(workspace, one.session_id, viewer)
            remote = str(one.state.values.get("remote") or "")
            project = project_of("", remote=remote) if remote else None
            if site.settings.excludes_remote(project.remote if project else ""):
                continue
            if cleaned or project is not None:
                done = sessions.append(workspace, one.facts, events=cleaned, project=project)
                events += done.events
            outcomes += _reported(workspace, one.session_id, one.reports, viewer=viewer)
        ids = list(told)
        note_intake(workspace, viewer, "sessions.record", ids, events=events)
        if events or outcomes:
            ask_to_distil(workspace, ids)
    return Taken(events=events, outcomes=outcomes)


def _require_own(workspace: Workspace, session_id: str, viewer: Viewer) -> None:
    owner = sessions.sender_of(workspace, session_id)
    if owner not in (None, "", viewer.person_id):
        raise HivemindError(
            "session-taken",
            f"{session_id!r} is a session that somebody else recorded",
            hint="give each session an id of its own, such as a random one",
        )


def _reported(workspace: Workspace, session_id: str, reports: Sequence[Report], *, viewer: Viewer) -> int:
    """Note how a session went, each word once; give how many were new."""
    if not reports or sessions.sender_of(workspace, session_id) is None:
        return 0
    held = {(row.at, row.score_label) for row in episodes.reports(workspace, session_id)}
    latest = sessions.latest_prompt(workspace, session_id)
    number = 0
    for one in reports:
        word = (to_millisecond(one.at), one.label)
        if word in held:
            continue
        held.add(word)
        note = boundary.redactor_of(workspace).redact(storable(one.note)).text
        # Who says so is who holds the token: a name in the line proves nothing.
        said = replace(one, event_id=one.event_id or latest, note=note, actor=viewer.actor)
        episodes.report(workspace, said)
        number += 1
    return number
