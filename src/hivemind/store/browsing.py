"""Read what a person browses: pages of sessions and skills that cost the same however much is stored."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from hivemind.domain.events import EventKind
from hivemind.domain.outcomes import Outcome
from hivemind.domain.skills import SkillState
from hivemind.store import changes, schema
from hivemind.store.database import Workspace
from hivemind.store.origin import IMPORTED

#: Bound parameters of one statement; SQLite before 3.32 allows 999.
_CHUNK = 900
#: Characters of an event that a timeline reads, from its beginning and from its end.
MAX_EVENT_CHARS = 8_000
#: Clocks may be ahead of ours by this.
AHEAD = timedelta(days=1)
_KNOWN = tuple(outcome.value for outcome in Outcome)


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionFilter:
    """Say which sessions are wanted; what is empty asks for nothing."""

    words: str = ""  #: part of the title, or the beginning of the id
    agent: str = ""
    project_id: str = ""
    model: str = ""
    outcome: str = ""
    person_id: str = ""
    since: datetime | None = None
    until: datetime | None = None
    horizon: datetime | None = None  #: what is dated later is left out; see `horizon`


def sessions(
    workspace: Workspace,
    wanted: SessionFilter,
    *,
    limit: int,
    before: tuple[datetime | None, str] | None = None,
) -> list[Any]:
    """Give sessions, the latest first and those without a time last, behind the one that `before` names."""
    s, p = schema.sessions, schema.projects
    query = (
        sa.select(s, sa.func.coalesce(p.c.name, "").label("project"))
        .outerjoin(p, sa.and_(p.c.workspace_id == s.c.workspace_id, p.c.project_id == s.c.project_id))
        .where(s.c.workspace_id == workspace.workspace_id, s.c.agent != IMPORTED, *_conditions(wanted))
    )
    found: list[Any] = []
    at, behind = before or (None, "")
    if before is None or at is not None:
        timed = query.where(s.c.ended_at.is_not(None))
        if wanted.horizon is not None:
            timed = timed.where(s.c.ended_at <= wanted.horizon)
        if at is not None:
            timed = timed.where(s.c.ended_at <= at, sa.or_(s.c.ended_at < at, s.c.session_id < behind))
        found += workspace.execute(timed.order_by(s.c.ended_at.desc(), s.c.session_id.desc()).limit(limit))
        behind = ""
    if len(found) < limit and wanted.since is None and wanted.until is None:
        timeless = query.where(s.c.ended_at.is_(None), s.c.session_id > behind)
        found += workspace.execute(timeless.order_by(s.c.session_id).limit(limit - len(found)))
    return found


def _conditions(wanted: SessionFilter) -> list[sa.ColumnElement[bool]]:
    s, e = schema.sessions, schema.episodes
    equal = {
        s.c.agent: wanted.agent,
        s.c.project_id: wanted.project_id,
        s.c.request_model: wanted.model,
        s.c.person_id: wanted.person_id,
    }
    chosen = [column == value for column, value in equal.items() if value]
    if wanted.words:
        words = wanted.words
        chosen.append(
            sa.or_(
                s.c.title.icontains(words, autoescape=True), s.c.session_id.startswith(words, autoescape=True)
            )
        )
    if wanted.since is not None:
        chosen.append(s.c.ended_at >= wanted.since)
    if wanted.until is not None:
        chosen.append(s.c.ended_at < wanted.until)
    if wanted.outcome in _KNOWN:
        here = (e.c.workspace_id == s.c.workspace_id, e.c.session_id == s.c.session_id)
        chosen.append(sa.exists().where(*here, e.c.score_label == wanted.outcome))
    return chosen


def outcomes_of(workspace: Workspace, session_ids: Sequence[str]) -> dict[str, dict[str, int]]:
    """Count the episodes of sessions by outcome."""
    e = schema.episodes
    found: dict[str, dict[str, int]] = {}
    for start in range(0, len(session_ids), _CHUNK):
        rows = workspace.execute(
            sa.select(e.c.session_id, e.c.score_label, sa.func.count().label("number"))
            .where(
                e.c.workspace_id == workspace.workspace_id,
                e.c.session_id.in_(session_ids[start : start + _CHUNK]),
            )
            .group_by(e.c.session_id, e.c.score_label)
        )
        for row in rows:
            found.setdefault(row.session_id, {})[row.score_label] = row.number
    return found


def horizon(workspace: Workspace, *, now: datetime) -> tuple[datetime, int] | None:
    """Give the time after which dates are a wrong clock's, with how many sessions have such; None: none has.

    Where all do, it is the clock of this machine that is wrong, and nothing is left out.
    """
    s = schema.sessions
    latest = now + AHEAD
    later, others = s.c.ended_at > latest, sa.or_(s.c.ended_at.is_(None), s.c.ended_at <= latest)
    here = sa.select(sa.func.count()).where(s.c.workspace_id == workspace.workspace_id)
    number = int(workspace.execute(here.where(later)).scalar_one())
    if not number:
        return None
    known = sa.select(s.c.session_id).where(s.c.workspace_id == workspace.workspace_id, others).limit(1)
    return (latest, number) if workspace.execute(known).first() else None


def span(workspace: Workspace, *, until: datetime | None = None) -> tuple[datetime, datetime] | None:
    """Give when the first and the last session ended; None where no session has a time."""
    s = schema.sessions
    here = [s.c.workspace_id == workspace.workspace_id, s.c.ended_at.is_not(None)]
    if until is not None:
        here.append(s.c.ended_at <= until)
    ends = [
        workspace.execute(sa.select(s.c.ended_at).where(*here).order_by(order).limit(1)).scalar()
        for order in (s.c.ended_at.asc(), s.c.ended_at.desc())
    ]
    return (ends[0], ends[1]) if ends[0] and ends[1] else None


def stamp(workspace: Workspace) -> tuple[object, ...]:
    """Give what is another once sessions have come or skills have changed; it is read from indexes alone."""
    s, f = schema.sessions, schema.flags
    here = s.c.workspace_id == workspace.workspace_id
    newest = sa.select(s.c.ended_at).where(here, s.c.ended_at.is_not(None)).order_by(s.c.ended_at.desc())
    raised = sa.select(sa.func.count()).select_from(f).where(f.c.workspace_id == workspace.workspace_id)
    return (
        workspace.execute(sa.select(sa.func.count()).select_from(s).where(here)).scalar_one(),
        workspace.execute(newest.limit(1)).scalar(),
        workspace.execute(raised).scalar_one(),
        changes.latest(workspace).number,
    )


def choices(workspace: Workspace) -> dict[str, list[tuple[str, str]]]:
    """Give what sessions can be filtered by: agents, models and projects, each a value and its label."""
    s, p = schema.sessions, schema.projects
    pairs = workspace.execute(
        sa.select(s.c.agent, s.c.request_model)
        .distinct()
        .where(s.c.workspace_id == workspace.workspace_id, s.c.agent != IMPORTED)
    ).all()
    projects = workspace.execute(
        sa.select(p.c.project_id, p.c.name)
        .where(p.c.workspace_id == workspace.workspace_id)
        .order_by(p.c.name, p.c.project_id)
    )
    return {
        "agent": [(agent, agent) for agent in sorted({row.agent for row in pairs})],
        "model": [(model, model) for model in sorted({row.request_model for row in pairs} - {""})],
        "project": [(row.project_id, row.name) for row in projects],
    }


def sessions_by_day(workspace: Workspace, *, until: datetime | None = None) -> dict[str, dict[str, int]]:
    """Count episodes by the day on which they began, and by outcome."""
    e = schema.episodes
    day = sa.func.substr(sa.cast(e.c.started_at, sa.String), 1, 10)
    here = [e.c.workspace_id == workspace.workspace_id, e.c.started_at.is_not(None)]
    if until is not None:
        here.append(e.c.started_at <= until)
    rows = workspace.execute(
        sa.select(day.label("day"), e.c.score_label, sa.func.count().label("number"))
        .where(*here)
        .group_by(day, e.c.score_label)
    )
    found: dict[str, dict[str, int]] = {}
    for row in rows:
        found.setdefault(row.day, {})[row.score_label] = row.number
    return found


def events(workspace: Workspace, session_id: str, *, first_seq: int, limit: int) -> list[Any]:
    """Give a session's events from a place on, usage records left out, long texts cut in the middle."""
    e = schema.events
    begins = sa.func.substr(e.c.text, 1, MAX_EVENT_CHARS, type_=schema.Text)
    ends = workspace.seam.end_of(e.c.text, MAX_EVENT_CHARS)
    long = sa.func.length(e.c.text) > 2 * MAX_EVENT_CHARS
    columns = (
        *(e.c.event_id, e.c.seq, e.c.kind, e.c.at, e.c.agent_id, e.c.tool_name, e.c.tool_call_id),
        *(e.c.status, e.c.exit_code, e.c.redactions, e.c.data),
        sa.case((long, begins), else_=e.c.text).label("text"),
        sa.case((long, ends), else_="").label("tail"),
        sa.func.length(e.c.text).label("chars"),
    )
    return list(
        workspace.execute(
            sa.select(*columns)
            .where(e.c.workspace_id == workspace.workspace_id, e.c.session_id == session_id)
            .where(e.c.seq >= first_seq, e.c.kind != EventKind.USAGE.value)
            .order_by(e.c.seq)
            .limit(limit)
        )
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class SkillFilter:
    """Say which skills are wanted; what is empty asks for nothing."""

    words: str = ""  #: parts of the name or of the description
    state: str = ""
    project_id: str | None = None  #: empty: those of every project; None: all


def skills(
    workspace: Workspace,
    wanted: SkillFilter,
    *,
    limit: int,
    before: tuple[datetime, str] | None = None,
) -> list[Any]:
    """Give skills, the latest changed first, behind the one that `before` names."""
    s, v, p = schema.skills, schema.skill_versions, schema.projects
    chosen: list[Any] = [s.c.workspace_id == workspace.workspace_id]
    if wanted.state in {state.value for state in SkillState}:
        chosen.append(s.c.state == wanted.state)
    if wanted.project_id is not None:
        chosen.append(s.c.project_id == wanted.project_id)
    if before is not None:
        at, skill_id = before
        chosen += [s.c.updated_at <= at, sa.or_(s.c.updated_at < at, s.c.skill_id < skill_id)]
    order = (s.c.updated_at.desc(), s.c.skill_id.desc())
    if not wanted.words:
        # Chosen before their texts are read: those are long.
        first = workspace.execute(sa.select(s.c.skill_id).where(*chosen).order_by(*order).limit(limit))
        chosen.append(s.c.skill_id.in_(list(first.scalars())))
    query = (
        sa.select(s, v.c.description, sa.func.coalesce(p.c.name, "").label("project"))
        .join(
            v,
            sa.and_(
                v.c.workspace_id == s.c.workspace_id,
                v.c.skill_id == s.c.skill_id,
                v.c.version == s.c.version,
            ),
        )
        .outerjoin(p, sa.and_(p.c.workspace_id == s.c.workspace_id, p.c.project_id == s.c.project_id))
        .where(*chosen)
    )
    for word in wanted.words.split()[:8]:
        query = query.where(
            sa.or_(
                s.c.name.icontains(word, autoescape=True), v.c.description.icontains(word, autoescape=True)
            )
        )
    return list(workspace.execute(query.order_by(*order).limit(limit)))


def offers_of(workspace: Workspace, session_id: str) -> list[Any]:
    """Give what a session was given of the library, and what was withheld, in order, with skills' names."""
    o, s = schema.offers, schema.skills
    return list(
        workspace.execute(
            sa.select(o, sa.func.coalesce(s.c.name, "").label("name"))
            .outerjoin(s, sa.and_(s.c.workspace_id == o.c.workspace_id, s.c.skill_id == o.c.skill_id))
            .where(o.c.workspace_id == workspace.workspace_id, o.c.session_id == session_id)
            .order_by(o.c.at, o.c.offer_id)
        )
    )


def uses_of(workspace: Workspace, skill_id: str, *, limit: int) -> list[Any]:
    """Give the latest exposures of a skill, with their episodes' outcomes."""
    x, e = schema.exposures, schema.episodes
    return list(
        workspace.execute(
            sa.select(x, e.c.score_label, e.c.number, e.c.request)
            .join(e, sa.and_(e.c.workspace_id == x.c.workspace_id, e.c.episode_id == x.c.episode_id))
            .where(x.c.workspace_id == workspace.workspace_id, x.c.skill_id == skill_id)
            .order_by(x.c.at.desc(), x.c.episode_id)
            .limit(limit)
        )
    )


def installs_of(workspace: Workspace, skill_id: str) -> list[Any]:
    """Give the files of a skill that were written into agents' folders on this machine."""
    i = schema.installs
    here = (i.c.workspace_id == workspace.workspace_id, i.c.skill_id == skill_id)
    return list(workspace.execute(sa.select(i).where(*here).order_by(i.c.path)))


def machines(workspace: Workspace) -> list[Any]:
    """Give the machines that take a workspace's skills, the latest seen first, with their people's names."""
    m, p = schema.machines, schema.members
    return list(
        workspace.execute(
            sa.select(m, sa.func.coalesce(p.c.name, "").label("person"))
            .outerjoin(p, sa.and_(p.c.workspace_id == m.c.workspace_id, p.c.person_id == m.c.person_id))
            .where(m.c.workspace_id == workspace.workspace_id)
            .order_by(m.c.seen_at.desc(), m.c.machine_id)
        )
    )


def latest_change(workspace: Workspace, skill_id: str) -> int:
    """Give the number of a skill's newest change; 0 where there is none."""
    c = schema.changes
    here = (c.c.workspace_id == workspace.workspace_id, c.c.skill_id == skill_id)
    return int(
        workspace.execute(sa.select(sa.func.coalesce(sa.func.max(c.c.number), 0)).where(*here)).scalar_one()
    )


def latest_decisions(workspace: Workspace, *, limit: int) -> list[Any]:
    """Give the latest changes of skills, with their names."""
    d, s = schema.decisions, schema.skills
    return list(
        workspace.execute(
            sa.select(d, s.c.name)
            .join(s, sa.and_(s.c.workspace_id == d.c.workspace_id, s.c.skill_id == d.c.skill_id))
            .where(d.c.workspace_id == workspace.workspace_id)
            .order_by(d.c.at.desc(), d.c.skill_id, d.c.number.desc())
            .limit(limit)
        )
    )
