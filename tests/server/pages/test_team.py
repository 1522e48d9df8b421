"""The pages of a team: coming in, what each role sees and may do, and that teams do not see each other."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from server_world import CANARY, World, make_world
from starlette.testclient import TestClient
from test_local import fields, send

from hivemind.domain.accounts import Role
from hivemind.server.access import joining
from hivemind.store import accounts, skills
from hivemind.store.database import Database


@pytest.fixture
def world(database: Database) -> World:
    """Give a server with two teams, on each database."""
    return make_world(database)


@contextmanager
def as_role(world: World, role: Role) -> Iterator[TestClient]:
    """Log a member of our team in, with their token."""
    with TestClient(world.app, base_url="http://hive.example") as client:
        sent = {"token": world.ours.tokens[role]}
        answer = client.post("/login", data=sent, follow_redirects=False)
        assert answer.status_code == 303
        yield client


def test_strangers_are_sent_to_the_login(world: World) -> None:
    """The page that was asked for comes after it, and no other site ever does."""
    with TestClient(world.app, base_url="http://hive.example") as stranger:
        answer = stranger.get("/skills?q=x", follow_redirects=False)
        assert (answer.status_code, answer.headers["location"]) == (303, "/login?next=%2Fskills%3Fq%3Dx")
        assert stranger.post("/login", data={"token": "hm.ours.0.x"}).status_code == 401
        for elsewhere in ("//evil.example", "https://evil.example", "/\\evil.example", "javascript:x"):
            sent = {"token": world.ours.tokens[Role.READER], "next": elsewhere}
            assert stranger.post("/login", data=sent, follow_redirects=False).headers["location"] == "/"
        other = {"origin": "http://evil.example"}
        sent = {"token": world.ours.tokens[Role.READER]}
        assert stranger.post("/login", data=sent, headers=other).status_code == 403


def test_an_invitation_is_used_up_by_accepting_it(world: World) -> None:
    """Opening the link shows a button, as often as one likes; the button makes a member, once."""
    with as_role(world, Role.ADMIN) as admin:
        html = admin.get("/settings").text
        form = fields(html, "/people/invite") | {"name": "Bea", "role": "reviewer"}
        link = re.search(
            r'value="(http://hive\.example/invite/[^"]+)"', admin.post("/people/invite", data=form).text
        )
        assert link is not None
        assert link[1] not in admin.get("/settings").text
    with TestClient(world.app, base_url="http://hive.example") as guest:
        assert guest.get(link[1]).status_code == 200
        assert "As reviewer" in guest.get(link[1]).text
        joined = guest.post(link[1], data={"name": "Bea"}, follow_redirects=False)
        assert (joined.status_code, joined.headers["location"]) == (303, "/")
        assert "Bea" in guest.get("/").text
        listed = guest.get("/settings").text.partition("Your tokens")[2]
        assert '<td data-label="Role">reviewer</td>' in listed
        assert '<td data-label="Role">admin</td>' not in listed
    with TestClient(world.app, base_url="http://hive.example") as late:
        assert late.post(link[1], data={"name": "Eve"}).status_code in (400, 404, 410)


def test_a_machine_is_let_in_by_its_code(world: World) -> None:
    """Who is logged in sees which machine asks, and grants it; the form needs the session's secret."""
    started = joining.start_device(world.database, label="laptop <b>", address="192.0.2.7")
    with as_role(world, Role.WRITER) as writer:
        html = writer.get(f"/login/device?code={started.user_code}").text
        assert "laptop &lt;b&gt;" in html
        assert "192.0.2.7" in html
        sent = fields(html, "/login/device")
        assert writer.post("/login/device", data=sent | {"csrf": "", "answer": "grant"}).status_code == 403
        done = writer.post("/login/device", data=sent | {"answer": "grant", "role": "writer"})
        assert "is let in" in done.text
        assert writer.get("/login/device?code=XXXX-XXXX").status_code == 404
    token, _ = joining.poll_device(world.database, started.device_code)
    assert token.role is Role.WRITER


def test_a_reader_sees_and_does_not_decide(world: World) -> None:
    """The buttons are not there, and what they send is refused."""
    path = f"/review/{world.ours.skill_id}"
    with as_role(world, Role.READER) as reader:
        html = reader.get(path).text
        assert "a reviewer decides" in html
        assert "/approve" not in html
        csrf = re.search(r'name="csrf" value="(\w+)"', html)
        assert csrf is not None
        for action in ("approve", "reject", "undo", "edit", "merge", "check"):
            sent = {"csrf": csrf[1], "version": "1", "state": "active", "decision": "2", "text": "x"}
            sent |= {"into": "y", "into_version": "1"}
            assert reader.post(f"{path}/{action}", data=sent).status_code == 403
        invite = {"csrf": csrf[1], "role": "admin", "name": "Eve"}
        assert reader.post("/people/invite", data=invite).status_code == 403
        assert reader.post("/settings/tokens", data=invite).status_code == 403
        person = world.ours.people[Role.ADMIN]
        assert reader.post(f"/people/{person}/remove", data=invite).status_code == 403


def test_a_reviewer_decides_and_the_log_knows(world: World) -> None:
    """A decision is in the ledger with a name, and in the audit log."""
    with as_role(world, Role.REVIEWER) as reviewer:
        path = f"/review/{world.ours.skill_id}"
        answer = send(reviewer, path, f"{world.ours.skill_id}/reject", reason="no longer")
        assert answer.status_code == 303
    with world.database.read("ours") as workspace:
        assert skills.by_id(workspace, world.ours.skill_id).state.value == "retired"
    assert "skill.reject" in world.actions()


def test_teams_do_not_see_each_other(world: World) -> None:
    """No page of ours has a word of theirs, and their ids are unknown here."""
    with as_role(world, Role.ADMIN) as admin:
        paths = ["/", "/review", "/skills", "/sessions", "/models", "/settings"]
        paths += [f"{path}?scope={scope}" for path in paths for scope in ("me", "org")]
        for path in paths:
            answer = admin.get(path)
            assert answer.status_code == 200
            assert CANARY + "theirs" not in answer.text
        for theirs in (world.theirs.skill_id, world.theirs.org_skill_id, world.theirs.own_skill_id):
            for path in (f"/skills/{theirs}", f"/review/{theirs}", f"/review/{theirs}?scope=org"):
                if theirs not in vars(world.ours).values():
                    assert admin.get(path).status_code == 404
        assert admin.get(f"/sessions/{world.theirs.session_id}").status_code == 404
        assert admin.get(f"/sessions/{world.ours.own_session_id}").status_code == 404


def test_a_read_that_crosses_people_is_logged(world: World) -> None:
    """Reading somebody else's session leaves an entry; reading one's own does not."""
    with as_role(world, Role.WRITER) as writer:
        assert writer.get(f"/sessions/{world.ours.session_id}").status_code == 200
    assert "session.read" not in world.actions()
    with as_role(world, Role.READER) as reader:
        assert reader.get(f"/sessions/{world.ours.session_id}").status_code == 200
    assert "session.read" in world.actions()


def test_a_revoked_session_is_out_at_once(world: World) -> None:
    """Logging out, and being removed, end a browser's session with the request."""
    with as_role(world, Role.READER) as reader, as_role(world, Role.WRITER) as writer:
        send(reader, "/", "/logout")
        assert reader.get("/", follow_redirects=False).status_code == 303
        with world.database.write("ours") as workspace:
            at = joining.datetime.now(joining.UTC)
            accounts.change_member(workspace, world.ours.people[Role.WRITER], role=None, at=at)
        assert writer.get("/", follow_redirects=False).status_code == 303


def test_a_token_is_shown_once_and_is_no_more_than_its_maker(world: World) -> None:
    """It works until it is revoked."""
    with as_role(world, Role.WRITER) as writer:
        html = writer.get("/settings").text
        csrf = re.search(r'name="csrf" value="(\w+)"', html)
        assert csrf is not None
        sent = {"csrf": csrf[1], "name": "ci", "role": "reader", "days": "30"}
        made = re.search(r'value="(hm\.ours\.[^"]+)"', writer.post("/settings/tokens", data=sent).text)
        assert made is not None
        assert made[1] not in writer.get("/settings").text
        assert world.call("GET", "/skills", token=made[1]).status_code == 200
        assert writer.post("/settings/tokens", data=sent | {"role": "admin"}).status_code == 403
        assert writer.post("/settings/tokens", data=sent | {"days": "9999"}).status_code == 422
        token_id = made[1].split(".")[2]
        assert writer.post(f"/settings/tokens/{token_id}/revoke", data=sent).status_code == 200
        assert world.call("GET", "/skills", token=made[1]).status_code == 401
