"""What every resource of the API asks first: who is it, may they, and which rows are meant."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, Query, Request, Security
from fastapi.security import HTTPBearer

from hivemind.domain.accounts import Role, Scope
from hivemind.errors import HivemindError
from hivemind.server.access.viewer import Viewer
from hivemind.server.site import Site, site_of
from hivemind.store import audit, jobs, sessions
from hivemind.store.database import Workspace

#: In the OpenAPI schema; the token itself is read by the site's access.
BEARER = HTTPBearer(
    auto_error=False, description="a token of `hivemind login`, or one from the settings page"
)

#: Sessions that one entry of the audit log names.
MAX_NAMED = 100

TheSite = Annotated[Site, Depends(site_of)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Hold who asks, and the space whose rows they ask for."""

    viewer: Viewer
    scope: Scope
    space: str

    @property
    def is_own(self) -> bool:
        """Say whether nobody else has anything there."""
        return self.scope is Scope.ME


def asking(role: Role) -> Callable[..., Viewer]:
    """Make the dependency that gives the viewer, or answers 401 or 403."""

    def found(request: Request, site: TheSite, _token: Annotated[object, Security(BEARER)]) -> Viewer:
        viewer = _viewer(request, site)
        viewer.require(role)
        return viewer

    return found


def asking_within(role: Role) -> Callable[..., Place]:
    """Make the dependency that gives the viewer and the space of the parameter `scope`.

    In their own space whoever may write may do all. What the whole organisation gets, an admin decides.
    """

    def found(
        request: Request,
        site: TheSite,
        _token: Annotated[object, Security(BEARER)],
        scope: Annotated[Scope, Query(description="whose: your own, the team's or the organisation's")] = (
            Scope.TEAM
        ),
    ) -> Place:
        viewer = _viewer(request, site)
        needed = role
        if scope is Scope.ME and role.covers(Role.WRITER):
            needed = Role.WRITER
        elif scope is Scope.ORG and role.covers(Role.WRITER):
            needed = Role.ADMIN
        viewer.require(needed)
        return Place(viewer=viewer, scope=scope, space=viewer.space(scope))

    return found


def note_intake(
    workspace: Workspace, viewer: Viewer, action: str, session_ids: Sequence[str], **detail: Any
) -> None:
    """Keep who sent sessions, and put it into the audit log, in the transaction that stored them."""
    sessions.note_sender(workspace, session_ids, person_id=viewer.person_id)
    audit.record(
        workspace,
        action,
        person_id=viewer.person_id,
        token_id=viewer.token_id,
        detail={"sessions": list(session_ids[:MAX_NAMED]), **detail},
    )


def ask_to_distil(workspace: Workspace, session_ids: Sequence[str]) -> None:
    """Have the projects of sessions distilled, in the transaction that stored what is new of them."""
    for project_id in sessions.projects_of(workspace, session_ids):
        jobs.ask_to_distil(workspace, project_id)


def _viewer(request: Request, site: Site) -> Viewer:
    viewer = site.access.api_viewer(request)
    if viewer is None:
        raise HivemindError(
            "not-let-in",
            "no valid token came with the request",
            hint="send `Authorization: Bearer TOKEN`; `hivemind login` gets one",
        )
    return viewer


Reader = Annotated[Viewer, Depends(asking(Role.READER))]
Writer = Annotated[Viewer, Depends(asking(Role.WRITER))]
Reviewer = Annotated[Viewer, Depends(asking(Role.REVIEWER))]
Admin = Annotated[Viewer, Depends(asking(Role.ADMIN))]
ReaderWithin = Annotated[Place, Depends(asking_within(Role.READER))]
WriterWithin = Annotated[Place, Depends(asking_within(Role.WRITER))]
AdminWithin = Annotated[Place, Depends(asking_within(Role.ADMIN))]
ReviewerWithin = Annotated[Place, Depends(asking_within(Role.REVIEWER))]


def note(
    workspace: Workspace,
    viewer: Viewer,
    action: str,
    subject: str = "",
    *,
    scope: Scope = Scope.TEAM,
    detail: Mapping[str, Any] | None = None,
) -> None:
    """Write what a viewer did into the log of their workspace, in the transaction of what it is about.

    What a person does in a space of their own crosses nobody, and is not logged.
    """
    if scope is Scope.ME:
        return
    log = Workspace(workspace.connection, viewer.workspace_id)
    said = {**(detail or {}), **({"scope": scope.value} if scope is Scope.ORG else {})}
    audit.record(log, action, subject, person_id=viewer.person_id, token_id=viewer.token_id, detail=said)
