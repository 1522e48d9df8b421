"""Who belongs to the team: invite, change what somebody may do, remove."""

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Form
from fastapi.responses import Response

from hivemind.domain.accounts import Role
from hivemind.server.access import joining
from hivemind.server.pages.asking import PageRoute, Sent
from hivemind.server.pages.settings import require_team, show
from hivemind.store import accounts

router = APIRouter(route_class=PageRoute)


@router.post("/people/invite")
def invite(
    page: Sent,
    role: Annotated[Role, Form()],
    name: Annotated[str, Form()] = "",
    email: Annotated[str, Form()] = "",
) -> Response:
    """Make an invitation; its link is shown this once."""
    require_team(page)
    page.viewer.require(Role.ADMIN)
    with page.site.database.write(page.viewer.workspace_id) as workspace:
        _, text = joining.invite(
            workspace, role=role, invited_by=page.viewer.person_id, name=" ".join(name.split()), email=email
        )
        page.note(workspace, "member.invite", name, role=role.value)
    base = page.site.base_url or str(page.request.base_url)
    link = f"{base.rstrip('/')}/invite/{text}"
    return show(page, secret={"kind": "invitation", "text": link, "name": name or "somebody"})


@router.post("/people/{person_id}/role")
def change_role(page: Sent, person_id: str, role: Annotated[Role, Form()]) -> Response:
    """Give a member another role."""
    require_team(page)
    page.viewer.require(Role.ADMIN)
    with page.site.database.write(page.viewer.workspace_id) as workspace:
        accounts.change_member(workspace, person_id, role=role, at=datetime.now(UTC))
        page.note(workspace, "member.role", person_id, role=role.value)
    return page.back_to("/settings", saved="role")


@router.post("/people/{person_id}/remove")
def remove(page: Sent, person_id: str) -> Response:
    """Remove a member; their tokens are dead at once."""
    require_team(page)
    page.viewer.require(Role.ADMIN)
    with page.site.database.write(page.viewer.workspace_id) as workspace:
        accounts.change_member(workspace, person_id, role=None, at=datetime.now(UTC))
        page.note(workspace, "member.remove", person_id)
    return page.back_to("/settings", saved="person")
