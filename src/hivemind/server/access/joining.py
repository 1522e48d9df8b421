"""Let somebody in who has no token yet: by an invitation, or by a login that a person of the team grants.

A login waits in a space of its own, since nobody knows yet which workspace it is for. What is granted is kept
as a name and a role; the token itself is made when the machine fetches it, and is stored nowhere.
"""

import hmac
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from hivemind.domain.accounts import SERVER_SPACE, Member, Role, Token, TokenKind
from hivemind.errors import HivemindError
from hivemind.server.access.viewer import Viewer
from hivemind.store import accounts, audit
from hivemind.store.database import Database, Workspace

INVITATION = timedelta(days=7)
BROWSER_SESSION = timedelta(days=30)
API_TOKEN = timedelta(days=365)
#: How long a login waits for its person.
LOGIN = timedelta(minutes=10)
#: A machine asks this often; one that asks sooner is told to slow down.
POLL_S = 5
#: Logins that wait at a time, in the whole server: anybody may begin one.
MAX_LOGINS = 1_000
MAX_LABEL_CHARS = 100
#: Consonants that nobody takes for another, so that no word comes out.
_LETTERS = "BCDFGHJKLMNPQRSTVWXZ"
_GRANTED = "granted"
_DENIED = "denied"


@dataclass(frozen=True, slots=True, kw_only=True)
class StartedLogin:
    """Hold what a machine needs to show, and to fetch its token."""

    device_code: str
    user_code: str
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitingLogin:
    """Describe a login to the person who is to grant it."""

    user_code: str
    label: str  #: what the machine calls itself
    address: str  #: where it asked from
    started_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Joined:
    """Hold what a new member, or one who came back, is let in with."""

    member: Member
    workspace_id: str
    text: str  #: of the browser session


def invite(
    workspace: Workspace,
    *,
    role: Role,
    invited_by: str,
    name: str = "",
    email: str = "",
    person_id: str = "",
    lifetime: timedelta = INVITATION,
) -> tuple[Token, str]:
    """Make an invitation, which lets one person in once; with a `person_id`, that member again."""
    data = {"invited_by": invited_by, "email": email[: accounts.MAX_NAME_CHARS]}
    return accounts.new_token(
        workspace,
        kind=TokenKind.INVITE,
        person_id=person_id,
        role=role,
        lifetime=lifetime,
        name=name,
        data=data,
    )


def invitation(database: Database, text: str) -> Token:
    """Give what an invitation's link is for, without using it up; raise where it is none any more."""
    with _workspace_of(database, text) as workspace:
        return _invitation(workspace, text)


def accept_invitation(database: Database, text: str, *, name: str, viewer: Viewer | None = None) -> Joined:
    """Make whoever holds an invitation a member, and give the text of their browser session.

    A `viewer` who is a member elsewhere in the organisation stays the same person.
    """
    workspace_id = accounts.workspace_named(text)
    if not workspace_id:
        raise _spent()
    with database.write(workspace_id) as workspace:
        token = _invitation(workspace, text)
        now = datetime.now(UTC)
        member = _joining(workspace, token, name=name, viewer=viewer, now=now)
        accounts.revoke(workspace, at=now, token_id=token.token_id)
        _, session = _browser_session(workspace, member.person_id)
        audit.record(
            workspace,
            "member.join",
            member.name,
            person_id=member.person_id,
            token_id=token.token_id,
            detail={"role": member.role.value, "invited_by": member.invited_by},
        )
    return Joined(member=member, workspace_id=workspace_id, text=session)


def _joining(
    workspace: Workspace, token: Token, *, name: str, viewer: Viewer | None, now: datetime
) -> Member:
    held = accounts.member(workspace, token.person_id) if token.person_id else None
    if token.person_id:
        if held is None:
            raise _spent()
        return held
    is_same = viewer is not None and viewer.organisation == accounts.organisation_of(workspace)
    if viewer is not None and is_same:
        held = accounts.member(workspace, viewer.person_id)
        if held is not None and held.role.covers(token.role):
            return held
    shown = " ".join((name or token.name).split())[: accounts.MAX_NAME_CHARS]
    if not shown.isprintable() or not shown:
        raise HivemindError(
            "name-missing", "a member needs a name", hint="say what the others are to call you"
        )
    member = Member(
        person_id=viewer.person_id if viewer is not None and is_same else accounts.new_person_id(),
        name=viewer.name if viewer is not None and is_same else shown,
        email=str(token.data.get("email", "")),
        role=token.role,
        invited_by=str(token.data.get("invited_by", "")),
        created_at=now,
    )
    accounts.put_member(workspace, member)
    return member


def _invitation(workspace: Workspace, text: str) -> Token:
    token = accounts.check(workspace, text, kinds=(TokenKind.INVITE,), at=datetime.now(UTC))
    if token is None:
        raise _spent()
    return token


def _spent() -> HivemindError:
    return HivemindError(
        "invitation-spent",
        "this invitation was used, has expired or was withdrawn",
        hint="ask an admin of the workspace for another",
    )


def start_browser_session(database: Database, text: str) -> str:
    """Give a browser session for an API token, so that whoever holds one sees the pages, too."""
    workspace_id = accounts.workspace_named(text)
    if workspace_id:
        with database.write(workspace_id, alone=False) as workspace:
            token = accounts.check(workspace, text, kinds=(TokenKind.API,), at=datetime.now(UTC))
            member = accounts.member(workspace, token.person_id) if token else None
            if token is not None and member is not None:
                _, session = _browser_session(
                    workspace,
                    member.person_id,
                    role=token.role,
                    data={**token.data, "from": token.token_id},
                    until=token.expires_at,
                )
                audit.record(
                    workspace,
                    "session.start",
                    "browser",
                    person_id=member.person_id,
                    token_id=token.token_id,
                )
                return session
    raise HivemindError("not-let-in", "that is no valid token", hint="`hivemind login` gets one")


def _browser_session(
    workspace: Workspace,
    person_id: str,
    *,
    role: Role = Role.ADMIN,
    data: dict[str, Any] | None = None,
    until: datetime | None = None,
) -> tuple[Token, str]:
    """Make one that may do what its person may, or no more than the token that it came from."""
    lifetime = BROWSER_SESSION if until is None else min(BROWSER_SESSION, until - datetime.now(UTC))
    return accounts.new_token(
        workspace,
        kind=TokenKind.BROWSER,
        person_id=person_id,
        role=role,
        lifetime=lifetime,
        name="browser",
        data=data,
    )


def start_device(database: Database, *, label: str, address: str) -> StartedLogin:
    """Begin a login of a machine that has no token."""
    now = datetime.now(UTC)
    with database.write(SERVER_SPACE) as workspace:
        accounts.forget_expired(workspace, at=now)
        waiting = _waiting(workspace, now)
        if len(waiting) >= MAX_LOGINS:
            raise HivemindError(
                "too-many-requests", f"{MAX_LOGINS} logins wait already", hint="try again in ten minutes"
            )
        taken = {one.data.get("user_code") for one in waiting}
        user_code = next(code for code in iter(_new_code, "") if code not in taken)
        shown = "".join(c if c.isprintable() else " " for c in label)[:MAX_LABEL_CHARS]
        data = {"user_code": user_code, "address": address[:MAX_LABEL_CHARS]}
        token, text = accounts.new_token(
            workspace, kind=TokenKind.DEVICE, role=Role.READER, lifetime=LOGIN, name=shown, data=data
        )
    return StartedLogin(device_code=text, user_code=user_code, expires_at=token.expires_at)


def waiting_device(database: Database, user_code: str) -> WaitingLogin:
    """Describe the login that shows a code, before a person grants it."""
    with database.read(SERVER_SPACE) as workspace:
        token = _by_code(workspace, user_code)
    return WaitingLogin(
        user_code=str(token.data["user_code"]),
        label=token.name,
        address=str(token.data.get("address", "")),
        started_at=token.created_at,
    )


def approve_device(
    database: Database, viewer: Viewer, user_code: str, *, role: Role | None = None
) -> WaitingLogin:
    """Grant the login that shows a code the viewer's workspace, with a role of theirs at most."""
    granted = role or viewer.role
    viewer.require(granted)
    found = waiting_device(database, user_code)
    data = {
        "answer": _GRANTED,
        "workspace_id": viewer.workspace_id,
        "person_id": viewer.person_id,
        "role": granted.value,
        "scopes": list(viewer.scopes),
        "by": viewer.token_id,
    }
    _answer(database, user_code, data)
    with database.write(viewer.workspace_id, alone=False) as workspace:
        audit.record(
            workspace,
            "login.grant",
            found.label,
            person_id=viewer.person_id,
            token_id=viewer.token_id,
            detail={"role": granted.value, "address": found.address},
        )
    return found


def deny_device(database: Database, user_code: str) -> None:
    """Refuse the login that shows a code."""
    _answer(database, user_code, {"answer": _DENIED})


def poll_device(database: Database, device_code: str) -> tuple[Token, str]:
    """Give the token that a login was granted, once; raise while it waits and once it is over."""
    now = datetime.now(UTC)
    too_soon = False
    with database.write(SERVER_SPACE) as workspace:
        login = accounts.check(workspace, device_code, kinds=(TokenKind.DEVICE,), at=now)
        if login is None:
            raise HivemindError(
                "login-expired",
                "this login is over: it was fetched, refused, or ten minutes have passed",
                hint="begin another with `hivemind login`",
            )
        answer = login.data.get("answer")
        if answer is None:
            too_soon = login.used_at is not None and now - login.used_at < timedelta(seconds=POLL_S - 1)
            accounts.note_use(workspace, login, at=now)
        else:
            accounts.revoke(workspace, at=now, token_id=login.token_id)
    if answer is None:
        slug = "slow-down" if too_soon else "authorization-pending"
        raise HivemindError(slug, "nobody has confirmed the code yet", hint=f"ask again in {POLL_S} seconds")
    if answer != _GRANTED:
        raise HivemindError("login-denied", "the login was refused", hint="ask who refused it")
    return _granted(database, login, now=now)


def _granted(database: Database, login: Token, *, now: datetime) -> tuple[Token, str]:
    data = login.data
    person_id = str(data["person_id"])
    with database.write(str(data["workspace_id"]), alone=False) as workspace:
        member = accounts.member(workspace, person_id)
        granting = [t for t in accounts.tokens(workspace, person_id=person_id) if t.token_id == data["by"]]
        # Whoever granted it may have been removed since, or their token revoked.
        if member is None or any(t.revoked_at is not None or t.expires_at <= now for t in granting):
            raise HivemindError(
                "login-denied", "who granted the login is not let in any more", hint="begin another"
            )
        token, text = accounts.new_token(
            workspace,
            kind=TokenKind.API,
            person_id=person_id,
            role=Role(data["role"]),
            lifetime=API_TOKEN,
            name=login.name,
            data={"scopes": data["scopes"]},
        )
        audit.record(
            workspace,
            "token.create",
            token.token_id,
            person_id=person_id,
            token_id=str(data["by"]),
            detail={"role": token.role.value, "name": token.name, "how": "login"},
        )
    return token, text


def _answer(database: Database, user_code: str, data: dict[str, Any]) -> None:
    with database.write(SERVER_SPACE) as workspace:
        token = _by_code(workspace, user_code)
        accounts.set_data(workspace, token, {**token.data, **data})


def _by_code(workspace: Workspace, user_code: str) -> Token:
    said = plain_code(user_code).encode("utf-8", "replace")
    found = None
    # All are compared, each in constant time: how long it takes tells nothing about any.
    for one in _waiting(workspace, datetime.now(UTC)):
        held = plain_code(str(one.data.get("user_code", ""))).encode()
        if hmac.compare_digest(held, said) and "answer" not in one.data:
            found = one
    if found is None:
        raise HivemindError(
            "login-unknown",
            "no login waits with this code",
            hint="compare it with what the machine shows; a code is good for ten minutes",
        )
    return found


def _waiting(workspace: Workspace, now: datetime) -> list[Token]:
    found = accounts.tokens(workspace, kinds=(TokenKind.DEVICE,))
    return [one for one in found if one.revoked_at is None and one.expires_at > now]


def plain_code(user_code: str) -> str:
    """Give a code without what people put between its letters."""
    return "".join(c for c in user_code.upper() if c.isalnum())[:MAX_LABEL_CHARS]


def _new_code() -> str:
    letters = "".join(secrets.choice(_LETTERS) for _ in range(8))
    return f"{letters[:4]}-{letters[4:]}"


@contextmanager
def _workspace_of(database: Database, text: str) -> Iterator[Workspace]:
    workspace_id = accounts.workspace_named(text)
    if not workspace_id:
        raise _spent()
    with database.read(workspace_id) as workspace:
        yield workspace
