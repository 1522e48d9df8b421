"""Number the changes of a workspace's skills, so that a machine can ask for what it has not seen.

Each change carries a hash of all before it. A server that was restored from a backup counts on from an older
number, perhaps past the one that a machine has seen: the machine's hash is then of another chain, and it
takes every skill again.
"""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime

import sqlalchemy as sa

from hivemind.store import schema
from hivemind.store.database import Workspace

#: The chain before the first change.
GENESIS = "0" * 64


@dataclass(frozen=True, slots=True)
class Cursor:
    """Name a point in the order of changes."""

    number: int = 0
    chain: str = GENESIS


def note(workspace: Workspace, skill_id: str) -> None:
    """Number a change of a skill; the transaction writes alone, so that numbers have no gap."""
    last, now = latest(workspace), datetime.now(UTC)
    # Random: two servers restored from one backup must not go on alike.
    said = f"{last.chain} {last.number + 1} {skill_id} {secrets.token_hex(8)}"
    workspace.execute(
        schema.changes.insert().values(
            workspace_id=workspace.workspace_id,
            number=last.number + 1,
            chain=hashlib.sha256(said.encode()).hexdigest(),
            skill_id=skill_id,
            at=now,
        )
    )


def latest(workspace: Workspace) -> Cursor:
    """Give the newest change."""
    t = schema.changes
    row = workspace.execute(
        sa.select(t.c.number, t.c.chain)
        .where(t.c.workspace_id == workspace.workspace_id)
        .order_by(t.c.number.desc())
        .limit(1)
    ).first()
    return Cursor(row.number, row.chain) if row else Cursor()


def follows(workspace: Workspace, cursor: Cursor) -> bool:
    """Say whether the cursor is a point of this workspace's own chain."""
    if cursor.number == 0:
        return cursor.chain == GENESIS
    t = schema.changes
    query = sa.select(t.c.chain).where(
        t.c.workspace_id == workspace.workspace_id, t.c.number == cursor.number
    )
    return workspace.execute(query).scalar() == cursor.chain


def since(workspace: Workspace, cursor: Cursor, *, limit: int) -> list[tuple[str, Cursor]]:
    """Give the skills that changed after a cursor, each once by its newest change, the earliest first."""
    t = schema.changes
    newest = (
        sa.select(t.c.skill_id, sa.func.max(t.c.number).label("number"))
        .where(t.c.workspace_id == workspace.workspace_id, t.c.number > cursor.number)
        .group_by(t.c.skill_id)
        .subquery()
    )
    rows = workspace.execute(
        sa.select(t.c.skill_id, t.c.number, t.c.chain)
        .join(newest, t.c.number == newest.c.number)
        .where(t.c.workspace_id == workspace.workspace_id)
        .order_by(t.c.number)
        .limit(limit)
    )
    return [(row.skill_id, Cursor(row.number, row.chain)) for row in rows]
