"""Decide on what people propose: each a version of a skill beside the one in use."""

from fastapi import APIRouter
from fastapi.responses import Response

from hivemind.domain.accounts import Role
from hivemind.library import proposing
from hivemind.server.pages import figures
from hivemind.server.pages.asking import PageRoute, Sent
from hivemind.store import proposals

router = APIRouter(route_class=PageRoute)


@router.post("/proposals/{proposal_id}/accept")
def accept(page: Sent, proposal_id: str) -> Response:
    """Make a proposed version the current one."""
    page.require(Role.REVIEWER)
    with page.write("proposal.accept", proposal_id) as workspace:
        proposal = proposals.by_id(workspace, proposal_id)
        proposing.accept(workspace, proposal, actor=page.viewer.actor)
    figures.decided(page, proposal.skill_id)
    return page.back_to(f"/review/{proposal.skill_id}")


@router.post("/proposals/{proposal_id}/decline")
def decline(page: Sent, proposal_id: str) -> Response:
    """Turn a proposed version down; it is kept."""
    page.require(Role.REVIEWER)
    with page.write("proposal.decline", proposal_id) as workspace:
        proposal = proposals.by_id(workspace, proposal_id)
        proposing.decline(workspace, proposal)
    figures.decided(page, proposal.skill_id)
    return page.back_to(f"/review/{proposal.skill_id}")
