"""Tell a project's people, in one line and once, which skills were learnt since they were last told."""

from collections.abc import Sequence
from datetime import UTC, datetime

import sqlalchemy as sa

from hivemind.domain.skills import LIVE_STATES, SkillState
from hivemind.store import schema
from hivemind.store.database import Workspace

#: Names that the line lists; the rest is counted.
MAX_NAMES = 3


def due(workspace: Workspace, project_id: str) -> str:
    """Give the line, empty where there is nothing new."""
    parts = []
    if learnt := _new(workspace, project_id, states=LIVE_STATES):
        what = "a new skill" if len(learnt) == 1 else f"{len(learnt)} new skills"
        parts.append(
            f"Hivemind learnt {what} for this project: {_shown(learnt)}. See `hivemind skills list`."
        )
    if waiting := _new(workspace, project_id, states=(SkillState.CANDIDATE,)):
        verb = "waits" if len(waiting) == 1 else "wait"
        parts.append(f"{_shown(waiting)} {verb} for your approval: `hivemind skills approve NAME`.")
    return " ".join(parts)


def _shown(names: list[str]) -> str:
    more = f" and {len(names) - MAX_NAMES} more" if len(names) > MAX_NAMES else ""
    return ", ".join(names[:MAX_NAMES]) + more


def _new(workspace: Workspace, project_id: str, *, states: Sequence[SkillState]) -> list[str]:
    s, p = schema.skills, schema.projects
    return list(
        workspace.execute(
            sa.select(s.c.name)
            .join(p, sa.and_(p.c.workspace_id == s.c.workspace_id, p.c.project_id == s.c.project_id))
            .where(s.c.workspace_id == workspace.workspace_id, s.c.project_id == project_id)
            .where(s.c.state.in_([state.value for state in states]))
            .where(sa.or_(p.c.noticed_at.is_(None), s.c.created_at > p.c.noticed_at))
            .order_by(s.c.created_at, s.c.name)
        ).scalars()
    )


def mark(workspace: Workspace, project_id: str) -> None:
    """Remember that the project's people have been told."""
    p = schema.projects
    workspace.execute(
        p.update()
        .where(p.c.workspace_id == workspace.workspace_id, p.c.project_id == project_id)
        .values(noticed_at=datetime.now(UTC))
    )
