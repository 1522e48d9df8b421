"""Write and read imported rows of fine-tuning data: sessions of the agent `import`, which nobody grades.

They are evidence that somebody wrote down, not work that was done: grading, mining and search leave them out.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from hivemind.domain.events import EventKind, event_id
from hivemind.store import bulk, schema
from hivemind.store.database import Workspace
from hivemind.store.origin import IMPORTED, PREFIX
from hivemind.store.sessions import RedactedEvent, event_row, title_of

#: Bound parameters of one statement; SQLite before 3.32 allows 999.
_CHUNK = 900


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """Hold one imported row as its session is stored."""

    session_id: str
    format: str
    events: tuple[RedactedEvent, ...]


def scope_of(project_id: str) -> str:
    """Give how the ids of a project's imported rows begin."""
    return f"{PREFIX}{project_id or 'every'}."


def known(workspace: Workspace, session_ids: Sequence[str]) -> set[str]:
    """Give those of some rows that are stored."""
    t, found = schema.sessions, set[str]()
    for start in range(0, len(session_ids), _CHUNK):
        here = t.c.session_id.in_(session_ids[start : start + _CHUNK])
        query = sa.select(t.c.session_id).where(t.c.workspace_id == workspace.workspace_id, here)
        found.update(workspace.execute(query).scalars())
    return found


def append(workspace: Workspace, rows: Sequence[Row]) -> set[str]:
    """Store rows that are new, each once; give the ids of those."""
    fresh = {row.session_id: row for row in reversed(rows)}
    for session_id in known(workspace, list(fresh)):
        del fresh[session_id]
    bulk.append(workspace, schema.sessions, [_session(workspace, row) for row in fresh.values()])
    bulk.append(
        workspace,
        schema.events,
        [
            event_row(workspace.workspace_id, row.session_id, key=_key(row, e), seq=seq, e=e)
            for row in fresh.values()
            for seq, e in enumerate(row.events)
        ],
    )
    return set(fresh)


def _key(row: Row, e: RedactedEvent) -> str:
    return event_id(session_id=row.session_id, native_id=e.event.native_id, kind=e.event.kind)


def _session(workspace: Workspace, row: Row) -> dict[str, Any]:
    events = [e.event for e in row.events]
    return {
        "workspace_id": workspace.workspace_id,
        "session_id": row.session_id,
        "agent": IMPORTED,
        "agent_version": row.format,
        "project_id": "",
        "cwd": "",
        "git_branch": "",
        "git_remote": "",
        "title": title_of(events),
        "request_model": "",
        "next_seq": len(events),
        "prompts": sum(e.kind is EventKind.PROMPT for e in events),
        "tool_calls": sum(e.kind is EventKind.TOOL_CALL for e in events),
        "tool_results": sum(e.kind is EventKind.TOOL_RESULT for e in events),
        "tool_errors": 0,
        "mined_seq": len(events),
        "mined_by": 0,
    }


def count(workspace: Workspace) -> int:
    """Count the imported rows of a workspace."""
    t = schema.sessions
    query = sa.select(sa.func.count()).select_from(t).where(_here(workspace, PREFIX))
    return int(workspace.execute(query).scalar_one())


def each(workspace: Workspace, project_id: str | None, *, limit: int = 0) -> Iterator[tuple[str, list[Any]]]:
    """Yield imported rows with their events, in the order of their ids; None for those of any project.

    Ids are hashes, so that the first so many are a fair sample, whatever order the rows came in.
    """
    t, e = schema.sessions, schema.events
    scope = PREFIX if project_id is None else scope_of(project_id)
    query = sa.select(t.c.session_id).where(_here(workspace, scope)).order_by(t.c.session_id)
    ids = list(workspace.execute(query.limit(limit) if limit else query).scalars())
    for start in range(0, len(ids), _CHUNK):
        chunk = ids[start : start + _CHUNK]
        rows = workspace.execute(
            sa.select(e)
            .where(e.c.workspace_id == workspace.workspace_id, e.c.session_id.in_(chunk))
            .order_by(e.c.session_id, e.c.seq)
        )
        found: dict[str, list[Any]] = {session_id: [] for session_id in chunk}
        for row in rows:
            found[row.session_id].append(row)
        yield from found.items()


def of_file(workspace: Workspace, project_id: str, file: str) -> list[str]:
    """Give a project's rows that were first seen in a file of this name."""
    e = schema.events
    scope = scope_of(project_id)
    query = sa.select(e.c.session_id).where(
        e.c.workspace_id == workspace.workspace_id,
        e.c.session_id >= scope,
        e.c.session_id < scope[:-1] + chr(ord(scope[-1]) + 1),
        e.c.seq == 0,
        e.c.data["file"].as_string() == file,
    )
    return sorted(workspace.execute(query).scalars())


def delete(workspace: Workspace, session_ids: Sequence[str]) -> None:
    """Delete rows with their events and what they showed; nothing is learnt from them any more."""
    for table in (schema.events, schema.occurrences, schema.evidence, schema.sessions):
        for start in range(0, len(session_ids), _CHUNK):
            here = table.c.session_id.in_(session_ids[start : start + _CHUNK])
            workspace.execute(table.delete().where(table.c.workspace_id == workspace.workspace_id, here))


def _here(workspace: Workspace, scope: str) -> sa.ColumnElement[bool]:
    t = schema.sessions
    return sa.and_(
        t.c.workspace_id == workspace.workspace_id,
        t.c.session_id >= scope,
        t.c.session_id < scope[:-1] + chr(ord(scope[-1]) + 1),
    )
