"""Write and read how far each transcript has been read."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from hivemind.errors import HivemindError
from hivemind.store import bulk, schema
from hivemind.store.database import Workspace


class ContendedError(HivemindError):
    """Report that another process read the same transcript meanwhile: read on from where it stopped."""


def contended(message: str) -> ContendedError:
    """Make the error that says so of something."""
    hint = "nothing is lost: the next read goes on from where the other stopped"
    return ContendedError("transcript-contended", message, hint=hint)


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """Say how far a transcript has been read."""

    path: str
    agent: str
    session_id: str = ""
    offset_bytes: int = 0
    read_hash: str = ""
    lines: int = 0
    bad_lines: int = 0
    reader_state: dict[str, Any] | None = None
    problem: str = ""


def of(workspace: Workspace, path: str) -> Position | None:
    """Give how far a transcript has been read, None where it never was."""
    t = schema.transcripts
    row = workspace.execute(
        sa.select(t).where(t.c.workspace_id == workspace.workspace_id, t.c.path == path)
    ).first()
    return _position(row) if row else None


def kept_elsewhere(workspace: Workspace) -> dict[str, str]:
    """Give the transcripts that another workspace keeps, with its name: a session is in one only."""
    t = schema.transcripts
    rows = workspace.execute(
        sa.select(t.c.path, t.c.workspace_id).where(t.c.workspace_id != workspace.workspace_id)
    )
    return {row.path: row.workspace_id for row in rows}


def listed(workspace: Workspace) -> list[Position]:
    """Give how far each known transcript has been read."""
    t = schema.transcripts
    rows = workspace.execute(
        sa.select(t).where(t.c.workspace_id == workspace.workspace_id).order_by(t.c.path)
    )
    return [_position(row) for row in rows]


def _position(row: Any) -> Position:
    names = Position.__dataclass_fields__
    return Position(**{name: value for name, value in row._mapping.items() if name in names})


def put(workspace: Workspace, new: Position, *, was: Position | None) -> None:
    """Record how far a transcript has been read; raise where another process read it meanwhile."""
    values = {name: getattr(new, name) for name in Position.__dataclass_fields__}
    values["read_at"] = datetime.now(UTC)
    if was is None:
        is_ours = bulk.put_new(workspace, schema.transcripts, values)
    else:
        t = schema.transcripts
        here = (t.c.workspace_id == workspace.workspace_id, t.c.path == new.path)
        place = (t.c.offset_bytes == was.offset_bytes, t.c.read_hash == was.read_hash, t.c.lines == was.lines)
        is_ours = workspace.execute(t.update().where(*here, *place).values(**values)).rowcount == 1
    if not is_ours:
        raise contended(f"{new.path} was read by another process at the same time")
