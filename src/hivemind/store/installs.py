"""Write and read which skill files in agents' folders are ours."""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from hivemind.store import bulk, schema
from hivemind.store.database import Workspace

#: `installs.intended_hash` while a file is being removed.
GONE = "gone"


@dataclass(frozen=True, slots=True, kw_only=True)
class Install:
    """Hold what is known of a skill file in an agent's folder."""

    path: str
    root: str
    agent: str
    skill_id: str
    version: int
    content_hash: str
    intended_hash: str = ""


def listed(workspace: Workspace) -> list[Install]:
    """Give every skill file that is known to be ours."""
    t = schema.installs
    rows = workspace.execute(
        sa.select(t).where(t.c.workspace_id == workspace.workspace_id).order_by(t.c.path)
    )
    return [_install(row) for row in rows]


def of(workspace: Workspace, path: Path) -> Install | None:
    """Give what is known of one path, None where it is not ours."""
    t = schema.installs
    row = workspace.execute(
        sa.select(t).where(t.c.workspace_id == workspace.workspace_id, t.c.path == str(path))
    ).first()
    return _install(row) if row else None


def _install(row: Any) -> Install:
    return Install(**{name: row._mapping[name] for name in Install.__dataclass_fields__})


def put(workspace: Workspace, new: Install) -> None:
    """Record what is known of a path."""
    values = {name: getattr(new, name) for name in Install.__dataclass_fields__}
    bulk.put(workspace, schema.installs, {**values, "written_at": datetime.now(UTC)})


def forget(workspace: Workspace, path: str) -> None:
    """Record that a path is no longer ours."""
    t = schema.installs
    workspace.execute(t.delete().where(t.c.workspace_id == workspace.workspace_id, t.c.path == path))
