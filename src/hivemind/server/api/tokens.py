"""`/tokens`: what a person's machines and programs are let in with."""

from datetime import UTC, datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Path, Response
from pydantic import BaseModel, Field

from hivemind.domain.accounts import Role, Scope, Token, TokenKind
from hivemind.errors import HivemindError
from hivemind.server.access.team import SCOPES, scopes_of
from hivemind.server.access.viewer import Viewer
from hivemind.server.api.asking import Reader, TheSite, note
from hivemind.server.api.shapes import Asked, Line, Page
from hivemind.store import accounts
from hivemind.store.database import Workspace

router = APIRouter(tags=["tokens"])
TokenId = Annotated[Line, Path(max_length=40)]
_KINDS = (TokenKind.API, TokenKind.BROWSER)


class NewToken(Asked):
    """What a token is for; its role and its scopes are yours at most."""

    name: Line = ""
    role: Role | None = None
    scopes: Annotated[list[Scope], Field(min_length=1, max_length=len(Scope))] | None = None
    days: Annotated[int, Field(ge=1, le=730, description="that it is good for")] = 365


class TokenShown(BaseModel):
    """A token, without its secret."""

    token_id: str
    kind: TokenKind
    name: str
    role: Role
    scopes: list[Scope]
    created_at: datetime
    expires_at: datetime
    used_at: datetime | None
    revoked_at: datetime | None


class MadeToken(TokenShown):
    """A new token; its text is shown this once."""

    token: str


@router.get("/tokens")
def list_tokens(viewer: Reader, site: TheSite) -> Page[TokenShown]:
    """List your tokens and browser sessions, the newest first, those that are over included.

    `role` is what a token may do now: never more than you.
    """
    with site.database.read(viewer.space(Scope.TEAM)) as workspace:
        held = accounts.tokens(workspace, person_id=viewer.person_id, kinds=_KINDS)
        found = accounts.in_effect(workspace, held)
    return Page(items=[_shown(one) for one in found])


@router.post("/tokens", status_code=201)
def make_token(body: NewToken, viewer: Reader, site: TheSite) -> MadeToken:
    """Make a token that may do no more than you."""
    role = body.role or viewer.role
    viewer.require(role)
    scopes = body.scopes or list(viewer.scopes)
    for scope in scopes:
        viewer.space(scope)
    with site.database.write(viewer.space(Scope.TEAM), alone=False) as workspace:
        return _made(
            workspace, viewer, role=role, scopes=scopes, lifetime=timedelta(days=body.days), name=body.name
        )


@router.delete("/tokens/{token_id}", status_code=204)
def revoke_token(token_id: TokenId, viewer: Reader, site: TheSite) -> Response:
    """Revoke a token of yours, or as an admin anybody's: whoever holds it is let in no more, at once."""
    with site.database.write(viewer.space(Scope.TEAM)) as workspace:
        _require_known(workspace, viewer, token_id, is_any=viewer.role is Role.ADMIN)
        accounts.revoke(workspace, at=datetime.now(UTC), token_id=token_id)
        note(workspace, viewer, "token.revoke", token_id)
    return Response(status_code=204)


@router.post("/tokens/{token_id}/rotate", status_code=201)
def rotate_token(token_id: TokenId, viewer: Reader, site: TheSite) -> MadeToken:
    """Put a new secret in the place of one of your API tokens; the old one is dead at once."""
    with site.database.write(viewer.space(Scope.TEAM)) as workspace:
        old = _require_known(workspace, viewer, token_id, is_any=False)
        if old.kind is not TokenKind.API:
            raise _unknown(token_id)
        # Whoever holds a small token must not come by a greater one of the same person.
        viewer.require(old.role)
        for scope in scopes_of(old):
            viewer.space(scope)
        accounts.revoke(workspace, at=datetime.now(UTC), token_id=token_id)
        note(workspace, viewer, "token.revoke", token_id, detail={"how": "rotate"})
        return _made(
            workspace,
            viewer,
            role=old.role,
            scopes=list(scopes_of(old)),
            lifetime=old.expires_at - old.created_at,
            name=old.name,
        )


def _made(
    workspace: Workspace, viewer: Viewer, *, role: Role, scopes: list[Scope], lifetime: timedelta, name: str
) -> MadeToken:
    token, text = accounts.new_token(
        workspace,
        kind=TokenKind.API,
        person_id=viewer.person_id,
        role=role,
        lifetime=lifetime,
        name=name,
        data={SCOPES: [scope.value for scope in scopes]},
    )
    note(workspace, viewer, "token.create", token.token_id, detail={"role": role.value, "name": token.name})
    return MadeToken(**_shown(token).model_dump(), token=text)


def _require_known(workspace: Workspace, viewer: Viewer, token_id: str, *, is_any: bool) -> Token:
    person_id = None if is_any else viewer.person_id
    for one in accounts.tokens(workspace, person_id=person_id, kinds=_KINDS):
        if one.token_id == token_id and one.revoked_at is None:
            return one
    raise _unknown(token_id)


def _unknown(token_id: str) -> HivemindError:
    return HivemindError("token-unknown", f"{token_id!r} is no token of yours", hint="`GET` lists them")


def _shown(token: Token) -> TokenShown:
    return TokenShown(
        token_id=token.token_id,
        kind=token.kind,
        name=token.name,
        role=token.role,
        scopes=list(scopes_of(token)),
        created_at=token.created_at,
        expires_at=token.expires_at,
        used_at=token.used_at,
        revoked_at=token.revoked_at,
    )
