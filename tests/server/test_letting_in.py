"""Invitations and logins of machines, on both databases."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from hivemind.domain.accounts import Role, TokenKind
from hivemind.errors import HivemindError
from hivemind.server.access import joining
from hivemind.server.access.team import API_KINDS, PAGE_KINDS, viewer_of
from hivemind.server.access.viewer import Viewer
from hivemind.store import accounts, audit
from hivemind.store.database import Database


def slug(call: object) -> str:
    """Give the slug with which a call fails."""
    with pytest.raises(HivemindError) as error:
        call()  # type: ignore[operator]
    return error.value.slug


def invited(database: Database, *, role: Role = Role.ADMIN, workspace: str = "team") -> str:
    """Make a team's workspace, where there is none, and an invitation to it."""
    with database.write(workspace) as opened:
        if not accounts.organisation_of(opened):
            accounts.found_workspace(opened, organisation="acme")
        return joining.invite(opened, role=role, invited_by="")[1]


def admin(database: Database, *, workspace: str = "team", name: str = "Ada") -> Viewer:
    """Let an admin in."""
    text = joining.accept_invitation(database, invited(database, workspace=workspace), name=name).text
    viewer = viewer_of(database, text, kinds=PAGE_KINDS)
    assert viewer is not None
    return viewer


def test_an_invitation_lets_one_person_in_once(database: Database) -> None:
    """Looking at it uses nothing up; accepting it does, and gives a browser session and no API token."""
    text = invited(database, role=Role.WRITER)
    assert joining.invitation(database, text).role is Role.WRITER
    joined = joining.accept_invitation(database, text, name="  Ada \n Lovelace ")
    assert joined.member.name == "Ada Lovelace"
    viewer = viewer_of(database, joined.text, kinds=PAGE_KINDS)
    assert viewer is not None
    assert (viewer.role, viewer.workspace_id, viewer.organisation) == (Role.WRITER, "team", "acme")
    assert viewer_of(database, joined.text, kinds=API_KINDS) is None
    assert slug(lambda: joining.accept_invitation(database, text, name="Eve")) == "invitation-spent"
    with database.read("team") as workspace:
        assert [entry.action for entry in audit.listed(workspace, limit=9)] == ["member.join"]


@pytest.mark.parametrize("name", ["", " \n ", "\0", "\ud800", "a\x1b[31m"])
def test_a_name_that_cannot_be_shown_is_refused(tmp_path: object, database: Database, name: str) -> None:
    """The invitation is still good afterwards."""
    text = invited(database)
    assert slug(lambda: joining.accept_invitation(database, text, name=name)) == "name-missing"
    assert joining.accept_invitation(database, text, name="Ada").member.name == "Ada"


@pytest.mark.parametrize("text", ["", "hm.team", "hm.nowhere.0123456789abcdef." + "a" * 43, "\0", "x" * 9999])
def test_what_is_no_invitation_makes_nothing(database: Database, text: str) -> None:
    """Nor does it make a workspace of the name in it."""
    assert slug(lambda: joining.accept_invitation(database, text, name="Eve")) == "invitation-spent"
    assert slug(lambda: joining.invitation(database, text)) == "invitation-spent"
    with database.read("nowhere") as workspace:
        assert accounts.workspaces_of(workspace, "") == []


def test_an_expired_invitation_lets_nobody_in(database: Database) -> None:
    """Its time is over also where nobody used it."""
    invited(database)
    with database.write("team") as workspace:
        _, text = joining.invite(workspace, role=Role.READER, invited_by="", lifetime=timedelta(seconds=-1))
    assert slug(lambda: joining.accept_invitation(database, text, name="Eve")) == "invitation-spent"


def test_a_member_of_one_workspace_stays_the_same_person_in_another(database: Database) -> None:
    """Only in the same organisation, and never with a smaller role than they have there."""
    viewer = admin(database)
    text = invited(database, workspace="second", role=Role.READER)
    joined = joining.accept_invitation(database, text, name="ignored", viewer=viewer)
    assert (joined.member.person_id, joined.member.name) == (viewer.person_id, "Ada")
    again = invited(database, workspace="team", role=Role.READER)
    assert joining.accept_invitation(database, again, name="", viewer=viewer).member.role is Role.ADMIN


def test_a_login_is_granted_and_fetched_once(database: Database) -> None:
    """The machine's token has the role that was granted, and the code works however it is typed."""
    viewer = admin(database)
    started = joining.start_device(database, label="laptop\x1b[31m", address="10.0.0.7")
    assert slug(lambda: joining.poll_device(database, started.device_code)) == "authorization-pending"
    assert slug(lambda: joining.poll_device(database, started.device_code)) == "slow-down"
    typed = started.user_code.lower().replace("-", " ")
    assert joining.waiting_device(database, typed).label == "laptop [31m"
    joining.approve_device(database, viewer, typed, role=Role.WRITER)
    assert slug(lambda: joining.approve_device(database, viewer, typed)) == "login-unknown"
    token, text = joining.poll_device(database, started.device_code)
    assert (token.kind, token.role) == (TokenKind.API, Role.WRITER)
    found = viewer_of(database, text)
    assert found is not None
    assert (found.person_id, found.role) == (viewer.person_id, Role.WRITER)
    assert slug(lambda: joining.poll_device(database, started.device_code)) == "login-expired"
    with database.read("team") as workspace:
        actions = {entry.action for entry in audit.listed(workspace, limit=9)}
    assert actions == {"member.join", "login.grant", "token.create"}


def test_a_refused_login_gives_nothing(database: Database) -> None:
    """The machine is told, once."""
    started = joining.start_device(database, label="laptop", address="")
    joining.deny_device(database, started.user_code)
    assert slug(lambda: joining.poll_device(database, started.device_code)) == "login-denied"
    assert slug(lambda: joining.poll_device(database, started.device_code)) == "login-expired"


def test_nobody_grants_more_than_they_may(database: Database) -> None:
    """A reader's grant is a reader's."""
    admin(database)
    text = joining.accept_invitation(database, invited(database, role=Role.READER), name="Rea").text
    reader = viewer_of(database, text, kinds=PAGE_KINDS)
    assert reader is not None
    started = joining.start_device(database, label="laptop", address="")
    code = started.user_code
    assert slug(lambda: joining.approve_device(database, reader, code, role=Role.ADMIN)) == "role-too-low"
    joining.approve_device(database, reader, code)
    assert joining.poll_device(database, started.device_code)[0].role is Role.READER


def test_a_grant_of_somebody_who_was_removed_since_gives_nothing(database: Database) -> None:
    """Removing a person ends what they granted, too."""
    admin(database)
    text = joining.accept_invitation(database, invited(database, role=Role.WRITER), name="Wim").text
    writer = viewer_of(database, text, kinds=PAGE_KINDS)
    assert writer is not None
    started = joining.start_device(database, label="laptop", address="")
    joining.approve_device(database, writer, started.user_code)
    with database.write("team") as workspace:
        accounts.change_member(workspace, writer.person_id, role=None, at=datetime.now(UTC))
    assert slug(lambda: joining.poll_device(database, started.device_code)) == "login-denied"
    assert viewer_of(database, text, kinds=PAGE_KINDS) is None


def test_logins_that_wait_are_bounded(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Anybody may begin one, so that there is an end to them."""
    monkeypatch.setattr(joining, "MAX_LOGINS", 2)
    for _ in range(2):
        joining.start_device(database, label="", address="")
    assert slug(lambda: joining.start_device(database, label="", address="")) == "too-many-requests"


def test_an_api_token_begins_a_browser_session_of_its_own_role(database: Database) -> None:
    """What a browser may do is never more than the token that it came from."""
    viewer = admin(database)
    with database.write("team") as workspace:
        _, text = accounts.new_token(
            workspace,
            kind=TokenKind.API,
            person_id=viewer.person_id,
            role=Role.READER,
            lifetime=timedelta(hours=1),
        )
    session = joining.start_browser_session(database, text)
    found = viewer_of(database, session, kinds=PAGE_KINDS)
    assert found is not None
    assert found.role is Role.READER
    assert slug(lambda: joining.start_browser_session(database, session)) == "not-let-in"
