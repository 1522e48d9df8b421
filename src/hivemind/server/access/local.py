"""Let the one user of a machine into its own pages: by an address that works once."""

import hmac
import secrets
from dataclasses import dataclass, field
from threading import Lock

from fastapi import Request

from hivemind.domain.accounts import Role, TokenKind
from hivemind.server.access.viewer import Viewer


@dataclass(slots=True, kw_only=True)
class LocalAccess:
    """Hold one run's address and the browser sessions that came of it; both are gone when the run ends."""

    workspace_id: str
    person: str  #: as the ledger names who decides, without `person:`
    cookie: str  #: of this run alone: cookies do not tell one port of a host from another
    _unopened: set[str] = field(default_factory=set)
    _sessions: set[str] = field(default_factory=set)
    _lock: Lock = field(default_factory=Lock)

    def new_link(self) -> str:
        """Make a token that opens the pages once."""
        token = secrets.token_urlsafe(32)
        with self._lock:
            self._unopened.add(token)
        return token

    def redeem(self, token: str) -> str | None:
        """Give a browser session for a token that was not used yet."""
        with self._lock:
            found = [one for one in self._unopened if hmac.compare_digest(one.encode(), token.encode())]
            if not found:
                return None
            self._unopened.difference_update(found)
            session = secrets.token_urlsafe(32)
            self._sessions.add(session)
            return session

    def end(self) -> None:
        """End every browser session."""
        with self._lock:
            self._sessions.clear()

    def api_viewer(self, _request: Request, /) -> Viewer | None:
        """Let nobody in: a machine's own pages have no API."""
        return None

    def page_viewer(self, request: Request, /) -> Viewer | None:
        """Give the user where the browser has a session of this run."""
        held = request.cookies.get(self.cookie, "").encode()
        with self._lock:
            is_known = any(hmac.compare_digest(one.encode(), held) for one in self._sessions)
        if not is_known:
            return None
        return Viewer(
            workspace_id=self.workspace_id,
            organisation="",
            person_id="",
            name=self.person,
            role=Role.ADMIN,
            kind=TokenKind.BROWSER,
        )
