"""Keep which machines send to a server's workspace, and the key that the workspace signs with."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from hivemind.store import schema
from hivemind.store.database import Workspace


def receipt(workspace: Workspace, machine_id: str, *, person_id: str) -> int:
    """Give how many batches were taken from a person's machine."""
    t = schema.machines
    query = sa.select(t.c.receipt).where(
        t.c.workspace_id == workspace.workspace_id, t.c.machine_id == machine_id, t.c.person_id == person_id
    )
    return int(workspace.execute(query).scalar() or 0)


def count(workspace: Workspace, machine_id: str, *, person_id: str, label: str, agents: Sequence[str]) -> int:
    """Count a batch of a machine, in the transaction that stores it; gives how many there are by now."""
    _seen(workspace, machine_id, person_id=person_id)
    t = schema.machines
    here = sa.and_(t.c.workspace_id == workspace.workspace_id, t.c.machine_id == machine_id)
    values: dict[str, Any] = {"receipt": t.c.receipt + 1, "label": label, "agents": list(agents)}
    workspace.execute(t.update().where(here, t.c.person_id == person_id).values(**values, seen_at=_now()))
    return receipt(workspace, machine_id, person_id=person_id)


def note_pull(workspace: Workspace, machine_id: str, *, person_id: str, number: int) -> None:
    """Keep up to which change a machine has the skills."""
    _seen(workspace, machine_id, person_id=person_id)
    t = schema.machines
    here = sa.and_(t.c.workspace_id == workspace.workspace_id, t.c.machine_id == machine_id)
    workspace.execute(
        t.update().where(here, t.c.person_id == person_id).values(pulled=number, seen_at=_now())
    )


def _seen(workspace: Workspace, machine_id: str, *, person_id: str) -> None:
    t, new = schema.machines, {"machine_id": machine_id, "person_id": person_id}
    row = {**new, "label": "", "agents": [], "receipt": 0, "pulled": 0, "seen_at": _now()}
    statement = workspace.seam.insert(t).values(workspace_id=workspace.workspace_id, **row)
    workspace.execute(statement.on_conflict_do_nothing())


def key(workspace: Workspace) -> Any:
    """Give the workspace's key that is in use, None where it has none."""
    t = schema.keys
    query = (
        sa.select(t)
        .where(t.c.workspace_id == workspace.workspace_id, t.c.retired_at.is_(None))
        .order_by(t.c.created_at.desc(), t.c.key_id)
        .limit(1)
    )
    return workspace.execute(query).first()


def make_key(workspace: Workspace, new: Callable[[], tuple[str, str]]) -> Any:
    """Give the workspace's key, made of a public and a private half where it has none; writes alone."""
    held = key(workspace)
    if held is None:
        public, private = new()
        t = schema.keys
        before = sa.select(sa.func.count()).where(t.c.workspace_id == workspace.workspace_id)
        number = int(workspace.execute(before).scalar_one()) + 1
        workspace.execute(
            schema.keys.insert().values(
                workspace_id=workspace.workspace_id,
                key_id=f"k{number}",
                public=public,
                private=private,
                created_at=_now(),
            )
        )
        held = key(workspace)
    return held


def retire_key(workspace: Workspace) -> bool:
    """Have the workspace's key sign nothing more; the next one is made when it is asked for."""
    t = schema.keys
    here = (t.c.workspace_id == workspace.workspace_id, t.c.retired_at.is_(None))
    return workspace.execute(t.update().where(*here).values(retired_at=_now())).rowcount > 0


def _now() -> datetime:
    return datetime.now(UTC)
