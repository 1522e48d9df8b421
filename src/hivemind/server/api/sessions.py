"""`/sessions`: what agents did; whoever reads another's session is in the audit log."""

import json
import math
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Path, Response
from pydantic import BaseModel, Field

from hivemind.capture import boundary
from hivemind.domain.accounts import Role
from hivemind.domain.outcomes import Outcome, Report, of_reward
from hivemind.errors import HivemindError
from hivemind.retrieval.past import asking as past
from hivemind.server.api.asking import Place, ReaderWithin, TheSite, WriterWithin, note
from hivemind.server.api.shapes import (
    After,
    Asked,
    Limit,
    Line,
    Page,
    Prose,
    cursor,
    moment,
    place,
)
from hivemind.server.site import Site
from hivemind.store import browsing, deletions, episodes, events, sessions
from hivemind.store import past as stored_past
from hivemind.store.database import Workspace

router = APIRouter(prefix="/sessions", tags=["sessions"])
SessionId = Annotated[Line, Path(max_length=200, description="whole id of a session")]
#: Events of one answer are this much text together, or one event.
MAX_BYTES = 4_000_000


class SessionRow(BaseModel):
    """One conversation of one agent."""

    session_id: str
    agent: str
    agent_version: str
    project_id: str
    project: str
    git_branch: str
    title: str
    request_model: str
    started_at: datetime | None
    ended_at: datetime | None
    prompts: int
    tool_calls: int
    tool_errors: int
    person_id: str


class EpisodeRow(BaseModel):
    """One request of a session, and how the work for it ended."""

    number: int
    first_seq: int
    last_seq: int
    request: str
    outcome: str
    score: float
    said_by: str


class SessionWhole(SessionRow):
    """A session with its episodes; its events are behind `/events`."""

    events: int
    episodes: list[EpisodeRow]


class EventRow(BaseModel):
    """One event, redacted."""

    event_id: str
    seq: int
    kind: str
    at: datetime | None
    agent_id: str
    tool_name: str
    tool_call_id: str
    status: str | None
    exit_code: int | None
    request_model: str
    input_tokens: int | None
    output_tokens: int | None
    text: str
    data: Any


class NewOutcome(Asked):
    """How work turned out: `success`, `failure`, `unknown`, or a reward from 0 to 1."""

    outcome: Outcome | None = None
    reward: Annotated[float, Field(ge=0, le=1)] | None = None
    event_id: Annotated[Line, Field(max_length=32)] = ""
    commit: Annotated[Line, Field(max_length=64)] = ""
    note: Prose = ""


class Reported(BaseModel):
    """What was noted."""

    outcome_id: str
    outcome: str


@router.get("")
def list_sessions(
    asked: ReaderWithin,
    site: TheSite,
    agent: Line = "",
    project_id: Line = "",
    person_id: Line = "",
    model: Line = "",
    outcome: Outcome | None = None,
    q: Line = "",
    since: Line = "",
    until: Line = "",
    limit: Limit = 50,
    after: After = "",
) -> Page[SessionRow]:
    """List sessions, the latest first; `since` and `until` are days, times, or such as `7d`."""
    now = datetime.now(UTC)
    wanted = browsing.SessionFilter(
        words=q,
        agent=agent,
        project_id=project_id,
        model=model,
        outcome=outcome.value if outcome else "",
        person_id=person_id,
        since=past.moment(since, now=now),
        until=past.moment(until, now=now, ends=True),
    )
    behind = place(after, str, str)
    before = (moment(behind[0]), str(behind[1] or "")) if behind else None
    with site.database.read(asked.space) as workspace:
        found = browsing.sessions(workspace, wanted, limit=limit + 1, before=before)
    shown = [SessionRow.model_validate(dict(row._mapping)) for row in found[:limit]]
    others = {row.person_id for row in shown} - {asked.viewer.person_id}
    if others:
        _log(site, asked, "session.list", "", detail={"people": sorted(others), "sessions": len(shown)})
    more = ""
    if len(found) > limit:
        last = shown[-1]
        more = cursor(last.ended_at.isoformat() if last.ended_at else None, last.session_id)
    return Page(items=shown, next=more)


@router.get("/{session_id}")
def show_session(session_id: SessionId, asked: ReaderWithin, site: TheSite) -> SessionWhole:
    """Show a session with its episodes."""
    with site.database.read(asked.space) as workspace:
        row = _exactly(workspace, session_id)
        names = {one.project_id: one.name for one in stored_past.projects(workspace)}
        graded = episodes.of_session(workspace, session_id)
    _log_reading(site, asked, row)
    return SessionWhole(
        **{**dict(row._mapping), "project": names.get(row.project_id, "")},
        events=row.next_seq,
        episodes=[
            EpisodeRow(
                number=one.number,
                first_seq=one.first_seq,
                last_seq=one.last_seq,
                request=one.request,
                outcome=one.score_label,
                score=one.score_value,
                said_by=one.evaluation_name,
            )
            for one in graded
        ],
    )


@router.get("/{session_id}/events")
def list_events(
    session_id: SessionId,
    asked: ReaderWithin,
    site: TheSite,
    limit: Limit = 100,
    after: Annotated[int, Field(ge=-1, le=2**31 - 1, description="`seq` of the last event you have")] = -1,
) -> Page[EventRow]:
    """List a session's events in order; `next` is the `after` of the next page."""
    with site.database.read(asked.space) as workspace:
        row = _exactly(workspace, session_id)
        found = events.behind(workspace, session_id, after=after, limit=limit + 1)
    _log_reading(site, asked, row)
    shown: list[EventRow] = []
    size = 0
    for one in found[:limit]:
        size += len(one.text) + len(json.dumps(one.data)) if one.data else len(one.text)
        if shown and size > MAX_BYTES:
            break
        shown.append(EventRow.model_validate(dict(one._mapping)))
    return Page(items=shown, next=str(shown[-1].seq) if len(shown) < len(found) else "")


@router.post("/{session_id}/outcome", status_code=201)
def report_outcome(session_id: SessionId, body: NewOutcome, asked: WriterWithin, site: TheSite) -> Reported:
    """Say how a session's work turned out; a person's word wins over every grade."""
    if (body.outcome is None) == (body.reward is None):
        raise HivemindError("outcome-unreadable", "one of `outcome` and `reward` is needed", hint="give one")
    if body.reward is not None and not math.isfinite(body.reward):
        raise HivemindError("outcome-unreadable", "that is no reward", hint="give one from 0 to 1")
    label = body.outcome or of_reward(body.reward if body.reward is not None else 0.0)
    with site.database.write(asked.space) as workspace:
        row = _exactly(workspace, session_id)
        outcome_id = episodes.report(
            workspace,
            Report(
                session_id=row.session_id,
                label=label.value,
                score=body.reward,
                actor=asked.viewer.actor,
                at=datetime.now(UTC),
                event_id=body.event_id,
                commit=body.commit,
                note=boundary.redactor_of(workspace).redact(body.note.strip()).text,
            ),
        )
        note(
            workspace,
            asked.viewer,
            "session.outcome",
            session_id,
            scope=asked.scope,
            detail={"outcome": label.value, "person": row.person_id},
        )
    return Reported(outcome_id=outcome_id, outcome=label.value)


@router.delete("/{session_id}", status_code=204)
def delete_session(session_id: SessionId, asked: ReaderWithin, site: TheSite) -> Response:
    """Delete a session with its events: your own, or as an admin anybody's."""
    with site.database.write(asked.space) as workspace:
        row = _exactly(workspace, session_id)
        if row.person_id != asked.viewer.person_id and not asked.is_own:
            asked.viewer.require(Role.ADMIN)
        asked.viewer.require(Role.WRITER)
        deletions.note(workspace, {session_id: row.person_id})
        deleted = sessions.prune(workspace, [session_id])
        note(
            workspace,
            asked.viewer,
            "session.delete",
            session_id,
            scope=asked.scope,
            detail={"events": deleted, "person": row.person_id},
        )
    return Response(status_code=204)


def _exactly(workspace: Workspace, session_id: str) -> Any:
    """Give the session with exactly this id: an address is no abbreviation."""
    row = sessions.session(workspace, session_id)
    if row.session_id != session_id:
        raise HivemindError(
            "session-unknown", f"{session_id!r} is not a stored session", hint="`GET` lists them"
        )
    return row


def _log_reading(site: Site, asked: Place, row: Any) -> None:
    if row.person_id != asked.viewer.person_id:
        _log(site, asked, "session.read", row.session_id, detail={"person": row.person_id})


def _log(site: Site, asked: Place, action: str, subject: str, *, detail: dict[str, Any]) -> None:
    if asked.is_own:
        return
    with site.database.write(asked.viewer.workspace_id, alone=False) as workspace:
        note(workspace, asked.viewer, action, subject, scope=asked.scope, detail=detail)
