"""Let the members of a team in, by tokens that the database knows."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from fastapi import Request

from hivemind.domain.accounts import Scope, Token, TokenKind, bearer_of
from hivemind.server.access.viewer import Viewer
from hivemind.store import accounts
from hivemind.store.database import Database, Workspace

API_KINDS = (TokenKind.API,)
PAGE_KINDS = (TokenKind.BROWSER,)
#: The browser's; where it is https, with a prefix that keeps other hosts from setting it.
COOKIE = "hm_session"
SECURE_COOKIE = f"__Host-{COOKIE}"
#: Where a token's data names its scopes.
SCOPES = "scopes"


def cookie_name(base_url: str) -> str:
    """Name the cookie that holds a browser session of a server with this address."""
    return SECURE_COOKIE if base_url.startswith("https://") else COOKIE


@dataclass(frozen=True, slots=True, kw_only=True)
class TeamAccess:
    """Let in who sends a token: programs in the header Authorization, browsers in a cookie.

    The API never goes by the cookie, so no other site can have a browser call it.
    """

    database: Database
    base_url: str = ""

    def api_viewer(self, request: Request, /) -> Viewer | None:
        """Give who calls the API, None where nobody is let in."""
        token = bearer_of(request.headers.get("authorization", ""))
        return viewer_of(self.database, token, kinds=API_KINDS) if token else None

    def page_viewer(self, request: Request, /) -> Viewer | None:
        """Give who looks at the pages, None where nobody is let in."""
        text = request.cookies.get(cookie_name(self.base_url), "")
        return viewer_of(self.database, text, kinds=PAGE_KINDS)


def viewer_of(database: Database, text: str, *, kinds: Sequence[TokenKind] = API_KINDS) -> Viewer | None:
    """Give who holds a token, None where it lets nobody in; asked anew each time, so revoking is at once."""
    workspace_id = accounts.workspace_named(text)
    if not workspace_id:
        return None
    now = datetime.now(UTC)
    with database.read(workspace_id) as workspace:
        token = accounts.check(workspace, text, kinds=kinds, at=now)
        found = _viewer(workspace, token) if token else None
    if token and found and (token.used_at is None or now - token.used_at > accounts.USED_STEP):
        with database.write(workspace_id, alone=False) as workspace:
            accounts.note_use(workspace, token, at=now)
    return found


def _viewer(workspace: Workspace, token: Token) -> Viewer | None:
    member = accounts.member(workspace, token.person_id)
    if member is None:
        return None
    return Viewer(
        workspace_id=workspace.workspace_id,
        organisation=accounts.organisation_of(workspace),
        person_id=member.person_id,
        name=member.name,
        role=min(member.role, token.role, key=lambda role: role.rank),
        scopes=scopes_of(token),
        token_id=token.token_id,
        kind=token.kind,
    )


def scopes_of(token: Token) -> tuple[Scope, ...]:
    """Give the scopes that a token is good for: all, where none were named when it was made."""
    named = token.data.get(SCOPES)
    return tuple(scope for scope in Scope if named is None or scope.value in named)
