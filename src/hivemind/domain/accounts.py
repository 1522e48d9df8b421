"""People, what they may do, and which rows each scope names."""

import re
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

#: Holds the logins that wait for their person; nobody is a member of it.
SERVER_SPACE = "server"
#: How the names begin of the spaces that are made for people and organisations.
OWN_PREFIX, ORGANISATION_PREFIX = "me.", "org."
#: Some exporters send the blank of OTEL_EXPORTER_OTLP_HEADERS as it has to be written there.
_BEARER = re.compile(r"\s*bearer(?:\s+|%20)(\S+)\s*", re.IGNORECASE)


def bearer_of(header: str) -> str:
    """Give the token of an `Authorization` header; empty where there is none."""
    found = _BEARER.fullmatch(header)
    return found[1] if found else ""


class Role(StrEnum):
    """Name what a person may do, the least first; each may do what those before it may."""

    READER = "reader"  #: see skills, sessions and figures, and have skills loaded
    WRITER = "writer"  #: send sessions, report outcomes, propose skills
    REVIEWER = "reviewer"  #: decide on skills
    ADMIN = "admin"  #: invite, remove, see the audit log, export and delete

    @property
    def rank(self) -> int:
        """Give its place among the roles."""
        return list(Role).index(self)

    def covers(self, other: "Role") -> bool:
        """Say whether it may do what another may."""
        return self.rank >= other.rank


class Scope(StrEnum):
    """Name how far something reaches."""

    ME = "me"  #: its owner alone
    TEAM = "team"  #: the workspace
    ORG = "org"  #: every workspace of the organisation


class TokenKind(StrEnum):
    """Name what a token lets its holder do."""

    API = "api"  #: call the API, as a person
    BROWSER = "browser"  #: see the pages, as a person
    INVITE = "invite"  #: become a member, once
    DEVICE = "device"  #: fetch the API token that a person grants to a machine, once


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """Describe a person in a workspace."""

    person_id: str
    name: str
    email: str = ""
    role: Role
    invited_by: str = ""
    created_at: datetime
    removed_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """Describe a token; its secret is known to its holder alone."""

    token_id: str
    workspace_id: str
    kind: TokenKind
    person_id: str = ""
    role: Role
    name: str = ""
    data: dict[str, Any] = field(default_factory=dict)
    created_at: datetime
    expires_at: datetime
    used_at: datetime | None = None
    revoked_at: datetime | None = None


def is_reserved(workspace_id: str) -> bool:
    """Say whether a name is no team's: it would give somebody another's rows."""
    return workspace_id == SERVER_SPACE or workspace_id.startswith((OWN_PREFIX, ORGANISATION_PREFIX))
