"""Write and read mined lessons: occurrences by session, and what they add up to by project."""

import hashlib
import json
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from hivemind.domain.lessons import Lesson, Occurrence
from hivemind.domain.skills import Evidence
from hivemind.store import bulk, schema
from hivemind.store.database import Workspace
from hivemind.store.origin import was_done

#: Evidence that a lesson shows, at most: the rest is in the evidence table.
MAX_SHOWN_EVIDENCE = 24
#: Where an occurrence's data keep its topic; the lesson takes the earliest occurrence's.
_TOPIC = "topic"
#: Where a lesson's data count the sessions that showed it and were deleted since: what was learnt stays.
_DELETED = "deleted_sessions"


def unmined(workspace: Workspace, *, miners_version: int, project_id: str | None = None) -> list[Any]:
    """Give the sessions with events that distillation has not seen, or saw with older miners."""
    t, p = schema.sessions, schema.projects
    of_project = t.c.project_id == project_id if project_id is not None else sa.true()
    return list(
        workspace.execute(
            sa.select(t, p.c.name.label("project"), p.c.root)
            .outerjoin(p, sa.and_(p.c.workspace_id == t.c.workspace_id, p.c.project_id == t.c.project_id))
            .where(was_done(workspace))
            .where(sa.or_(t.c.mined_seq < t.c.next_seq, t.c.mined_by != miners_version), of_project)
            .order_by(schema.earliest(t.c.ended_at), t.c.session_id)
        )
    )


def is_any_due(workspace: Workspace, *, miners_version: int) -> bool:
    """Say whether a session waits to be mined."""
    t = schema.sessions
    due = sa.or_(t.c.mined_seq < t.c.next_seq, t.c.mined_by != miners_version)
    query = sa.select(t.c.session_id).where(was_done(workspace), due).limit(1)
    return workspace.execute(query).first() is not None


def replace_occurrences(workspace: Workspace, session: Any, *, occurrences: Sequence[Occurrence]) -> set[str]:
    """Store what a session shows in place of what it showed before; give the ids of the lessons concerned."""
    session_id, scope = session.session_id, workspace.workspace_id
    o, e = schema.occurrences, schema.evidence
    here = sa.and_(o.c.workspace_id == scope, o.c.session_id == session_id)
    concerned = set(workspace.execute(sa.select(o.c.lesson_id).where(here)).scalars())
    workspace.execute(o.delete().where(here))
    workspace.execute(e.delete().where(e.c.workspace_id == scope, e.c.session_id == session_id))
    for occurrence in occurrences:
        lesson_id = lesson_key(session.project_id, occurrence.kind, occurrence.key)
        concerned.add(lesson_id)
        _put_lesson(workspace, lesson_id, project_id=session.project_id, occurrence=occurrence)
        _put_occurrence(workspace, lesson_id, session_id=session_id, occurrence=occurrence)
    return concerned


def replace_lessons(
    workspace: Workspace,
    project_id: str,
    *,
    kinds: Sequence[str],
    topics: Sequence[str],
    found: Sequence[tuple[str, Occurrence]],
) -> set[str]:
    """Put what several sessions show together in place of what they showed before.

    Concerns a project's lessons of these kinds whose topic is or begins with one of these words; `found` has
    the session of each occurrence. Gives the ids of the lessons concerned.
    """
    t, o, e, scope = schema.lessons, schema.occurrences, schema.evidence, workspace.workspace_id
    held = _learnt_together(workspace, project_id, kinds=kinds, topics=topics)
    concerned = set(workspace.execute(sa.select(t.c.lesson_id).where(held)).scalars())
    for lesson_id in sorted(concerned):
        workspace.execute(o.delete().where(o.c.workspace_id == scope, o.c.lesson_id == lesson_id))
        workspace.execute(e.delete().where(e.c.workspace_id == scope, e.c.lesson_id == lesson_id))
    return concerned | add_found(workspace, project_id, found)


def add_found(workspace: Workspace, project_id: str, found: Sequence[tuple[str, Occurrence]]) -> set[str]:
    """Store occurrences beside those that lessons have; give the ids of the lessons concerned."""
    concerned: set[str] = set()
    for session_id, occurrence in found:
        lesson_id = lesson_key(project_id, occurrence.kind, occurrence.key)
        concerned.add(lesson_id)
        _put_lesson(workspace, lesson_id, project_id=project_id, occurrence=occurrence)
        _put_occurrence(workspace, lesson_id, session_id=session_id, occurrence=occurrence)
    return concerned


def stated_by(
    workspace: Workspace, project_id: str, *, kinds: Sequence[str], topics: Sequence[str]
) -> list[tuple[str, dict[str, Any]]]:
    """Give the kind and the data of a project's lessons of these kinds and topics, the oldest first."""
    t = schema.lessons
    held = _learnt_together(workspace, project_id, kinds=kinds, topics=topics)
    oldest = (schema.earliest(t.c.first_at), t.c.lesson_id)
    rows = workspace.execute(sa.select(t.c.kind, t.c.data).where(held).order_by(*oldest))
    return [(row.kind, row.data) for row in rows]


def _learnt_together(
    workspace: Workspace, project_id: str, *, kinds: Sequence[str], topics: Sequence[str]
) -> sa.ColumnElement[bool]:
    t = schema.lessons
    belongs = sa.or_(*(sa.or_(t.c.topic == word, t.c.topic.startswith(f"{word} ")) for word in topics))
    return sa.and_(
        t.c.workspace_id == workspace.workspace_id,
        t.c.project_id == project_id,
        t.c.kind.in_(kinds),
        belongs,
    )


def of_kinds(workspace: Workspace, kinds: Sequence[str]) -> list[Any]:
    """Give the rows of all lessons of these kinds, by project and key."""
    t = schema.lessons
    return list(
        workspace.execute(
            sa.select(t)
            .where(t.c.workspace_id == workspace.workspace_id, t.c.kind.in_(kinds))
            .order_by(t.c.project_id, t.c.kind, t.c.key)
        )
    )


def keep_what_was_learnt(workspace: Workspace, session_id: str) -> None:
    """Have each lesson that a session shows go on counting it: the session is about to be deleted."""
    t, o = schema.lessons, schema.occurrences
    shown = sa.select(o.c.lesson_id).where(
        o.c.workspace_id == workspace.workspace_id, o.c.session_id == session_id
    )
    here = sa.and_(t.c.workspace_id == workspace.workspace_id, t.c.lesson_id.in_(shown))
    for row in workspace.execute(sa.select(t.c.lesson_id, t.c.data).where(here).with_for_update()).all():
        workspace.execute(
            t.update()
            .where(t.c.workspace_id == workspace.workspace_id, t.c.lesson_id == row.lesson_id)
            .values(data={**row.data, _DELETED: row.data.get(_DELETED, 0) + 1})
        )


def mark_mined(workspace: Workspace, mined: Sequence[Any], *, miners_version: int) -> None:
    """Note that skills hold what these sessions showed; what came since they were read is mined next time."""
    t = schema.sessions
    for session in mined:
        workspace.execute(
            t.update()
            .where(t.c.workspace_id == workspace.workspace_id, t.c.session_id == session.session_id)
            .values(mined_seq=session.next_seq, mined_by=miners_version)
        )


def lesson_key(project_id: str, kind: str, key: str) -> str:
    """Derive the key of a lesson."""
    return "l" + hashlib.blake2b(f"{project_id}\0{kind}\0{key}".encode(), digest_size=12).hexdigest()


def _put_lesson(workspace: Workspace, lesson_id: str, *, project_id: str, occurrence: Occurrence) -> None:
    new = {
        "lesson_id": lesson_id,
        "project_id": project_id,
        "kind": occurrence.kind,
        "key": occurrence.key,
        "topic": occurrence.topic,
        "data": occurrence.data,
    }
    bulk.put_new(workspace, schema.lessons, new)


def _put_occurrence(workspace: Workspace, lesson_id: str, *, session_id: str, occurrence: Occurrence) -> None:
    digest = hashlib.blake2b(f"{lesson_id}\0{session_id}\0".encode(), digest_size=12)
    digest.update(json.dumps([item.event_id for item in occurrence.evidence]).encode())
    occurrence_id = "o" + digest.hexdigest()
    new = {
        "occurrence_id": occurrence_id,
        "lesson_id": lesson_id,
        "session_id": session_id,
        "data": {**occurrence.data, _TOPIC: occurrence.topic},
        "explicit": occurrence.explicit,
        "at": occurrence.at,
    }
    bulk.put_new(workspace, schema.occurrences, new)
    for item in occurrence.evidence:
        cited = {
            "occurrence_id": occurrence_id,
            "event_id": item.event_id,
            "role": item.role,
            "lesson_id": lesson_id,
            "session_id": session_id,
            "excerpt": item.excerpt,
        }
        bulk.put_new(workspace, schema.evidence, cited)


def refresh(workspace: Workspace, lesson_ids: Sequence[str]) -> set[str]:
    """Recount lessons from their occurrences, drop those that have none; give the projects concerned.

    A lesson states what its earliest occurrence saw, so that more of the same changes no word of it; where
    sessions that showed it were deleted, it keeps the words and the support that it had from them.
    """
    t, o = schema.lessons, schema.occurrences
    projects: set[str] = set()
    for lesson_id in sorted(lesson_ids):
        here = sa.and_(t.c.workspace_id == workspace.workspace_id, t.c.lesson_id == lesson_id)
        lesson = workspace.execute(sa.select(t).where(here).with_for_update()).first()
        if lesson is None:
            continue
        projects.add(lesson.project_id)
        seen = workspace.execute(
            sa.select(o)
            .where(o.c.workspace_id == workspace.workspace_id, o.c.lesson_id == lesson_id)
            .order_by(schema.earliest(o.c.at), o.c.occurrence_id)
        ).all()
        deleted = lesson.data.get(_DELETED, 0)
        if not seen and not deleted:
            workspace.execute(t.delete().where(here))
            continue
        values: dict[str, Any] = {
            "sessions": len({s.session_id for s in seen}) + deleted,
            "explicit": any(s.explicit for s in seen) or (bool(deleted) and lesson.explicit),
        }
        if seen:
            values["last_at"] = seen[-1].at
        if not deleted:
            words = {name: value for name, value in seen[0].data.items() if name != _TOPIC}
            topic = seen[0].data.get(_TOPIC, lesson.topic)
            values |= {"topic": topic, "data": words, "first_at": seen[0].at}
        workspace.execute(t.update().where(here).values(**values))
    return projects


def of_project(workspace: Workspace, project_id: str) -> list[Lesson]:
    """Give a project's lessons with their evidence, the best supported first."""
    t, e, o = schema.lessons, schema.evidence, schema.occurrences
    rows = workspace.execute(
        sa.select(t)
        .where(t.c.workspace_id == workspace.workspace_id, t.c.project_id == project_id)
        .order_by(t.c.sessions.desc(), t.c.kind, t.c.key)
    ).all()
    found: dict[str, list[Evidence]] = {row.lesson_id: [] for row in rows}
    counted: dict[str, set[str]] = {row.lesson_id: set() for row in rows}
    joined = (
        sa.select(e)
        .join(o, sa.and_(o.c.workspace_id == e.c.workspace_id, o.c.occurrence_id == e.c.occurrence_id))
        .join(t, sa.and_(t.c.workspace_id == e.c.workspace_id, t.c.lesson_id == e.c.lesson_id))
        .where(e.c.workspace_id == workspace.workspace_id, t.c.project_id == project_id)
        .order_by(schema.earliest(o.c.at), e.c.occurrence_id, e.c.role, e.c.event_id)
    )
    for row in workspace.execute(joined):
        counted[row.lesson_id].add(row.occurrence_id)
        if len(found[row.lesson_id]) < MAX_SHOWN_EVIDENCE:
            found[row.lesson_id].append(
                Evidence(event_id=row.event_id, session_id=row.session_id, role=row.role, excerpt=row.excerpt)
            )
    return [
        Lesson(
            lesson_id=row.lesson_id,
            project_id=row.project_id,
            kind=row.kind,
            key=row.key,
            topic=row.topic,
            data={name: value for name, value in row.data.items() if name != _DELETED},
            sessions=row.sessions,
            occurrences=len(counted[row.lesson_id]),
            explicit=row.explicit,
            last_at=row.last_at,
            evidence=tuple(found[row.lesson_id]),
        )
        for row in rows
    ]


def shown_in(workspace: Workspace, lesson_ids: Sequence[str]) -> list[tuple[str, str]]:
    """Give the kind of each lesson with each session that shows it."""
    t, o = schema.lessons, schema.occurrences
    rows = workspace.execute(
        sa.select(t.c.kind, o.c.session_id)
        .distinct()
        .join(o, sa.and_(o.c.workspace_id == t.c.workspace_id, o.c.lesson_id == t.c.lesson_id))
        .where(t.c.workspace_id == workspace.workspace_id, t.c.lesson_id.in_(lesson_ids))
        .order_by(t.c.kind, o.c.session_id)
    )
    return [(row.kind, row.session_id) for row in rows]


def forget_mined(workspace: Workspace) -> None:
    """Mark every session as not mined."""
    t = schema.sessions
    workspace.execute(
        t.update().where(t.c.workspace_id == workspace.workspace_id).values(mined_seq=0, mined_by=0)
    )
