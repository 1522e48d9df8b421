"""Append to and read the audit log: every read and write that crosses people."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from hivemind.store import schema
from hivemind.store.database import Workspace

MAX_SUBJECT_CHARS = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """Hold one thing that somebody did."""

    entry_id: str
    at: datetime
    person_id: str
    token_id: str
    action: str
    subject: str
    detail: dict[str, Any] = field(default_factory=dict)


def record(
    workspace: Workspace,
    action: str,
    subject: str = "",
    *,
    person_id: str,
    token_id: str = "",
    detail: Mapping[str, Any] | None = None,
) -> None:
    """Add an entry, in the transaction of what it is about."""
    now = datetime.now(UTC)
    milliseconds = int(now.timestamp() * 1000)
    workspace.execute(
        schema.audit.insert().values(
            workspace_id=workspace.workspace_id,
            entry_id=f"{milliseconds:012x}{secrets.token_hex(8)}",
            at=now,
            person_id=person_id,
            token_id=token_id,
            action=action,
            subject=subject[:MAX_SUBJECT_CHARS],
            detail=dict(detail or {}),
        )
    )


def listed(
    workspace: Workspace, *, limit: int, before: str = "", person_id: str = "", action: str = ""
) -> list[Entry]:
    """Give entries, the newest first, behind the entry `before`."""
    t = schema.audit
    query = sa.select(t).where(t.c.workspace_id == workspace.workspace_id)
    if before:
        query = query.where(t.c.entry_id < before)
    if person_id:
        query = query.where(t.c.person_id == person_id)
    if action:
        query = query.where(t.c.action == action)
    rows = workspace.execute(query.order_by(t.c.entry_id.desc()).limit(limit))
    return [Entry(**{name: row._mapping[name] for name in Entry.__dataclass_fields__}) for row in rows]
