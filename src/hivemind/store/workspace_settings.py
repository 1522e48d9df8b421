"""Write and read what a team's admins set for their workspace, so that every process of a server sees it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from hivemind.store import schema
from hivemind.store.database import Workspace

PUBLISH_POLICY, SHARE_POLICY = "publish.policy", "share.policy"
REDACTION_RULES = "redaction.rules"
RETENTION_DAYS = "retention.days"


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """Hold one setting with who set it last."""

    value: Any
    person_id: str
    at: datetime


def values(workspace: Workspace) -> dict[str, Held]:
    """Give what is set, by its key."""
    t = schema.workspace_settings
    rows = workspace.execute(sa.select(t).where(t.c.workspace_id == workspace.workspace_id))
    return {row.key: Held(value=row.value, person_id=row.person_id, at=row.at) for row in rows}


def value(workspace: Workspace, key: str) -> Any:
    """Give what a setting is set to; None where it is not."""
    t = schema.workspace_settings
    query = sa.select(t.c.value).where(t.c.workspace_id == workspace.workspace_id, t.c.key == key)
    return workspace.execute(query).scalar()


def put(workspace: Workspace, key: str, value: Any, *, person_id: str, at: datetime) -> None:
    """Set a setting; None is as the server has it."""
    t = schema.workspace_settings
    if value is None:
        here = (t.c.workspace_id == workspace.workspace_id, t.c.key == key)
        workspace.execute(t.delete().where(*here))
        return
    new = workspace.seam.insert(t).values(
        workspace_id=workspace.workspace_id, key=key, value=value, person_id=person_id, at=at
    )
    changed = {name: getattr(new.excluded, name) for name in ("value", "person_id", "at")}
    workspace.execute(new.on_conflict_do_update(index_elements=["workspace_id", "key"], set_=changed))


def workspaces_with(workspace: Workspace, key: str) -> list[str]:
    """Name the workspaces of the server in which a setting is set, for its worker alone."""
    t = schema.workspace_settings
    return sorted(workspace.execute(sa.select(t.c.workspace_id).where(t.c.key == key)).scalars())
