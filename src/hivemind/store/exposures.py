"""Write and read exposures, and read what they are derived from."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from hivemind.domain.events import EventKind
from hivemind.domain.exposures import Arm, Channel
from hivemind.store import bulk, schema
from hivemind.store.database import Workspace

#: Bound parameters of one statement; SQLite before 3.32 allows 999.
_CHUNK = 900


@dataclass(frozen=True, slots=True, kw_only=True)
class Exposure:
    """Hold a row of `exposures`: a skill given to an episode, or withheld from it."""

    episode_id: str
    skill_id: str
    session_id: str
    project_id: str
    version: int
    arm: Arm
    share: float
    channel: Channel
    agent: str
    request_model: str
    followed: bool | None
    at: datetime


def replace_of_session(workspace: Workspace, session_id: str, rows: Sequence[Exposure]) -> bool:
    """Store a session's exposures in place of those it had; False where they are the same."""
    new = sorted(rows, key=lambda row: (row.episode_id, row.skill_id))
    if new == sorted(of_session(workspace, session_id), key=lambda row: (row.episode_id, row.skill_id)):
        return False
    t = schema.exposures
    workspace.execute(
        t.delete().where(t.c.workspace_id == workspace.workspace_id, t.c.session_id == session_id)
    )
    bulk.append(workspace, t, [{"workspace_id": workspace.workspace_id, **_values(row)} for row in new])
    return True


def of_session(workspace: Workspace, session_id: str) -> list[Exposure]:
    """Give a session's exposures in the order in which they came."""
    t = schema.exposures
    rows = workspace.execute(
        sa.select(t)
        .where(t.c.workspace_id == workspace.workspace_id, t.c.session_id == session_id)
        .order_by(t.c.at, t.c.episode_id, t.c.skill_id)
    )
    return [_exposure(row) for row in rows]


def counts(workspace: Workspace) -> dict[Arm, int]:
    """Count the exposures of each arm."""
    t = schema.exposures
    rows = workspace.execute(
        sa.select(t.c.arm, sa.func.count().label("number"))
        .where(t.c.workspace_id == workspace.workspace_id)
        .group_by(t.c.arm)
    )
    found = {row.arm: row.number for row in rows}
    return {arm: found.get(arm.value, 0) for arm in Arm}


def left_behind(workspace: Workspace) -> list[str]:
    """Name the sessions with an exposure whose episode is gone, or whose project is another one now."""
    x, p, s = schema.exposures, schema.episodes, schema.sessions
    episode = (
        sa.select(p.c.episode_id)
        .where(p.c.workspace_id == x.c.workspace_id, p.c.episode_id == x.c.episode_id)
        .exists()
    )
    moved = (
        sa.select(s.c.session_id)
        .where(
            s.c.workspace_id == x.c.workspace_id,
            s.c.session_id == x.c.session_id,
            s.c.project_id != x.c.project_id,
        )
        .exists()
    )
    found = sa.select(x.c.session_id).distinct().where(x.c.workspace_id == workspace.workspace_id)
    return list(workspace.execute(found.where(sa.or_(~episode, moved))).scalars())


def unjoined(workspace: Workspace, *, since: datetime) -> list[str]:
    """Name the graded sessions with an offer of a channel since a time that no exposure begins with."""
    o, p, x = schema.offers, schema.episodes, schema.exposures
    # Compared here: SQLite would look each offer up by its skill, which has too many exposures.
    offered = workspace.execute(
        sa.select(o.c.session_id, o.c.skill_id, o.c.at).where(
            o.c.workspace_id == workspace.workspace_id, o.c.at >= since, o.c.event_id == ""
        )
    ).all()
    joined = workspace.execute(
        sa.select(x.c.session_id, x.c.skill_id, x.c.at).where(
            x.c.workspace_id == workspace.workspace_id, x.c.at >= since
        )
    ).all()
    left = {tuple(row) for row in offered} - {tuple(row) for row in joined}
    graded: set[str] = set()
    for chunk in _chunks([str(session_id) for session_id, *_ in left]):
        graded.update(
            workspace.execute(
                sa.select(p.c.session_id)
                .distinct()
                .where(p.c.workspace_id == workspace.workspace_id, p.c.session_id.in_(chunk))
            ).scalars()
        )
    return sorted(graded)


def session_of(workspace: Workspace, session_id: str) -> Any:
    """Give the row of one session, None where it is not stored."""
    t = schema.sessions
    return workspace.execute(
        sa.select(t).where(t.c.workspace_id == workspace.workspace_id, t.c.session_id == session_id)
    ).first()


def offers_of(workspace: Workspace, session_id: str) -> list[Any]:
    """Give a session's offers in order of time."""
    t = schema.offers
    return list(
        workspace.execute(
            sa.select(t)
            .where(t.c.workspace_id == workspace.workspace_id, t.c.session_id == session_id)
            .order_by(t.c.at, t.c.offer_id)
        )
    )


def calls_about_skills(workspace: Workspace, session_id: str) -> list[Any]:
    """Give the calls of a session that may be about a skill, and such texts of the client and the person."""
    t = schema.events
    said = sa.cast(t.c.data, sa.Text)
    wanted = sa.or_(
        sa.and_(
            t.c.kind == EventKind.TOOL_CALL.value,
            sa.or_(t.c.tool_name.ilike("%skill%"), said.like("%SKILL.md%"), said.like("%skills/%")),
        ),
        sa.and_(t.c.kind == EventKind.SYSTEM.value, t.c.text.ilike("%skill%")),
        sa.and_(
            t.c.kind == EventKind.PROMPT.value,
            sa.or_(t.c.text.like("/%"), t.c.text.like("%$%")),
            t.c.agent_id == "",
        ),
    )
    return list(workspace.execute(_events(workspace, session_id).where(wanted)))


def results_of(workspace: Workspace, session_id: str, call_ids: Sequence[str]) -> dict[str, Any]:
    """Give the results of calls by the calls' ids; one that has none yet is left out."""
    t = schema.events
    found: dict[str, Any] = {}
    results = _events(workspace, session_id).where(t.c.kind == EventKind.TOOL_RESULT.value)
    for chunk in _chunks(call_ids):
        rows = workspace.execute(results.where(t.c.tool_call_id.in_(chunk)))
        found |= {row.tool_call_id: row for row in rows}
    return found


def steps_of(workspace: Workspace, session_id: str, *, with_calls: bool) -> list[Any]:
    """Give a session's prompts, and its calls without their input."""
    t = schema.events
    kinds = (EventKind.PROMPT.value, *([EventKind.TOOL_CALL.value] if with_calls else []))
    return list(
        workspace.execute(
            sa.select(t.c.event_id, t.c.seq, t.c.kind, t.c.at, t.c.agent_id, t.c.tool_name, t.c.text)
            .where(t.c.workspace_id == workspace.workspace_id, t.c.session_id == session_id)
            .where(t.c.kind.in_(kinds))
            .order_by(t.c.seq)
        )
    )


def places_of(workspace: Workspace, session_id: str, event_ids: Sequence[str]) -> dict[str, Any]:
    """Give where and when events were, by their ids."""
    t = schema.events
    found: dict[str, Any] = {}
    for chunk in _chunks(event_ids):
        rows = workspace.execute(
            sa.select(t.c.event_id, t.c.seq, t.c.at, t.c.agent_id).where(
                t.c.workspace_id == workspace.workspace_id,
                t.c.session_id == session_id,
                t.c.event_id.in_(chunk),
            )
        )
        found |= {row.event_id: row for row in rows}
    return found


def agents_began(workspace: Workspace, session_id: str) -> dict[str, Any]:
    """Give the first event of each subagent of a session, by the subagent's id."""
    t = schema.events
    first = (
        sa.select(sa.func.min(t.c.seq))
        .where(t.c.workspace_id == workspace.workspace_id, t.c.session_id == session_id, t.c.agent_id != "")
        .group_by(t.c.agent_id)
    )
    rows = workspace.execute(
        sa.select(t.c.agent_id, t.c.seq, t.c.at).where(
            t.c.workspace_id == workspace.workspace_id, t.c.session_id == session_id, t.c.seq.in_(first)
        )
    )
    return {row.agent_id: row for row in rows}


def decisions_of(workspace: Workspace, skill_ids: Sequence[str]) -> dict[str, list[Any]]:
    """Give the ledgers of skills, each in order."""
    t = schema.decisions
    found: dict[str, list[Any]] = {}
    for chunk in _chunks(skill_ids):
        rows = workspace.execute(
            sa.select(t.c.skill_id, t.c.at, t.c.to_state, t.c.to_version)
            .where(t.c.workspace_id == workspace.workspace_id, t.c.skill_id.in_(chunk))
            .order_by(t.c.skill_id, t.c.number)
        )
        for row in rows:
            found.setdefault(row.skill_id, []).append(row)
    return found


def _events(workspace: Workspace, session_id: str) -> sa.Select[Any]:
    t = schema.events
    columns = (t.c.event_id, t.c.seq, t.c.kind, t.c.at, t.c.agent_id, t.c.tool_name, t.c.tool_call_id)
    more = (t.c.status, t.c.request_model, t.c.text, t.c.data)
    return (
        sa.select(*columns, *more)
        .where(t.c.workspace_id == workspace.workspace_id, t.c.session_id == session_id)
        .order_by(t.c.seq)
    )


def _values(row: Exposure) -> dict[str, Any]:
    values = {name: getattr(row, name) for name in Exposure.__dataclass_fields__}
    return values | {"arm": row.arm.value, "channel": row.channel.value}


def _exposure(row: Any) -> Exposure:
    values = {name: row._mapping[name] for name in Exposure.__dataclass_fields__}
    return Exposure(**{**values, "arm": Arm(row.arm), "channel": Channel(row.channel)})


def _chunks(keys: Sequence[str]) -> Iterator[list[str]]:
    unique = list(dict.fromkeys(keys))
    for start in range(0, len(unique), _CHUNK):
        yield unique[start : start + _CHUNK]
