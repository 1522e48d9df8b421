"""Read past work for a search: which events have a word, and which episodes may be answered with."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeAlias

import sqlalchemy as sa

from hivemind.domain.events import EventKind
from hivemind.domain.outcomes import Outcome
from hivemind.store import schema
from hivemind.store.database import Workspace
from hivemind.store.origin import was_done

#: What names an event in the full-text index.
Document: TypeAlias = int | str
#: Of a longer text no more is read, in characters: what people look for stands in its beginning or its end.
MAX_TEXT_CHARS = 20_000


@dataclass(frozen=True, slots=True)
class Term:
    """Hold letters and digits to look up, and whether they may be the beginning of a longer word only."""

    text: str
    is_prefix: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Say where an event stands."""

    document: Document
    event_id: str
    session_id: str
    seq: int
    kind: str
    agent_id: str
    at: str


def documents(workspace: Workspace) -> int:
    """Give about how many events are indexed; on SQLite those of other workspaces included."""
    return workspace.seam.indexed_events(workspace.connection, workspace.workspace_id)


def count(workspace: Workspace, term: Term) -> int:
    """Count the events that have a term, as `documents` counts them; on a server up to a bound."""
    return workspace.seam.count_events(
        workspace.connection, workspace.workspace_id, term.text, is_prefix=term.is_prefix
    )


def ranked(workspace: Workspace, terms: Sequence[Term], *, limit: int) -> list[tuple[Document, float]]:
    """Give the events with any of some terms, the best first (BM25); on SQLite of other workspaces, too."""
    if not terms:
        return []
    return workspace.seam.rank_events(
        workspace.connection,
        workspace.workspace_id,
        [(term.text, term.is_prefix) for term in terms],
        limit=limit,
    )


def places(workspace: Workspace, chosen: Sequence[Document]) -> list[Place]:
    """Say where some documents stand; those of other workspaces are left out."""
    rows = workspace.seam.places_of(workspace.connection, workspace.workspace_id, chosen)
    return [Place(**dict(zip(Place.__dataclass_fields__, row, strict=True))) for row in rows]


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """Say which past work may be answered with; what is empty or None allows all."""

    project_ids: tuple[str, ...] | None = None
    agent: str = ""
    since: datetime | None = None  #: work that ended at or after this time
    until: datetime | None = None  #: work that began before this time
    outcome: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """Hold one episode; a session that is not graded yet is one with number 0 and without an id."""

    episode_id: str
    session_id: str
    number: int
    first_seq: int
    last_seq: int
    started_at: datetime | None
    ended_at: datetime | None
    request: str
    outcome: str
    agent: str
    project_id: str
    allowed: bool  #: by the filter


def work(workspace: Workspace, chosen: Filter) -> list[Work]:
    """Give the episodes of the sessions that a filter allows, by session and number."""
    e, s = schema.episodes, schema.sessions
    columns = (
        e.c.episode_id, s.c.session_id, e.c.number, e.c.first_seq, e.c.last_seq, e.c.request,
        sa.func.coalesce(e.c.started_at, s.c.started_at, type_=schema.UtcTime).label("started_at"),
        sa.func.coalesce(e.c.ended_at, s.c.ended_at, type_=schema.UtcTime).label("ended_at"),
        sa.func.coalesce(e.c.score_label, Outcome.UNKNOWN.value).label("outcome"),
        s.c.title, s.c.next_seq, s.c.agent, s.c.project_id,
    )  # fmt: skip
    found = sa.select(*columns).select_from(
        s.outerjoin(e, sa.and_(e.c.workspace_id == s.c.workspace_id, e.c.session_id == s.c.session_id))
    )
    found = found.where(was_done(workspace))
    if chosen.project_ids is not None:
        found = found.where(s.c.project_id.in_(chosen.project_ids))
    if chosen.agent:
        found = found.where(s.c.agent == chosen.agent)
    if chosen.since is not None:
        found = found.where(sa.or_(s.c.ended_at.is_(None), s.c.ended_at >= chosen.since))
    if chosen.until is not None:
        found = found.where(sa.or_(s.c.started_at.is_(None), s.c.started_at < chosen.until))
    rows = workspace.execute(found.order_by(s.c.session_id, e.c.number))
    return [_work(row, chosen) for row in rows]


def _work(row: Any, chosen: Filter) -> Work:
    allowed = not chosen.outcome or row.outcome == chosen.outcome
    # What has no time is of no time that anybody asks for.
    if chosen.since is not None:
        allowed = allowed and row.ended_at is not None and row.ended_at >= chosen.since
    if chosen.until is not None:
        allowed = allowed and row.started_at is not None and row.started_at < chosen.until
    graded = row.episode_id is not None
    return Work(
        episode_id=row.episode_id if graded else "",
        session_id=row.session_id,
        number=row.number if graded else 0,
        first_seq=row.first_seq if graded else 0,
        last_seq=row.last_seq if graded else row.next_seq,
        started_at=row.started_at,
        ended_at=row.ended_at,
        request=row.request if graded else row.title,
        outcome=row.outcome,
        agent=row.agent,
        project_id=row.project_id,
        allowed=allowed,
    )


def closing(workspace: Workspace, one: Work) -> Any:
    """Give the last message of the agent in an episode, with its text; None where it said nothing."""
    return _of(workspace, _CLOSING, one.session_id, first=one.first_seq, last=one.last_seq).first()


def request(workspace: Workspace, one: Work) -> Any:
    """Give the prompt that an episode began with, a slash command only if there is no other."""
    prompts = _of(workspace, _PROMPTS, one.session_id, first=one.first_seq, last=one.last_seq).all()
    spoken = [prompt for prompt in prompts if not prompt.text.startswith("/")]
    return next(iter([*spoken, *prompts]), None)


def between(workspace: Workspace, session_id: str, *, first_seq: int, last_seq: int) -> list[Any]:
    """Give a session's events of such places in order."""
    return list(_of(workspace, _BETWEEN, session_id, first=first_seq, last=last_seq))


def with_ids(workspace: Workspace, session_id: str, event_ids: Sequence[str]) -> list[Any]:
    """Give some events of a session in order."""
    return list(_of(workspace, _WITH_IDS, session_id, event_ids=list(event_ids))) if event_ids else []


def projects(workspace: Workspace) -> list[Any]:
    """Give the projects with their names, remotes and roots."""
    p = schema.projects
    return list(
        workspace.execute(
            sa.select(p.c.project_id, p.c.name, p.c.remote, p.c.root).where(
                p.c.workspace_id == workspace.workspace_id
            )
        )
    )


def transcripts(workspace: Workspace, session_ids: Sequence[str]) -> dict[str, str]:
    """Give the file of each session, its own rather than a subagent's."""
    t = schema.transcripts
    rows = workspace.execute(
        sa.select(t.c.session_id, t.c.path).where(
            t.c.workspace_id == workspace.workspace_id, t.c.session_id.in_(session_ids)
        )
    ).all()
    return {row.session_id: row.path for row in sorted(rows, key=lambda r: (-len(r.path), r.path))}


def holds_events(workspace: Workspace) -> bool:
    """Say whether anything is stored."""
    e = schema.events
    query = sa.select(e.c.event_id).where(e.c.workspace_id == workspace.workspace_id).limit(1)
    return workspace.execute(query).first() is not None


def _events() -> sa.Select[Any]:
    e = schema.events
    half, length = MAX_TEXT_CHARS // 2, sa.func.length(e.c.text)
    # Counted from the beginning: a place before it is the end of the text for SQLite alone.
    ends = sa.func.substr(e.c.text, 1, half) + "\n…\n" + sa.func.substr(e.c.text, length - half + 1)
    text = sa.case((length <= MAX_TEXT_CHARS, e.c.text), else_=ends).label("text")
    columns = (
        e.c.event_id, e.c.session_id, e.c.seq, e.c.kind, e.c.at, e.c.agent_id, e.c.tool_name,
        e.c.tool_call_id, e.c.status, text,
    )  # fmt: skip
    here = e.c.workspace_id == sa.bindparam("workspace")
    return sa.select(*columns).where(here, e.c.session_id == sa.bindparam("session")).order_by(e.c.seq)


def _of(
    workspace: Workspace, statement: sa.Select[Any], session_id: str, **more: Any
) -> sa.CursorResult[Any]:
    return workspace.execute(statement, {"workspace": workspace.workspace_id, "session": session_id, **more})


_E = schema.events.c
#: Made once: a search executes each of them for every episode that it answers with.
_BETWEEN = _events().where(_E.seq.between(sa.bindparam("first"), sa.bindparam("last")))
_SAID = _BETWEEN.where(_E.agent_id == "", _E.text != "")
_PROMPTS = _SAID.where(_E.kind == EventKind.PROMPT.value).limit(8)
_CLOSING = _SAID.where(_E.kind == EventKind.ASSISTANT.value).order_by(None).order_by(_E.seq.desc()).limit(1)
_WITH_IDS = _events().where(_E.event_id.in_(sa.bindparam("event_ids", expanding=True)))
