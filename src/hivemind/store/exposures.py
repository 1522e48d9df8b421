"""Record which skill version was shown to which session."""

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime

import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import insert

from hivemind.store import schema
from hivemind.store.database import Workspace


def record(
    workspace: Workspace, *, session_id: str, agent: str, channel: str, shown: Sequence[tuple[str, int]]
) -> None:
    """Store that skills, given as (skill id, version), were shown to a session through a channel."""
    for skill_id, version in shown:
        key = hashlib.blake2b(
            f"{session_id}\0{skill_id}\0{version}\0{channel}".encode(), digest_size=12
        ).hexdigest()
        workspace.execute(
            insert(schema.exposures)
            .values(
                workspace_id=workspace.workspace_id,
                exposure_id="x" + key,
                session_id=session_id,
                skill_id=skill_id,
                version=version,
                channel=channel,
                agent=agent,
                at=datetime.now(UTC),
            )
            .on_conflict_do_nothing()
        )


def shown_to(workspace: Workspace, session_id: str, *, channel: str) -> frozenset[str]:
    """Give the ids of the skills that a session was shown through a channel."""
    t = schema.exposures
    return frozenset(
        workspace.execute(
            sa.select(t.c.skill_id).where(
                t.c.workspace_id == workspace.workspace_id,
                t.c.session_id == session_id,
                t.c.channel == channel,
            )
        ).scalars()
    )


def total(workspace: Workspace) -> int:
    """Count the exposures of the workspace."""
    t = schema.exposures
    counted = sa.select(sa.func.count()).select_from(t).where(t.c.workspace_id == workspace.workspace_id)
    return int(workspace.execute(counted).scalar_one())
