"""Read lessons and sessions across the projects of a workspace."""

import json
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from hivemind.store import schema
from hivemind.store.database import Workspace

#: Bound parameters of one statement; SQLite before 3.32 allows 999.
_CHUNK = 900
#: Where a tool call says which file it reads or changes.
_FILE_KEYS = ("file_path", "path", "filePath", "absolute_path", "notebook_path")
#: The latest sessions of one project that are looked at for the files they name.
MAX_SESSIONS = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """Hold a lesson of one project, without its evidence."""

    lesson_id: str
    project_id: str
    kind: str
    key: str
    data: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """Hold one occurrence of a lesson, and who saw it."""

    lesson_id: str
    session_id: str
    explicit: bool
    at: Any
    agent: str
    cwd: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """Hold what tells one project from another."""

    project_id: str
    name: str
    remote: str
    root: str


def projects(workspace: Workspace) -> list[Project]:
    """Give every project that has a row."""
    t = schema.projects
    rows = workspace.execute(
        sa.select(t.c.project_id, t.c.name, t.c.remote, t.c.root)
        .where(t.c.workspace_id == workspace.workspace_id)
        .order_by(t.c.project_id)
    )
    return [Project(**row._mapping) for row in rows]


def lessons(workspace: Workspace, *, kinds: Sequence[str]) -> list[Known]:
    """Give the lessons of these kinds of every project."""
    t = schema.lessons
    rows = workspace.execute(
        sa.select(t.c.lesson_id, t.c.project_id, t.c.kind, t.c.key, t.c.data)
        .where(t.c.workspace_id == workspace.workspace_id, t.c.project_id != "", t.c.kind.in_(kinds))
        .order_by(t.c.lesson_id)
    )
    return [Known(**row._mapping) for row in rows]


def sightings(workspace: Workspace, lesson_ids: Collection[str]) -> list[Sighting]:
    """Give the occurrences of lessons, the earliest first."""
    o, s = schema.occurrences, schema.sessions
    found: list[Sighting] = []
    for chunk in _chunks(lesson_ids):
        rows = workspace.execute(
            sa.select(o.c.lesson_id, o.c.session_id, o.c.explicit, o.c.at, s.c.agent, s.c.cwd)
            .join(s, sa.and_(s.c.workspace_id == o.c.workspace_id, s.c.session_id == o.c.session_id))
            .where(o.c.workspace_id == workspace.workspace_id, o.c.lesson_id.in_(chunk))
        )
        found += [Sighting(**row._mapping) for row in rows]
    return sorted(found, key=lambda x: (x.at is None, x.at and x.at.timestamp(), x.session_id, x.lesson_id))


def cited(workspace: Workspace, lesson_ids: Collection[str], *, roles: Collection[str]) -> list[Any]:
    """Give the evidence of lessons in some roles, the earliest first: lesson_id, session_id, event_id."""
    e, o = schema.evidence, schema.occurrences
    found: list[Any] = []
    for chunk in _chunks(lesson_ids):
        found += workspace.execute(
            sa.select(e.c.lesson_id, e.c.session_id, e.c.event_id, o.c.at)
            .join(o, sa.and_(o.c.workspace_id == e.c.workspace_id, o.c.occurrence_id == e.c.occurrence_id))
            .where(e.c.workspace_id == workspace.workspace_id, e.c.lesson_id.in_(chunk))
            .where(e.c.role.in_(sorted(roles)))
        ).all()
    return sorted(found, key=lambda x: (x.at is None, x.at and x.at.timestamp(), x.session_id, x.event_id))


def files(workspace: Workspace, project_id: str) -> set[tuple[str, str]]:
    """Give the files that a project's tool calls name, each with the folder that its session began in."""
    e, s = schema.events, schema.sessions
    latest = workspace.execute(
        sa.select(s.c.session_id, s.c.cwd)
        .where(s.c.workspace_id == workspace.workspace_id, s.c.project_id == project_id)
        .order_by(schema.latest(s.c.started_at), s.c.session_id)
        .limit(MAX_SESSIONS)
    )
    folders: dict[str, str] = {row.session_id: row.cwd for row in latest}
    named = workspace.seam.values_of(e.c.data, _FILE_KEYS)
    rows = workspace.execute(
        sa.select(e.c.session_id, named.label("named"))
        .where(e.c.workspace_id == workspace.workspace_id, e.c.session_id.in_(sorted(folders)))
        .where(e.c.kind == "tool_call", e.c.data.is_not(None))
    )
    return {
        (folders[row.session_id], path)
        for row in rows
        for path in json.loads(row.named or "[]")
        if isinstance(path, str)
    }


def _chunks(keys: Collection[str]) -> Iterator[list[str]]:
    unique = sorted(set(keys))
    for start in range(0, len(unique), _CHUNK):
        yield unique[start : start + _CHUNK]
