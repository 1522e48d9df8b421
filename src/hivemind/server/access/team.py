"""Let the members of a team in, by tokens that the database knows."""

from collections.abc import Sequence
from datetime import UTC, datetime

from hivemind.domain.accounts import Token, TokenKind
from hivemind.server.access.viewer import Viewer
from hivemind.store import accounts
from hivemind.store.database import Database, Workspace

API_KINDS = (TokenKind.API,)
PAGE_KINDS = (TokenKind.BROWSER,)


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
        token_id=token.token_id,
        kind=token.kind,
    )
