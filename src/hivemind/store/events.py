"""Read a session's events a page at a time."""

from typing import Any

import sqlalchemy as sa

from hivemind.store import schema
from hivemind.store.database import Workspace


def behind(workspace: Workspace, session_id: str, *, after: int, limit: int) -> list[Any]:
    """Give a session's events in order, behind a place in it."""
    e = schema.events
    query = (
        sa.select(e)
        .where(e.c.workspace_id == workspace.workspace_id, e.c.session_id == session_id, e.c.seq > after)
        .order_by(e.c.seq)
        .limit(limit)
    )
    return list(workspace.execute(query))
