"""What the server's parts share: the database, who is let in, limits."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from fastapi import Request

from hivemind.config import Settings
from hivemind.server.access.viewer import Viewer
from hivemind.store.database import Database


class Access(Protocol):
    """Say who asks; a team's server goes by tokens, a machine's own pages by their one-time link."""

    def api_viewer(self, request: Request, /) -> Viewer | None:
        """Give who calls the API, None where nobody is let in."""

    def page_viewer(self, request: Request, /) -> Viewer | None:
        """Give who looks at the pages, None where nobody is let in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bound what one request, and one caller, may cost."""

    body_bytes: int = 16_000_000
    inflated_bytes: int = 64_000_000  #: of a compressed body
    requests_per_minute: int = 1_200  #: of one token, in each process of the server
    strangers_per_minute: int = 120  #: of one address without a token


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnMachine:
    """Hold what a machine's own pages may do beyond the database."""

    settings: Callable[[], Settings]  #: as the file has them now
    change: Callable[[str, str], None]  #: one setting, as its text; raises where it cannot have it


def _nothing(_space: str, /) -> None:
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """Hold what the server was started with."""

    database: Database
    access: Access
    settings: Settings = field(default_factory=Settings)
    limits: Limits = field(default_factory=Limits)
    #: Where people and machines reach it; cookies are Secure where it is https. Empty: as the request says.
    base_url: str = ""
    #: Hosts that requests may name; anything else is turned away, as DNS rebinding would be.
    hosts: frozenset[str] = frozenset()
    metrics_token: str = ""  #: what a collector of figures sends; without one there are no figures to be had
    is_local: bool = False  #: a machine's own pages, for its one user
    counts_ahead: bool = False  #: figures of the pages are counted right after the start
    cookie: str = ""  #: holds the browser session of local pages; empty: that of a team (access/team.py)
    after_decision: Callable[[str], None] = _nothing  #: called with the space in which skills were decided on
    machine: OwnMachine | None = None  #: where the pages are local
    data: Path | None = None  #: Hivemind's folder on this machine, where the pages are local


def site_of(request: Request) -> Site:
    """Give the site that a request came to."""
    site = request.app.state.site
    assert isinstance(site, Site)  # noqa: S101 - create_app puts it there
    return site
