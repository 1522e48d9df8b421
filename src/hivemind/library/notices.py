"""Tell a project's people, in one line and once, what was learnt or retired since they were last told."""

from collections.abc import Sequence
from datetime import UTC, datetime

import sqlalchemy as sa

from hivemind.domain.skills import LIVE_STATES, SkillState
from hivemind.store import schema
from hivemind.store.database import Workspace
from hivemind.store.flags import FlagKind

#: Names that the line lists; the rest is counted.
MAX_NAMES = 3
#: Skills that are looked up, at most: bound parameters of one statement.
MAX_FLAGGED = 900

#: As plain text: it is asked at each prompt, and to put it together takes longer than to answer it.
_LATEST = """
SELECT (SELECT coalesce(max(rowid), 0) FROM decisions), count(*), coalesce(max(at), '')
FROM flags WHERE workspace_id = ? AND kind = ?
"""


def latest(workspace: Workspace) -> tuple[int, int, str]:
    """Give what changes whenever something comes due; to find it takes no look at skills."""
    rows = workspace.connection.exec_driver_sql(_LATEST, (workspace.workspace_id, FlagKind.HARM.value))
    decided, count, at = rows.one()
    return int(decided), int(count), str(at)


def due(workspace: Workspace, project_id: str) -> str:
    """Give the line, empty where there is nothing new."""
    parts = []
    if learnt := _moved(workspace, project_id, states=LIVE_STATES):
        what = "a new skill" if len(learnt) == 1 else f"{len(learnt)} new skills"
        parts.append(
            f"Hivemind learnt {what} for this project: {_shown(learnt)}. See `hivemind skills list`."
        )
    if waiting := _moved(workspace, project_id, states=(SkillState.CANDIDATE,)):
        verb = "waits" if len(waiting) == 1 else "wait"
        parts.append(f"{_shown(waiting)} {verb} for more evidence or your approval: `hivemind review`.")
    if harmful := _flagged(workspace, project_id):
        which = "was" if len(harmful) == 1 else "were"
        parts.append(
            f"{_shown(harmful)} {which} retired: work with it went worse than without: `hivemind review`."
        )
    return " ".join(parts)


def _shown(names: list[str]) -> str:
    more = f" and {len(names) - MAX_NAMES} more" if len(names) > MAX_NAMES else ""
    return ", ".join(names[:MAX_NAMES]) + more


def _moved(workspace: Workspace, project_id: str, *, states: Sequence[SkillState]) -> list[str]:
    """Name the skills that a policy brought into these states since people were told."""
    s, p, d = schema.skills, schema.projects, schema.decisions
    values = [state.value for state in states]
    brought = (
        sa.select(d.c.decision_id)
        .where(d.c.workspace_id == s.c.workspace_id, d.c.skill_id == s.c.skill_id)
        .where(d.c.to_state.in_(values), d.c.from_state.not_in(values), ~d.c.actor.startswith("person:"))
        .where(sa.or_(p.c.noticed_at.is_(None), d.c.at > p.c.noticed_at))
        .exists()
    )
    return list(
        workspace.execute(
            sa.select(s.c.name)
            .join(p, sa.and_(p.c.workspace_id == s.c.workspace_id, p.c.project_id == s.c.project_id))
            .where(s.c.workspace_id == workspace.workspace_id, s.c.project_id == project_id)
            .where(s.c.state.in_(values), brought)
            .order_by(s.c.created_at, s.c.name)
        ).scalars()
    )


def _flagged(workspace: Workspace, project_id: str) -> list[str]:
    """Name the skills, also of every project, that were found to harm since people were told."""
    f, s, p = schema.flags, schema.skills, schema.projects
    # Flags first: they are few, however many skills there are.
    flagged = workspace.execute(
        sa.select(f.c.skill_id, f.c.at)
        .join(p, sa.and_(p.c.workspace_id == f.c.workspace_id, p.c.project_id == project_id))
        .where(f.c.workspace_id == workspace.workspace_id, f.c.kind == FlagKind.HARM.value)
        .where(sa.or_(p.c.noticed_at.is_(None), f.c.at > p.c.noticed_at))
    ).all()
    when = {row.skill_id: row.at for row in flagged[:MAX_FLAGGED]}
    if not when:
        return []
    named = workspace.execute(
        sa.select(s.c.skill_id, s.c.name)
        .where(s.c.workspace_id == workspace.workspace_id, s.c.skill_id.in_(list(when)))
        .where(s.c.project_id.in_(("", project_id)))
    )
    return [row.name for row in sorted(named, key=lambda row: (when[row.skill_id], row.name))]


def mark(workspace: Workspace, project_id: str) -> None:
    """Remember that the project's people have been told."""
    p = schema.projects
    workspace.execute(
        p.update()
        .where(p.c.workspace_id == workspace.workspace_id, p.c.project_id == project_id)
        .values(noticed_at=datetime.now(UTC))
    )
