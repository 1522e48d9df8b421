"""`/login`: how a machine comes by a token, in the manner of RFC 8628."""

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field

from hivemind.domain.accounts import Role
from hivemind.errors import HivemindError
from hivemind.server.access import joining
from hivemind.server.access.team import scopes_of, viewer_of
from hivemind.server.api.asking import Reader, TheSite
from hivemind.server.api.shapes import Asked, Line
from hivemind.server.guards import Rates

router = APIRouter(prefix="/login", tags=["login"])
#: Logins that one address may begin, and codes that one person may try, in a minute.
STARTS_PER_MINUTE, TRIES_PER_MINUTE = 10, 10
_RATES = "login_rates"


class DeviceStart(Asked):
    """What a machine says of itself, for the person who confirms its login."""

    label: Annotated[Line, Field(max_length=100, description="such as the host's name")] = ""


class DeviceStarted(BaseModel):
    """A login that waits; show the code and the address to the person, and ask for the token meanwhile."""

    device_code: str
    user_code: str
    verification_uri: str
    verification_uri_complete: str
    expires_in: int
    interval: int


class Poll(Asked):
    """The login whose token is asked for."""

    device_code: Line


class Granted(BaseModel):
    """The token of a login that was confirmed; it is given this once."""

    access_token: str
    token_type: str
    role: Role
    workspace: str
    organisation: str
    person_id: str
    name: str
    scopes: list[str]
    expires_at: datetime


class Approval(Asked):
    """The code that the machine shows, and what it may do: your own role at most."""

    user_code: Annotated[Line, Field(max_length=40)]
    role: Role | None = None
    is_refused: bool = False


class Approved(BaseModel):
    """The login that was answered."""

    label: str
    address: str
    started_at: datetime


@router.post("/device", status_code=201)
def start(body: DeviceStart, site: TheSite, request: Request) -> DeviceStarted:
    """Begin a login of a machine that has no token."""
    address = request.client.host if request.client else ""
    _bounded(request, f"start {address}", per_minute=STARTS_PER_MINUTE)
    started = joining.start_device(site.database, label=body.label, address=address)
    page = f"{site.base_url or str(request.base_url).rstrip('/')}/login/device"
    return DeviceStarted(
        device_code=started.device_code,
        user_code=started.user_code,
        verification_uri=page,
        verification_uri_complete=f"{page}?code={started.user_code}",
        expires_in=max(0, round((started.expires_at - datetime.now(UTC)).total_seconds())),
        interval=joining.POLL_S,
    )


@router.post("/token")
def poll(body: Poll, site: TheSite) -> Granted:
    """Fetch the token of a login; 400 with `error: authorization_pending` until somebody has confirmed it."""
    token, text = joining.poll_device(site.database, body.device_code)
    viewer = viewer_of(site.database, text)
    if viewer is None:
        raise HivemindError("login-denied", "who granted it is not let in any more", hint="begin another")
    return Granted(
        access_token=text,
        token_type="bearer",  # noqa: S106 - the kind of token, by its name in the standard
        role=viewer.role,
        workspace=viewer.workspace_id,
        organisation=viewer.organisation,
        person_id=viewer.person_id,
        name=viewer.name,
        scopes=[scope.value for scope in scopes_of(token)],
        expires_at=token.expires_at,
    )


@router.post("/device/approve")
def approve(body: Approval, viewer: Reader, site: TheSite, request: Request) -> Approved:
    """Confirm or refuse the login that shows a code."""
    _bounded(request, f"approve {viewer.person_id}", per_minute=TRIES_PER_MINUTE)
    found = joining.waiting_device(site.database, body.user_code)
    if body.is_refused:
        joining.deny_device(site.database, body.user_code)
    else:
        found = joining.approve_device(site.database, viewer, body.user_code, role=body.role)
    return Approved(label=found.label, address=found.address, started_at=found.started_at)


def _bounded(request: Request, caller: str, *, per_minute: int) -> None:
    rates = getattr(request.app.state, _RATES, None) or Rates()
    setattr(request.app.state, _RATES, rates)
    if rates.wait_s(caller, per_minute=per_minute):
        raise HivemindError(
            "too-many-requests", f"more than {per_minute} a minute", hint="wait a minute and try again"
        )
