"""What a person should look at again in skills, and why."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

import sqlalchemy as sa

from hivemind.store import bulk, schema
from hivemind.store.database import Workspace


class FlagKind(StrEnum):
    """Name the reasons to look again; the value is what `flags.kind` holds."""

    STALE = "stale"  #: what it names is gone or fails
    HARM = "harm"  #: work with it went worse than without it
    UNUSED = "unused"  #: nobody was given it for long


@dataclass(frozen=True, slots=True, kw_only=True)
class Flag:
    """Hold one reason to look again at a skill."""

    skill_id: str
    kind: FlagKind
    message: str
    at: datetime  #: when it was first seen


def listed(workspace: Workspace, *, kind: FlagKind | None = None) -> list[Flag]:
    """Give the flags, the latest first."""
    t = schema.flags
    query = sa.select(t).where(t.c.workspace_id == workspace.workspace_id)
    if kind is not None:
        query = query.where(t.c.kind == kind.value)
    rows = workspace.execute(query.order_by(t.c.at.desc(), t.c.skill_id, t.c.kind))
    return [
        Flag(skill_id=row.skill_id, kind=FlagKind(row.kind), message=row.message, at=row.at) for row in rows
    ]


def raise_one(workspace: Workspace, skill_id: str, kind: FlagKind, *, message: str, at: datetime) -> None:
    """Flag a skill; one that is flagged so already keeps the time at which it was."""
    t = schema.flags
    held = workspace.execute(
        sa.select(t.c.at).where(
            t.c.workspace_id == workspace.workspace_id, t.c.skill_id == skill_id, t.c.kind == kind.value
        )
    ).scalar()
    values = {"skill_id": skill_id, "kind": kind.value, "message": message, "at": held or at}
    bulk.put(workspace, t, values)


def clear(workspace: Workspace, skill_id: str, *kinds: FlagKind) -> None:
    """Take flags off a skill, all of them where none is named."""
    t = schema.flags
    here = sa.and_(t.c.workspace_id == workspace.workspace_id, t.c.skill_id == skill_id)
    if kinds:
        here = sa.and_(here, t.c.kind.in_([kind.value for kind in kinds]))
    workspace.execute(t.delete().where(here))


def replace(workspace: Workspace, kind: FlagKind, found: Mapping[str, str], *, at: datetime) -> bool:
    """Make the flags of a kind be exactly these messages by skill; say whether that changed any."""
    held = {flag.skill_id: flag for flag in listed(workspace, kind=kind)}
    for skill_id in held.keys() - found.keys():
        clear(workspace, skill_id, kind)
    for skill_id, message in found.items():
        if skill_id not in held or held[skill_id].message != message:
            raise_one(workspace, skill_id, kind, message=message, at=at)
    return {skill_id: flag.message for skill_id, flag in held.items()} != dict(found)
