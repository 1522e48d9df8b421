"""Versions of skills that people propose: each waits beside the one in use until a reviewer decides."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from hivemind.domain.skills import SkillDocument
from hivemind.errors import HivemindError
from hivemind.library import lifecycle
from hivemind.store import schema
from hivemind.store import skills as store
from hivemind.store.database import Workspace

OPEN, ACCEPTED, DECLINED = "open", "accepted", "declined"


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """Hold a version that waits for a reviewer."""

    proposal_id: str
    skill_id: str
    name: str  #: of the skill
    version: int
    base_version: int
    person: str
    at: datetime
    document: SkillDocument


def waiting(workspace: Workspace, *, skill_id: str = "") -> list[Proposal]:
    """Give the open proposals, the first made first; of one skill where it is named."""
    p, s, m = schema.proposals, schema.skills, schema.members
    query = (
        sa.select(p, s.c.name, sa.func.coalesce(m.c.name, "").label("person"))
        .join(s, sa.and_(s.c.workspace_id == p.c.workspace_id, s.c.skill_id == p.c.skill_id))
        .outerjoin(m, sa.and_(m.c.workspace_id == p.c.workspace_id, m.c.person_id == p.c.person_id))
        .where(p.c.workspace_id == workspace.workspace_id, p.c.state == OPEN)
        .order_by(p.c.at, p.c.proposal_id)
    )
    if skill_id:
        query = query.where(p.c.skill_id == skill_id)
    return [_proposal(workspace, row) for row in workspace.execute(query)]


def _proposal(workspace: Workspace, row: Any) -> Proposal:
    return Proposal(
        proposal_id=row.proposal_id,
        skill_id=row.skill_id,
        name=row.name,
        version=row.version,
        base_version=row.base_version,
        person=row.person or row.person_id,
        at=row.at,
        document=store.version_of(workspace, row.skill_id, version=row.version).document,
    )


def accept(workspace: Workspace, proposal_id: str, *, actor: str) -> str:
    """Make a proposed version the current one; give its skill."""
    row = _settle(workspace, proposal_id, state=ACCEPTED)
    lifecycle.switch(
        workspace, row.skill_id, version=row.version, actor=actor, reason=f"proposal {proposal_id} accepted"
    )
    return str(row.skill_id)


def decline(workspace: Workspace, proposal_id: str, *, actor: str) -> str:
    """Turn a proposal down; its version stays in the history. Give its skill."""
    row = _settle(workspace, proposal_id, state=DECLINED)
    lifecycle.keep(workspace, row.skill_id, actor=actor, reason=f"proposal {proposal_id} declined")
    return str(row.skill_id)


def _settle(workspace: Workspace, proposal_id: str, *, state: str) -> Any:
    p = schema.proposals
    here = sa.and_(p.c.workspace_id == workspace.workspace_id, p.c.proposal_id == proposal_id)
    row = workspace.execute(sa.select(p).where(here)).first()
    if row is None or row.state != OPEN:
        raise HivemindError(
            "proposal-settled",
            "this proposal is not open any more" if row else "there is no such proposal",
            hint="the skill's page shows what became of it",
        )
    workspace.execute(p.update().where(here).values(state=state, decided_at=datetime.now(UTC)))
    return row
