"""Write and read proposals: versions of a skill that wait for a reviewer."""

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa

from hivemind.errors import HivemindError
from hivemind.store import schema
from hivemind.store.database import Workspace


class ProposalState(StrEnum):
    """Name what became of a proposal; the value is what `proposals.state` holds."""

    OPEN = "open"
    ACCEPTED = "accepted"
    DECLINED = "declined"


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """Hold a version that somebody proposes, and the version that they had edited."""

    proposal_id: str
    skill_id: str
    version: int
    base_version: int
    person_id: str
    state: ProposalState
    at: datetime
    decided_at: datetime | None = None


def insert(workspace: Workspace, new: Proposal) -> None:
    """Store a proposal."""
    values = {name: getattr(new, name) for name in Proposal.__dataclass_fields__}
    values["state"] = new.state.value
    workspace.execute(schema.proposals.insert().values(workspace_id=workspace.workspace_id, **values))


def listed(workspace: Workspace, *, skill_id: str = "", state: ProposalState | None = None) -> list[Proposal]:
    """Give proposals, the earliest first."""
    t = schema.proposals
    query = sa.select(t).where(t.c.workspace_id == workspace.workspace_id)
    if skill_id:
        query = query.where(t.c.skill_id == skill_id)
    if state is not None:
        query = query.where(t.c.state == state.value)
    rows = workspace.execute(query.order_by(t.c.at, t.c.proposal_id))
    return [_proposal(row) for row in rows]


def by_id(workspace: Workspace, proposal_id: str) -> Proposal:
    """Give a proposal; raise where there is none."""
    found = [one for one in listed(workspace) if one.proposal_id == proposal_id]
    if not found:
        raise HivemindError(
            "proposal-unknown", f"{proposal_id!r} is no proposal here", hint="list the skill's proposals"
        )
    return found[0]


def decide(workspace: Workspace, proposal_id: str, state: ProposalState) -> None:
    """Note what became of a proposal."""
    t = schema.proposals
    workspace.execute(
        t.update()
        .where(t.c.workspace_id == workspace.workspace_id, t.c.proposal_id == proposal_id)
        .values(state=state.value, decided_at=datetime.now(UTC))
    )


def _proposal(row: Any) -> Proposal:
    values = {name: row._mapping[name] for name in Proposal.__dataclass_fields__}
    return Proposal(**{**values, "state": ProposalState(row.state)})
