"""Read and delete all that a workspace holds of something: for an export, and for a person's request."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from hivemind.store import schema, search, sessions
from hivemind.store.database import Workspace

#: What an export has, in this order; tokens, keys and what is derived are no part of it.
EXPORTED = (
    schema.members,
    schema.workspace_settings,
    schema.projects,
    schema.skills,
    schema.skill_versions,
    schema.decisions,
    schema.proposals,
    schema.sessions,
    schema.events,
    schema.episodes,
    schema.outcomes,
    schema.lessons,
    schema.occurrences,
    schema.evidence,
    schema.offers,
    schema.exposures,
    schema.audit,
)
_BATCH = 500


def rows(workspace: Workspace, table: sa.Table) -> Iterator[dict[str, Any]]:
    """Give a table's rows of the workspace by their key, without ever holding all of them."""
    key = [column for column in table.primary_key if column.name != "workspace_id"]
    columns = [column for column in table.columns if column.name != "workspace_id"]
    query = sa.select(*columns).where(table.c.workspace_id == workspace.workspace_id).order_by(*key)
    last: tuple[Any, ...] | None = None
    while True:
        page = query.limit(_BATCH)
        if last is not None:
            page = page.where(sa.tuple_(*key) > sa.tuple_(*last) if len(key) > 1 else key[0] > last[0])
        found = workspace.execute(page).all()
        for row in found:
            yield dict(row._mapping)
        if len(found) < _BATCH:
            return
        last = tuple(found[-1]._mapping[column.name] for column in key)


def sessions_of(workspace: Workspace, person_id: str) -> list[str]:
    """Name the sessions that a person sent."""
    t = schema.sessions
    query = sa.select(t.c.session_id).where(
        t.c.workspace_id == workspace.workspace_id, t.c.person_id == person_id
    )
    return sorted(workspace.execute(query).scalars())


def ended_before(workspace: Workspace, at: datetime, *, limit: int) -> list[str]:
    """Name sessions whose latest event is older, the oldest first; one without any time is none of them."""
    t = schema.sessions
    query = (
        sa.select(t.c.session_id)
        .where(t.c.workspace_id == workspace.workspace_id, t.c.ended_at < at)
        .order_by(t.c.ended_at, t.c.session_id)
        .limit(limit)
    )
    return list(workspace.execute(query).scalars())


def count_ended_before(workspace: Workspace, at: datetime) -> int:
    """Count the sessions whose latest event is older."""
    t = schema.sessions
    query = sa.select(sa.func.count()).where(t.c.workspace_id == workspace.workspace_id, t.c.ended_at < at)
    return int(workspace.execute(query).scalar_one())


def forget_machines(workspace: Workspace, person_id: str) -> int:
    """Delete what is known of a person's machines."""
    t = schema.machines
    here = (t.c.workspace_id == workspace.workspace_id, t.c.person_id == person_id)
    return workspace.execute(t.delete().where(*here)).rowcount


def forget_space(workspace: Workspace) -> None:
    """Delete every row of a space, and what its search indexes have of them."""
    sessions.prune(workspace, _all_sessions(workspace))
    s = schema.skills
    for skill_id in workspace.execute(
        sa.select(s.c.skill_id).where(s.c.workspace_id == workspace.workspace_id)
    ).scalars():
        search.forget_skill(workspace, skill_id)
    for table in reversed(schema.metadata.sorted_tables):
        workspace.execute(table.delete().where(table.c.workspace_id == workspace.workspace_id))


def _all_sessions(workspace: Workspace) -> list[str]:
    t = schema.sessions
    return list(
        workspace.execute(
            sa.select(t.c.session_id).where(t.c.workspace_id == workspace.workspace_id)
        ).scalars()
    )
