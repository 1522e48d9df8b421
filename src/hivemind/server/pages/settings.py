"""`/settings`: settings of this machine or of the team, one's own tokens, and what is redacted."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Form
from fastapi.responses import Response

from hivemind.capture.redaction.rules import built_in
from hivemind.capture.redaction.user_rules import user_rules
from hivemind.config import SETTINGS
from hivemind.domain.accounts import Role, TokenKind
from hivemind.errors import HivemindError
from hivemind.library import team_settings
from hivemind.library.rules import POLICIES
from hivemind.library.team_settings import TeamSettings
from hivemind.server.pages import figures
from hivemind.server.pages.asking import Asked, Page, PageRoute, Sent
from hivemind.server.pages.rendering import render
from hivemind.store import accounts

router = APIRouter(route_class=PageRoute)
TOKEN_DAYS = (30, 90, 365)
_KINDS = (TokenKind.API, TokenKind.BROWSER)


@router.get("/settings")
def shown(page: Page, saved: str = "") -> Response:
    """Show settings and tokens."""
    return show(page, saved=saved)


def show(page: Asked, *, saved: str = "", status: int = 200, **more: Any) -> Response:
    """Show the page, perhaps with a secret that is shown once, or with what was wrong."""
    now = datetime.now(UTC)
    people, tokens, invitations = [], [], []
    team = TeamSettings()
    if not page.site.is_local:
        with page.site.database.read(page.viewer.workspace_id) as workspace:
            people = accounts.members(workspace)
            team = team_settings.of(workspace)
            held = accounts.tokens(workspace, person_id=page.viewer.person_id, kinds=_KINDS)
            tokens = [one for one in held if one.revoked_at is None and one.expires_at > now]
            if page.viewer.role is Role.ADMIN:
                invited = accounts.tokens(workspace, kinds=(TokenKind.INVITE,))
                invitations = [t for t in invited if t.revoked_at is None and t.expires_at > now]
    settings = page.site.machine.settings() if page.site.machine else page.site.settings
    values = {s.key: getattr(settings, s.key.replace(".", "_")) for s in SETTINGS}
    values_given: dict[str, Any] = {
        **dict.fromkeys(("secret", "problem", "draft", "tried", "confirm")),
        **more,
    }
    return render(
        page.request,
        "settings.html",
        page=page,
        status=status,
        saved=saved,
        rows=SETTINGS if page.site.is_local else (),
        team=team,
        own=settings,
        policies=POLICIES,
        max_days=team_settings.MAX_RETENTION_DAYS,
        values=values,
        written=written,
        people=people,
        tokens=tokens,
        invitations=invitations,
        names={member.person_id: member.name for member in people},
        roles=[role.value for role in Role],
        my_roles=[role.value for role in Role if page.viewer.role.covers(role)],
        token_days=TOKEN_DAYS,
        rules=_rules(page),
        **values_given,
    )


def written(value: Any) -> str:
    """Write a setting as it is given on the command line."""
    if isinstance(value, bool):
        return str(value).lower()
    return ", ".join(value) if isinstance(value, (tuple, list)) else str(value)


@router.post("/settings/change")
def change(page: Sent, key: Annotated[str, Form()], value: Annotated[str, Form()] = "") -> Response:
    """Change one setting of this machine."""
    page.require(Role.ADMIN)
    if page.site.machine is None or key not in {s.key for s in SETTINGS}:
        raise HivemindError("config-unknown", f"{key!r} is not a setting here", hint="see the settings page")
    try:
        page.site.machine.change(key, value.strip())
    except HivemindError as error:
        return show(page, status=422, problem=(key, error))
    figures.decided(page)
    return page.back_to("/settings", saved=key)


@router.post("/settings/tokens")
def make_token(
    page: Sent,
    name: Annotated[str, Form()],
    role: Annotated[Role, Form()],
    days: Annotated[int, Form()] = 90,
) -> Response:
    """Make a token of one's own; it is shown this once."""
    require_team(page)
    page.viewer.require(role)
    if days not in TOKEN_DAYS:
        raise HivemindError("request-invalid", f"a token is for {TOKEN_DAYS} days", hint="choose one of them")
    with page.site.database.write(page.viewer.workspace_id) as workspace:
        token, text = accounts.new_token(
            workspace,
            kind=TokenKind.API,
            person_id=page.viewer.person_id,
            role=role,
            lifetime=timedelta(days=days),
            name=" ".join(name.split()) or "token",
        )
        page.note(workspace, "token.create", token.token_id, role=role.value)
    return show(page, secret={"kind": "token", "text": text, "name": token.name})


@router.post("/settings/tokens/{token_id}/revoke")
def revoke_token(page: Sent, token_id: str) -> Response:
    """Revoke a token of one's own, or as an admin anybody's."""
    require_team(page)
    with page.site.database.write(page.viewer.workspace_id) as workspace:
        mine = accounts.tokens(workspace, person_id=page.viewer.person_id)
        if token_id not in {token.token_id for token in mine}:
            page.viewer.require(Role.ADMIN)
        if not accounts.revoke(workspace, at=datetime.now(UTC), token_id=token_id):
            raise HivemindError(
                "token-unknown", "there is no such token", hint="the settings page lists them"
            )
        page.note(workspace, "token.revoke", token_id)
    return page.back_to("/settings", saved="token")


def require_team(page: Asked) -> None:
    """Raise on a machine's own pages, which have one user."""
    if page.site.is_local:
        raise HivemindError(
            "not-found", "this machine's own pages have no tokens", hint="a team's server has"
        )


def _rules(page: Asked) -> list[str]:
    own = user_rules(page.site.data) if page.site.data else ()
    return sorted({rule.id for rule in (*own, *built_in())})
