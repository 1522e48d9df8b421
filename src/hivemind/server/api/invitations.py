"""`/invitations`: links that let one person in, once."""

from datetime import UTC, datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Path, Request, Response
from pydantic import BaseModel, Field

from hivemind.domain.accounts import Role, Scope, Token, TokenKind
from hivemind.errors import HivemindError
from hivemind.server.access import joining
from hivemind.server.api.asking import Admin, TheSite, note
from hivemind.server.api.shapes import Asked, Line, Page
from hivemind.server.site import Site
from hivemind.store import accounts

router = APIRouter(tags=["people"])
TokenId = Annotated[Line, Path(max_length=40)]


class NewInvitation(Asked):
    """Whom to invite."""

    role: Role
    name: Line = ""
    email: Line = ""
    days: Annotated[int, Field(ge=1, le=90, description="that it is good for")] = joining.INVITATION.days


class Invitation(BaseModel):
    """An invitation that nobody has used yet."""

    invitation_id: str
    role: Role
    name: str
    email: str
    invited_by: str
    created_at: datetime
    expires_at: datetime


class MadeInvitation(Invitation):
    """A new invitation; its link is shown this once."""

    link: str


@router.get("/invitations")
def list_invitations(viewer: Admin, site: TheSite) -> Page[Invitation]:
    """List the invitations that can still be used, the newest first."""
    with site.database.read(viewer.space(Scope.TEAM)) as workspace:
        found = accounts.tokens(workspace, kinds=(TokenKind.INVITE,))
    now = datetime.now(UTC)
    return Page(items=[_shown(one) for one in found if one.revoked_at is None and one.expires_at > now])


@router.post("/invitations", status_code=201)
def invite(body: NewInvitation, viewer: Admin, site: TheSite, request: Request) -> MadeInvitation:
    """Make a link that lets one person in, once."""
    with site.database.write(viewer.space(Scope.TEAM), alone=False) as workspace:
        token, text = joining.invite(
            workspace,
            role=body.role,
            invited_by=viewer.person_id,
            name=body.name,
            email=body.email,
            lifetime=timedelta(days=body.days),
        )
        note(workspace, viewer, "member.invite", token.token_id, detail={"role": body.role.value})
    return MadeInvitation(**_shown(token).model_dump(), link=link_of(request, site, text))


@router.delete("/invitations/{invitation_id}", status_code=204)
def withdraw(invitation_id: TokenId, viewer: Admin, site: TheSite) -> Response:
    """Withdraw an invitation."""
    with site.database.write(viewer.space(Scope.TEAM)) as workspace:
        known = {one.token_id for one in accounts.tokens(workspace, kinds=(TokenKind.INVITE,))}
        if invitation_id not in known or not accounts.revoke(
            workspace, at=datetime.now(UTC), token_id=invitation_id
        ):
            raise HivemindError(
                "token-unknown", f"{invitation_id!r} is no open invitation", hint="`GET` lists them"
            )
        note(workspace, viewer, "token.revoke", invitation_id, detail={"kind": "invite"})
    return Response(status_code=204)


def link_of(request: Request, site: Site, text: str) -> str:
    """Give the address at which an invitation is accepted."""
    return f"{site.base_url or str(request.base_url).rstrip('/')}/invite/{text}"


def _shown(token: Token) -> Invitation:
    return Invitation(
        invitation_id=token.token_id,
        role=token.role,
        name=token.name,
        email=str(token.data.get("email", "")),
        invited_by=str(token.data.get("invited_by", "")),
        created_at=token.created_at,
        expires_at=token.expires_at,
    )
