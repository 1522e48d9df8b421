"""The person behind a request."""

from dataclasses import dataclass

from hivemind.domain.accounts import (
    ORGANISATION_PREFIX,
    OWN_PREFIX,
    Role,
    Scope,
    TokenKind,
)
from hivemind.errors import HivemindError


@dataclass(frozen=True, slots=True, kw_only=True)
class Viewer:
    """Hold who asks, in which workspace, and what they may do there."""

    workspace_id: str
    organisation: str
    person_id: str
    name: str
    role: Role  #: what both the person and the token may do
    scopes: tuple[Scope, ...] = tuple(Scope)  #: that the token is good for
    token_id: str = ""
    kind: TokenKind = TokenKind.API

    @property
    def actor(self) -> str:
        """Name the viewer in the ledger of decisions."""
        return f"person:{self.name}"

    def space(self, scope: Scope) -> str:
        """Name the workspace whose rows a scope means: no query sees those of another."""
        if scope not in self.scopes:
            raise HivemindError(
                "scope-forbidden",
                f"this token is not good for the scope {scope.value}",
                hint=f"it is good for {', '.join(self.scopes) or 'none'}; make another for more",
            )
        if scope is Scope.ME:
            return OWN_PREFIX + self.person_id
        return self.workspace_id if scope is Scope.TEAM else ORGANISATION_PREFIX + self.organisation

    def require(self, role: Role) -> None:
        """Raise HivemindError where the viewer may not do what takes a role."""
        if not self.role.covers(role):
            raise HivemindError(
                "role-too-low",
                f"that takes the role {role.value}, and you are {self.role.value} here",
                hint="ask an admin of the workspace for the role, or for a token that has it",
            )
