"""Keep what went wrong in the background, once each with a count, for `hivemind doctor`."""

import hashlib
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from hivemind.store import schema
from hivemind.store.database import Workspace

MAX_MESSAGE_CHARS = 500


def record(workspace: Workspace, *, source: str, slug: str, message: str, count: int = 1) -> None:
    """Count a problem, so many times; the same source, slug and message are one row."""
    message = message[:MAX_MESSAGE_CHARS]
    now = datetime.now(UTC)
    key = hashlib.blake2b(
        f"{source}\0{slug}\0{message}".encode("utf-8", "replace"), digest_size=12
    ).hexdigest()
    t = schema.problems
    statement = workspace.seam.insert(t).values(
        workspace_id=workspace.workspace_id,
        problem_id=key,
        source=source,
        slug=slug,
        message=message,
        count=count,
        first_at=now,
        last_at=now,
    )
    workspace.execute(
        statement.on_conflict_do_update(
            index_elements=["workspace_id", "problem_id"], set_={"count": t.c.count + count, "last_at": now}
        )
    )


def recent(workspace: Workspace, *, limit: int = 20) -> list[Any]:
    """Give the problems, the latest first."""
    t = schema.problems
    return list(
        workspace.execute(
            sa.select(t)
            .where(t.c.workspace_id == workspace.workspace_id)
            .order_by(t.c.last_at.desc())
            .limit(limit)
        )
    )


def clear(workspace: Workspace) -> int:
    """Forget every problem; give their number."""
    t = schema.problems
    return workspace.execute(t.delete().where(t.c.workspace_id == workspace.workspace_id)).rowcount
