"""What every page asks first: who looks, at which space, and whether the form is one that we sent."""

import hashlib
import hmac
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated, Any
from urllib.parse import quote, urlencode, urlsplit

from fastapi import Depends, Form, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import RedirectResponse, Response
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException

from hivemind.domain.accounts import Role, Scope
from hivemind.errors import HivemindError
from hivemind.server import problems
from hivemind.server.access.team import cookie_name
from hivemind.server.access.viewer import Viewer
from hivemind.server.api.asking import note as log
from hivemind.server.site import Site, site_of
from hivemind.store.database import Workspace

#: Where programs ask, whatever they would take.
_NO_PAGES = ("/api", "/mcp", "/v1", "/metrics", "/static", "/healthz", "/readyz")
#: What the secret of a session's forms is derived for.
_FORMS = b"hivemind form"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Hold a request for a page: who asks, and of which space."""

    request: Request
    site: Site
    viewer: Viewer
    scope: Scope = Scope.TEAM

    @property
    def space(self) -> str:
        """Name the space whose rows the page shows."""
        return self.viewer.space(self.scope)

    @property
    def scope_names(self) -> list[tuple[Scope, str]]:
        """Give the scopes as a person calls them: a team and its organisation may have one name."""
        return [
            (Scope.TEAM, "this team"),
            (Scope.ORG, f"all of {self.viewer.organisation}"),
            (Scope.ME, "only you"),
        ]

    @property
    def space_name(self) -> str:
        """Say whose what the page shows is."""
        whose = {Scope.TEAM: f"of the team {self.viewer.workspace_id}", Scope.ME: "only yours"}
        return whose.get(self.scope, f"of all of {self.viewer.organisation}")

    @property
    def csrf(self) -> str:
        """Give what a form of this browser session carries."""
        return form_secret(self.request.cookies.get(session_cookie(self.site), ""))

    @contextmanager
    def read(self) -> Iterator[Workspace]:
        """Read the space."""
        with self.site.database.read(self.space) as workspace:
            yield workspace

    @contextmanager
    def write(self, action: str = "", subject: str = "", **detail: Any) -> Iterator[Workspace]:
        """Write the space; on a server with an entry of the audit log in the same transaction."""
        with self.site.database.write(self.space) as workspace:
            yield workspace
            if action:
                self.note(workspace, action, subject, **detail)

    def note(self, workspace: Workspace, action: str, subject: str, **detail: Any) -> None:
        """Add to the audit log; a machine's one user has none."""
        if not self.site.is_local:
            log(workspace, self.viewer, action, subject, scope=self.scope, detail=detail)

    def may(self, role: Role) -> bool:
        """Say whether the viewer may do here what takes a role."""
        if self.scope is Scope.ME and role.rank > Role.READER.rank:
            return self.viewer.role.covers(Role.WRITER)
        if self.scope is Scope.ORG and role.rank > Role.READER.rank:
            return self.viewer.role is Role.ADMIN
        return self.viewer.role.covers(role)

    def require(self, role: Role) -> None:
        """Raise HivemindError where the viewer may not do what takes a role."""
        if not self.may(role):
            needed = {Scope.ORG: Role.ADMIN, Scope.ME: Role.WRITER}.get(self.scope, role)
            self.viewer.require(needed)

    def url(self, path: str, **query: Any) -> str:
        """Give the address of a page in the same space."""
        if self.scope is not Scope.TEAM:
            query.setdefault("scope", self.scope.value)
        told = urlencode({key: str(value) for key, value in query.items() if value not in ("", None)})
        return quote(path) + (f"?{told}" if told else "")

    def back_to(self, path: str, **query: Any) -> Response:
        """Send the browser to another page of the space, after a form."""
        return RedirectResponse(self.url(path, **query), status_code=303)


def session_cookie(site: Site) -> str:
    """Name the cookie that holds a browser's session."""
    return site.cookie or cookie_name(site.base_url)


def form_secret(session: str) -> str:
    """Derive what forms carry from a browser session's token."""
    return hmac.new(session.encode(), _FORMS, hashlib.sha256).hexdigest() if session else ""


def asked(request: Request, site: Annotated[Site, Depends(site_of)], scope: str = "") -> Asked:
    """Give who asks; raise where nobody is let in."""
    viewer = site.access.page_viewer(request)
    if viewer is None:
        raise HivemindError(
            "not-let-in", "nobody is logged in here", hint="open the link that you were given, or log in"
        )
    known = [each for each in Scope if each.value == scope]
    chosen = known[0] if known and not site.is_local else Scope.TEAM
    if chosen is Scope.ORG and not viewer.organisation:
        chosen = Scope.TEAM
    return Asked(request=request, site=site, viewer=viewer, scope=chosen)


def posted(page: Annotated[Asked, Depends(asked)], csrf: Annotated[str, Form()] = "") -> Asked:
    """Give who sent a form; raise where it did not come from a page of this session."""
    require_same_origin(page.request)
    sent = page.request.headers.get("x-csrf", "") or csrf
    if not page.csrf or not hmac.compare_digest(sent.encode(), page.csrf.encode()):
        raise forged("the form is not one of this browser session")
    return page


def require_same_origin(request: Request) -> None:
    """Raise where a form was sent by a page of another site."""
    origin = request.headers.get("origin")
    if origin is not None and urlsplit(origin).netloc.lower() != request.headers.get("host", "").lower():
        raise forged("the form was sent from another site")
    if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        raise forged("the form was sent from another site")


def forged(why: str) -> HivemindError:
    """Make the error for a form that is not ours."""
    return HivemindError("form-forged", why, hint="open the page again and send the form from there")


Page = Annotated[Asked, Depends(asked)]
Sent = Annotated[Asked, Depends(posted)]


class PageRoute(APIRoute):
    """Answer failures of a page with a page; who is not logged in is asked to."""

    def get_route_handler(self) -> Callable[[Request], Any]:
        """Wrap the handler."""
        handler = super().get_route_handler()

        async def handled(request: Request) -> Response:
            try:
                return await handler(request)
            except HivemindError as error:
                return failure(request, error)
            except RequestValidationError as error:
                first: dict[str, Any] = next(iter(error.errors()), {})
                where = ".".join(str(part) for part in first.get("loc", ())[-1:])
                return failure(
                    request,
                    HivemindError("request-invalid", f"{where}: {first.get('msg', 'invalid')}", hint=""),
                    status=422,
                )
            except HTTPException as error:
                told = HivemindError("request-invalid", str(error.detail), hint="")
                return failure(request, told, status=error.status_code)

        return handled


def wants_page(request: Request) -> bool:
    """Say whether a browser asks for something to be looked at, and no program for data."""
    path = request.url.path
    is_data = any(path == each or path.startswith(each + "/") for each in _NO_PAGES)
    return not is_data and "text/html" in request.headers.get("accept", "").lower()


def failure(request: Request, error: HivemindError, *, status: int = 0) -> Response:
    """Answer a failure with a page."""
    from hivemind.server.pages.rendering import render

    site = site_of(request)
    status = status or problems.STATUS.get(error.slug, 400)
    if error.slug == "not-let-in" and not site.is_local:
        here = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        to = "/login" if request.method != "GET" or here == "/" else f"/login?{urlencode({'next': here})}"
        if request.headers.get("hx-request"):
            return Response(status_code=401, headers={"HX-Redirect": to})
        return RedirectResponse(to, status_code=303)
    try:
        page = asked(request, site, request.query_params.get("scope", ""))
    except HivemindError:
        page = None
    return render(request, "error.html", page=page, status=status, error=error)
