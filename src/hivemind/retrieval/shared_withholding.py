"""Say which skills a session is given on any database, for a server, by the rules of `withholding`."""

from collections.abc import Collection

import sqlalchemy as sa

from hivemind.retrieval import withholding
from hivemind.retrieval.withholding import GIVEN, WITHHELD, Assignment
from hivemind.store import schema
from hivemind.store.database import Workspace


def assign(
    workspace: Workspace, *, session_id: str, agent: str, skill_ids: Collection[str]
) -> dict[str, Assignment]:
    """Give each skill's arm and share; a session without an id is given everything."""
    ids = sorted(set(skill_ids))
    shares = _shares(workspace, ids) if session_id and ids else {}
    if not any(share > 0 for by_model in shares.values() for share in by_model.values()):
        return dict.fromkeys(ids, (GIVEN, 0.0))
    return withholding.drawn(
        ids,
        session_id=session_id,
        model=_model_of(workspace, session_id=session_id, agent=agent),
        shares=shares,
        decided=_decided(workspace, session_id, ids),
    )


def _shares(workspace: Workspace, ids: list[str]) -> dict[str, dict[str, float]]:
    t = schema.holdouts
    rows = workspace.execute(
        sa.select(t.c.skill_id, t.c.request_model, t.c.share).where(
            t.c.workspace_id == workspace.workspace_id, t.c.skill_id.in_(ids)
        )
    )
    found: dict[str, dict[str, float]] = {}
    for row in rows:
        found.setdefault(row.skill_id, {})[row.request_model] = row.share
    return found


def _decided(workspace: Workspace, session_id: str, ids: list[str]) -> dict[str, Assignment]:
    """Give what was decided first; a file read or a tool's use was no decision of ours."""
    t = schema.offers
    rows = workspace.execute(
        sa.select(t.c.skill_id, t.c.arm, t.c.share)
        .where(t.c.workspace_id == workspace.workspace_id, t.c.session_id == session_id)
        .where(t.c.skill_id.in_(ids))
        .where(sa.or_(t.c.channel == "prompt", t.c.arm == WITHHELD, t.c.share > 0))
        .order_by(t.c.at.desc(), t.c.offer_id.desc())
    )
    return {row.skill_id: (row.arm, row.share) for row in rows}


def _model_of(workspace: Workspace, *, session_id: str, agent: str) -> str:
    """Give a session's model; before its first answer, the one that the agent used last."""
    t = schema.sessions
    here = t.c.workspace_id == workspace.workspace_id
    known = sa.select(t.c.request_model).where(here, t.c.session_id == session_id)
    latest = (
        sa.select(t.c.request_model)
        .where(here, t.c.agent == agent, t.c.request_model != "")
        .order_by(schema.latest(t.c.ended_at))
        .limit(1)
    )
    return workspace.execute(known).scalar() or workspace.execute(latest).scalar() or ""
