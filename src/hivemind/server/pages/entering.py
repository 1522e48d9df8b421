"""Coming in and going: `/login`, `/invite/TOKEN`, `/login/device`, `/logout`, and `/open` of local pages."""

from datetime import UTC, datetime
from typing import Annotated
from urllib.parse import urlsplit

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response

from hivemind.domain.accounts import Role
from hivemind.errors import HivemindError
from hivemind.server.access import joining
from hivemind.server.access.local import LocalAccess
from hivemind.server.access.viewer import Viewer
from hivemind.server.pages.asking import (
    Asked,
    Page,
    PageRoute,
    Sent,
    require_same_origin,
    session_cookie,
)
from hivemind.server.pages.rendering import render
from hivemind.server.site import Site, site_of
from hivemind.store import accounts

router = APIRouter(route_class=PageRoute)
_INVITE = "/invite/"


def _let_in(request: Request, session: str, *, to: str) -> Response:
    answer = RedirectResponse(to, status_code=303)
    site = site_of(request)
    answer.set_cookie(
        session_cookie(site),
        session,
        max_age=int(joining.BROWSER_SESSION.total_seconds()),
        path="/",
        httponly=True,
        samesite="lax",
        secure=site.base_url.startswith("https://") or request.url.scheme == "https",
    )
    return answer


def own_path(text: str) -> str:
    """Give a path of this site; anything else becomes the first page."""
    parts = urlsplit(text)
    is_ours = (
        text.startswith("/") and not text.startswith(("//", "/\\")) and not (parts.scheme or parts.netloc)
    )
    return text if is_ours and "\\" not in text and text.isprintable() else "/"


@router.get("/open")
def open_own(request: Request, token: str = "") -> Response:
    """Let the one user of this machine in, once for each address that `hivemind ui` printed."""
    site = site_of(request)
    if not isinstance(site.access, LocalAccess):
        return RedirectResponse("/login", status_code=303)
    session = site.access.redeem(token)
    if session is None:
        raise HivemindError(
            "link-spent",
            "this address was opened already, or is of another run",
            hint="run `hivemind ui` again, or use the window that it opened",
        )
    answer = _let_in(request, session, to="/")
    # Some browsers fetch an address to preview it; what they keep must not be shown to anybody else.
    answer.headers["Cache-Control"] = "no-store"
    return answer


@router.get("/login")
def login_form(request: Request, next: str = "/") -> Response:  # noqa: A002 - as browsers know it
    """Ask for a token or an invitation."""
    _require_team(site_of(request))
    return render(request, "login.html", to=own_path(next), problem=None)


@router.post("/login")
def login(
    request: Request,
    token: Annotated[str, Form()] = "",
    next: Annotated[str, Form()] = "/",  # noqa: A002
) -> Response:
    """Begin a browser session with a token; an invitation is opened first."""
    site = site_of(request)
    _require_team(site)
    require_same_origin(request)
    text = token.strip()
    if _INVITE in text:
        text = urlsplit(text).path.rpartition(_INVITE)[2]
    try:
        try:
            session = joining.start_browser_session(site.database, text)
        except HivemindError:
            joining.invitation(site.database, text)
            return RedirectResponse(_INVITE + text, status_code=303)
    except HivemindError:
        error = HivemindError(
            "not-let-in", "that is no valid token or invitation", hint="`hivemind login` gets a token"
        )
        return render(request, "login.html", to=own_path(next), problem=error, status=401)
    return _let_in(request, session, to=own_path(next))


@router.get("/invite/{token}")
def invitation(request: Request, token: str) -> Response:
    """Show what an invitation is for; opening it consumes nothing, as previews of links open them, too."""
    site = site_of(request)
    _require_team(site)
    found = joining.invitation(site.database, token)
    return render(request, "invite.html", token=token, invitation=found, viewer=_viewer(request))


@router.post("/invite/{token}")
def accept(request: Request, token: str, name: Annotated[str, Form()] = "") -> Response:
    """Become a member."""
    site = site_of(request)
    _require_team(site)
    require_same_origin(request)
    joined = joining.accept_invitation(site.database, token, name=name, viewer=_viewer(request))
    return _let_in(request, joined.text, to="/")


def _viewer(request: Request) -> Viewer | None:
    return site_of(request).access.page_viewer(request)


@router.get("/login/device")
def device(page: Page, code: str = "") -> Response:
    """Show which machine asks for a login, or ask for the code that it shows."""
    _require_team(page.site)
    found, problem = None, None
    if code:
        try:
            found = joining.waiting_device(page.site.database, code)
        except HivemindError as error:
            problem = error
    return _device(page, found=found, problem=problem, status=404 if problem else 200)


def _device(
    page: Asked,
    *,
    found: joining.WaitingLogin | None = None,
    problem: HivemindError | None = None,
    done: str = "",
    status: int = 200,
) -> Response:
    roles = [role.value for role in Role if page.viewer.role.covers(role)]
    return render(
        page.request,
        "device.html",
        page=page,
        found=found,
        problem=problem,
        done=done,
        roles=roles,
        default=Role.WRITER.value if page.viewer.role.covers(Role.WRITER) else Role.READER.value,
        status=status,
    )


@router.post("/login/device")
def answer_device(
    page: Sent,
    code: Annotated[str, Form()],
    answer: Annotated[str, Form()],
    role: Annotated[Role, Form()] = Role.READER,
) -> Response:
    """Grant or refuse a machine its login."""
    _require_team(page.site)
    if answer != "grant":
        joining.deny_device(page.site.database, code)
        return _device(page, done="refused")
    found = joining.approve_device(page.site.database, page.viewer, code, role=role)
    return _device(page, done="granted", found=found)


@router.post("/logout")
def logout(page: Sent) -> Response:
    """End the browser session."""
    if not page.site.is_local:
        with page.site.database.write(page.viewer.workspace_id, alone=False) as workspace:
            accounts.revoke(workspace, at=datetime.now(UTC), token_id=page.viewer.token_id)
    elif isinstance(page.site.access, LocalAccess):
        page.site.access.end()
    answer = render(page.request, "goodbye.html")
    answer.delete_cookie(session_cookie(page.site), path="/", httponly=True, samesite="lax")
    return answer


def _require_team(site: Site) -> None:
    if site.is_local:
        raise HivemindError("not-found", "this machine's own pages have no login", hint="run `hivemind ui`")
