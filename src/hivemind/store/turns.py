"""Read the turns that lessons were learnt from: what was asked, what failed and what worked."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from hivemind.domain.events import EventKind
from hivemind.domain.outcomes import Outcome
from hivemind.store import evidence, schema
from hivemind.store import skills as store
from hivemind.store.database import Workspace
from hivemind.store.skills import Cited

#: Events of one turn at most, and characters of the beginning and of the end of each: a person reads them.
MAX_EVENTS = 8
MAX_TEXT_CHARS = 1_000
#: Bound parameters of one statement; SQLite before 3.32 allows 999.
_MAX_SESSIONS = 900


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """Hold one event of a turn."""

    event_id: str
    seq: int
    kind: str
    status: str
    text: str
    role: str  #: what it shows, empty where it stands beside what does


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """Hold one time that a session showed a lesson."""

    lesson_id: str
    session_id: str
    agent: str
    at: datetime | None
    outcome: str
    moments: tuple[Moment, ...]


def turns(workspace: Workspace, lesson_ids: Sequence[str], *, limit: int) -> list[Turn]:
    """Give one turn of each lesson, of the latest session that went well where there is one."""
    found: dict[str, dict[str, list[Cited]]] = {}
    for cited in store.evidence_of(workspace, lesson_ids):
        found.setdefault(cited.lesson_id, {}).setdefault(cited.session_id, []).append(cited)
    sessions = sorted({s for by_session in found.values() for s in by_session})
    labels, agents = evidence.episodes_of(workspace, sessions), _agents(workspace, sessions)
    shown: list[Turn] = []
    for lesson_id in dict.fromkeys(lesson_ids):
        ranked = []
        for session_id, events in found.get(lesson_id, {}).items():
            outcome, last = _outcome(labels.get(session_id), events), events[-1]
            when = last.at.isoformat() if last.at else ""
            ranked.append((outcome == Outcome.SUCCESS.value, when, session_id, outcome))
        if ranked and len(shown) < limit:
            _, _, session_id, outcome = max(ranked)
            events = sorted(found[lesson_id][session_id], key=lambda c: c.seq)
            shown.append(
                Turn(
                    lesson_id=lesson_id,
                    session_id=session_id,
                    agent=agents.get(session_id, ""),
                    at=events[0].at,
                    outcome=outcome,
                    moments=_moments(workspace, session_id, events),
                )
            )
    return shown


def _outcome(labels: evidence.Episodes | None, events: Sequence[Cited]) -> str:
    """Give the outcome of the episode that the last of a session's events is in."""
    last = events[-1]
    return labels.label(seq=last.seq, at=None, is_subagent=False) if labels else Outcome.UNKNOWN.value


def _agents(workspace: Workspace, sessions: Sequence[str]) -> dict[str, str]:
    t = schema.sessions
    rows = workspace.execute(
        sa.select(t.c.session_id, t.c.agent).where(
            t.c.workspace_id == workspace.workspace_id, t.c.session_id.in_(sessions[:_MAX_SESSIONS])
        )
    )
    return {row.session_id: row.agent for row in rows}


def _moments(workspace: Workspace, session_id: str, events: Sequence[Cited]) -> tuple[Moment, ...]:
    """Give the events themselves, a call with its result, and what had been asked before them."""
    roles: dict[str, str] = {}
    for cited in events:
        roles.setdefault(cited.event_id, cited.role)
    e = schema.events
    here = sa.and_(e.c.workspace_id == workspace.workspace_id, e.c.session_id == session_id)
    chosen = list(roles)[: MAX_EVENTS - 1]
    calls = (
        sa.select(e.c.tool_call_id)
        .where(here, e.c.event_id.in_(chosen), e.c.tool_call_id != "")
        .scalar_subquery()
    )
    rows = list(
        workspace.execute(
            _columns(workspace)
            .where(here, sa.or_(e.c.event_id.in_(chosen), e.c.tool_call_id.in_(calls)))
            .order_by(e.c.seq)
            .limit(2 * MAX_EVENTS)
        )
    )
    if rows and not any(row.kind == EventKind.PROMPT.value for row in rows[:1]):
        asked = workspace.execute(
            _columns(workspace)
            .where(here, e.c.kind == EventKind.PROMPT.value, e.c.seq < rows[0].seq, e.c.agent_id == "")
            .order_by(e.c.seq.desc())
            .limit(1)
        ).all()
        rows = [*asked, *rows]
    return tuple(
        Moment(
            event_id=row.event_id,
            seq=row.seq,
            kind=row.kind,
            status=row.status or "",
            text=row.text or "",
            role=roles.get(row.event_id, ""),
        )
        for row in rows
    )


def _columns(workspace: Workspace) -> sa.Select[Any]:
    e = schema.events
    begins = sa.func.substr(e.c.text, 1, MAX_TEXT_CHARS, type_=schema.Text)
    ends = begins + "\n" + workspace.seam.end_of(e.c.text, MAX_TEXT_CHARS)
    text = sa.case((sa.func.length(e.c.text) <= 2 * MAX_TEXT_CHARS, e.c.text), else_=ends)
    return sa.select(e.c.event_id, e.c.seq, e.c.kind, e.c.status, text.label("text"))
