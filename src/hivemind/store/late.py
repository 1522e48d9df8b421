"""Sessions whose events come in any order: what is stored of them, and putting it in the order of time."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from hivemind.domain.events import EventKind, ResultStatus
from hivemind.store import bulk, schema
from hivemind.store.database import Workspace

#: Bound parameters of one statement; SQLite before 3.32 allows 999.
_CHUNK = 900
#: What was said at the same moment: a model's words stand before the calls that they announce.
_RANKS = {
    kind.value: n
    for n, kind in enumerate(
        (EventKind.PROMPT, EventKind.ASSISTANT, EventKind.TOOL_CALL, EventKind.TOOL_RESULT, EventKind.USAGE)
    )
}
_NO_TIME = datetime.min.replace(tzinfo=UTC)


def stored(workspace: Workspace, event_ids: Iterable[str]) -> dict[str, Any]:
    """Give what is stored of some events: session, time, subagent, status and data of each that is."""
    e, ids, found = schema.events, list(dict.fromkeys(event_ids)), dict[str, Any]()
    for start in range(0, len(ids), _CHUNK):
        rows = workspace.execute(
            sa.select(e.c.event_id, e.c.session_id, e.c.at, e.c.agent_id, e.c.status, e.c.data).where(
                e.c.workspace_id == workspace.workspace_id, e.c.event_id.in_(ids[start : start + _CHUNK])
            )
        )
        found.update({row.event_id: row for row in rows})
    return found


def of_answers(workspace: Workspace, message_ids: Sequence[str]) -> dict[str, Any]:
    """Give session, time and subagent of a model's answers, by the ids that the model gave them.

    No index has these ids: it looks through the workspace's usage, however many are asked for.
    """
    e, found = schema.events, dict[str, Any]()
    ids = list(dict.fromkeys(message_ids))
    for start in range(0, len(ids), _CHUNK):
        rows = workspace.execute(
            sa.select(e.c.message_id, e.c.session_id, e.c.at, e.c.agent_id).where(
                e.c.workspace_id == workspace.workspace_id,
                e.c.kind == EventKind.USAGE.value,
                e.c.message_id.in_(ids[start : start + _CHUNK]),
            )
        )
        found.update({row.message_id: row for row in rows})
    return found


def existing(workspace: Workspace, session_ids: Sequence[str]) -> set[str]:
    """Give those of some sessions that are stored."""
    s, found = schema.sessions, set[str]()
    for start in range(0, len(session_ids), _CHUNK):
        here = s.c.session_id.in_(session_ids[start : start + _CHUNK])
        query = sa.select(s.c.session_id).where(s.c.workspace_id == workspace.workspace_id, here)
        found.update(workspace.execute(query).scalars())
    return found


def unanswered(workspace: Workspace, session_id: str, *, limit: int = 200) -> list[Any]:
    """Give a session's calls of which it is not known how they ended, the earliest first."""
    e, r = schema.events, schema.events.alias()
    answered = (
        sa.select(r.c.event_id)
        .where(
            r.c.workspace_id == e.c.workspace_id,
            r.c.session_id == e.c.session_id,
            r.c.kind == EventKind.TOOL_RESULT.value,
            r.c.tool_call_id == e.c.tool_call_id,
            r.c.status != ResultStatus.UNKNOWN.value,
        )
        .exists()
    )
    return list(
        workspace.execute(
            sa.select(e.c.tool_name, e.c.tool_call_id, e.c.data)
            .where(
                e.c.workspace_id == workspace.workspace_id,
                e.c.session_id == session_id,
                e.c.kind == EventKind.TOOL_CALL.value,
                e.c.tool_call_id != "",
                ~answered,
            )
            .order_by(e.c.seq)
            .limit(limit)
        )
    )


def prompts(workspace: Workspace, session_id: str) -> int:
    """Count what people asked in a session, as far as it is stored."""
    s = schema.sessions
    found = workspace.execute(
        sa.select(s.c.prompts).where(s.c.workspace_id == workspace.workspace_id, s.c.session_id == session_id)
    ).scalar()
    return int(found or 0)


def sessions_of(workspace: Workspace, agent: str) -> int:
    """Count the sessions of an agent."""
    s = schema.sessions
    here = sa.and_(s.c.workspace_id == workspace.workspace_id, s.c.agent == agent)
    return int(workspace.execute(sa.select(sa.func.count()).where(here)).scalar_one())


def of_trace(workspace: Workspace, paths: Sequence[str]) -> dict[str, str]:
    """Give the sessions that some traces are known to belong to, by the names they are stored under."""
    t, found = schema.transcripts, dict[str, str]()
    for start in range(0, len(paths), _CHUNK):
        rows = workspace.execute(
            sa.select(t.c.path, t.c.session_id).where(
                t.c.workspace_id == workspace.workspace_id, t.c.path.in_(paths[start : start + _CHUNK])
            )
        )
        found.update({row.path: row.session_id for row in rows})
    return found


def remember(workspace: Workspace, path: str, *, agent: str, session_id: str) -> None:
    """Keep which session a trace belongs to, for its spans that do not say so; the first word stands."""
    values = {"path": path, "agent": agent, "session_id": session_id, "read_at": datetime.now(UTC)}
    blank = {"offset_bytes": 0, "read_hash": "", "lines": 0, "bad_lines": 0, "problem": ""}
    bulk.put_new(workspace, schema.transcripts, {**values, **blank})


def latest(workspace: Workspace, session_id: str) -> datetime | None:
    """Give the time of the latest event of a session that is stored."""
    s = schema.sessions
    return workspace.execute(
        sa.select(s.c.ended_at).where(
            s.c.workspace_id == workspace.workspace_id, s.c.session_id == session_id
        )
    ).scalar()


def settle(
    workspace: Workspace,
    *,
    times: Mapping[str, datetime],
    results: Mapping[str, ResultStatus],
) -> bool:
    """Take up what is known better now: earlier times, and how calls ended; say whether a time changed."""
    e, moved = schema.events, False
    failed: Counter[str] = Counter()
    known = stored(workspace, [*times, *results])
    for event_id, row in known.items():
        here = sa.and_(e.c.workspace_id == workspace.workspace_id, e.c.event_id == event_id)
        changes: dict[str, Any] = {}
        at = times.get(event_id)
        if at is not None and (row.at is None or at < row.at):
            changes["at"], moved = at, True
        if event_id in results and row.status in (None, ResultStatus.UNKNOWN.value):
            changes["status"] = results[event_id].value
            failed[row.session_id] += results[event_id] is ResultStatus.ERROR
        if changes:
            workspace.execute(e.update().where(here).values(**changes))
    s = schema.sessions
    for session_id, count in failed.items():
        whose = sa.and_(s.c.workspace_id == workspace.workspace_id, s.c.session_id == session_id)
        workspace.execute(s.update().where(whose).values(tool_errors=s.c.tool_errors + count))
    return moved


def renumber(workspace: Workspace, session_id: str) -> None:
    """Number a session's events in the order of their times, to be graded and mined again."""
    e, s = schema.events, schema.sessions
    here = sa.and_(e.c.workspace_id == workspace.workspace_id, e.c.session_id == session_id)
    rows = workspace.execute(
        sa.select(e.c.event_id, e.c.seq, e.c.at, e.c.kind).where(here).order_by(e.c.seq)
    ).all()
    ordered, last = [], _NO_TIME
    for row in rows:  # what has no time stays behind what it came after
        last = row.at or last
        ordered.append((row.at or last, _RANKS.get(row.kind, 0), row.seq, row.event_id))
    ordered.sort()
    changed = [(n, event_id) for n, (_, _, seq, event_id) in enumerate(ordered) if n != seq]
    if not changed:
        return
    statement = (
        e.update()
        .where(e.c.workspace_id == workspace.workspace_id, e.c.event_id == sa.bindparam("of"))
        .values(seq=sa.bindparam("number"))
    )
    workspace.execute(statement, [{"of": event_id, "number": n} for n, event_id in changed])
    whose = sa.and_(s.c.workspace_id == workspace.workspace_id, s.c.session_id == session_id)
    workspace.execute(s.update().where(whose).values(mined_by=0))
    p = schema.episodes
    graded = sa.and_(p.c.workspace_id == workspace.workspace_id, p.c.session_id == session_id)
    workspace.execute(p.update().where(graded).values(graded_seq=-1))
