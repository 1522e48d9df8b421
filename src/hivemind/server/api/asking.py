"""What every resource of the API asks first: who is it, and may they."""

from collections.abc import Callable
from typing import Annotated

from fastapi import Depends, Request, Security
from fastapi.security import HTTPBearer

from hivemind.domain.accounts import Role
from hivemind.errors import HivemindError
from hivemind.server.access.viewer import Viewer
from hivemind.server.site import Site, site_of

#: In the OpenAPI schema; the token itself is read by the site's access.
BEARER = HTTPBearer(
    auto_error=False, description="a token of `hivemind login`, or one from the settings page"
)

TheSite = Annotated[Site, Depends(site_of)]


def asking(role: Role) -> Callable[..., Viewer]:
    """Make the dependency that gives the viewer, or answers 401 or 403."""

    def found(request: Request, site: TheSite, _token: Annotated[object, Security(BEARER)]) -> Viewer:
        viewer = site.access.api_viewer(request)
        if viewer is None:
            raise HivemindError(
                "not-let-in",
                "no valid token came with the request",
                hint="send `Authorization: Bearer TOKEN`; `hivemind login` gets one",
            )
        viewer.require(role)
        return viewer

    return found


Reader = Annotated[Viewer, Depends(asking(Role.READER))]
Writer = Annotated[Viewer, Depends(asking(Role.WRITER))]
Reviewer = Annotated[Viewer, Depends(asking(Role.REVIEWER))]
Admin = Annotated[Viewer, Depends(asking(Role.ADMIN))]
