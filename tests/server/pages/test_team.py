"""The pages of a team: coming in, what each role sees and may do, and that teams do not see each other."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import pytest
from server_world import CANARY, World, make_session, make_world
from starlette.testclient import TestClient
from stored import event
from test_local import fields, send

from databases import Maker
from hivemind.domain.accounts import Role
from hivemind.domain.events import SessionFacts
from hivemind.domain.lessons import Occurrence
from hivemind.domain.skills import Evidence, SkillDocument, SkillState
from hivemind.library import lifecycle
from hivemind.server import serving
from hivemind.server.access import joining
from hivemind.server.access.team import COOKIE, TeamAccess
from hivemind.server.app import create_app
from hivemind.server.site import Site
from hivemind.store import accounts, lessons, sessions, skills
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


def test_the_overview_knows_what_has_just_come(world: World) -> None:
    """It never says that there is nothing beside what was stored before it was opened."""
    with as_role(world, Role.READER) as reader:
        before = re.search(r"<strong>(\d+)</strong><span>sessions", reader.get("/").text)
        assert before is not None
        with world.database.write("ours") as workspace:
            for number in range(3):
                facts = SessionFacts(session_id=f"new-{number}", agent="claude", cwd="/x")
                sessions.append(workspace, facts, events=[event(f"new-{number}")])
        shown = int(before[1]) + 3
        assert f"<strong>{shown}</strong><span>sessions" in reader.get("/").text


def test_a_team_without_sessions_is_told_how_to_begin(databases: Maker) -> None:
    """Admins are to invite people, everybody is to send sessions; nothing is told of one machine."""
    database = databases.open()
    first = serving.found(database, workspace_id="new", organisation="acme")
    ada = joining.accept_invitation(database, first, name="Ada")
    app = create_app(Site(database=database, access=TeamAccess(database=database)))
    with TestClient(app, base_url="http://hive.example") as client:
        client.cookies.set(COOKIE, ada.text)
        html = client.get("/").text
    assert "<code>hivemind login http://hive.example</code>" in html
    assert "<code>hivemind project NAME --capture team</code>" in html
    assert "Invite people" in html
    assert "backfill" not in html
    assert "`" not in html


def test_settings_say_what_happens_with_skills(world: World) -> None:
    """By the policies in effect, and by the setting that is a server's."""
    with as_role(world, Role.ADMIN) as admin:
        for wanted, said in (
            ("review", "before a reviewer has approved it"),
            ("auto", "nobody has to approve"),
        ):
            form = {"publish_policy": wanted, "share_policy": wanted}
            send(admin, "/settings", "/settings/policies", **form)
            html = admin.get("/settings").text
            assert said in html.partition("Policies</h2>")[2].partition("<form")[0]
            assert "the server’s own is <code>team.policy</code>" in html


def test_a_skill_says_whose_it_is(world: World) -> None:
    """By the space that it was read from; the scopes are called by what they are."""
    with as_role(world, Role.WRITER) as writer:
        team = writer.get(f"/skills/{world.ours.skill_id}").text
        own = writer.get(f"/skills/{world.ours.own_skill_id}?scope=me").text
        shared = writer.get(f"/skills/{world.ours.org_skill_id}?scope=org").text
    assert "· of the team ours ·" in team
    assert "· only yours ·" in own
    assert "· of all of acme ·" in shared
    assert re.findall(r'class="scopes".*?</nav>', team, re.DOTALL)[0].count("ours") == 0
    for name in ("this team", "all of acme", "only you"):
        assert f">{name}</a>" in team


def _cited_skill(world: World) -> str:
    """Make a skill that rests on a session of the writer and one of the reviewer."""
    concerned: set[str] = set()
    for role in (Role.WRITER, Role.REVIEWER):
        name = f"shows-{role}"
        make_session(world.database, "ours", name, person_id=world.ours.people[role], says="x")
        with world.database.write("ours") as workspace:
            row = sessions.events_of(workspace, name)[0]
            cited = Evidence(event_id=row.event_id, session_id=name, role="success", excerpt="x")
            seen = Occurrence(kind="command", key="make it", topic="test", data={}, evidence=(cited,))
            session = sessions.session(workspace, name)
            concerned |= lessons.replace_occurrences(workspace, session, occurrences=[seen])
            lessons.refresh(workspace, sorted(concerned))
    document = SkillDocument(name="cited", description="Use it.", body="Run `make it`.")
    with world.database.write("ours") as workspace:
        made = lifecycle.create(
            workspace, document, project_id="", origin="mined", actor="x", lesson_ids=sorted(concerned)
        )
    return made.skill_id


def test_a_skill_says_whose_sessions_it_rests_on(world: World) -> None:
    """How many people, and who, with each session that is cited."""
    skill_id = _cited_skill(world)
    with as_role(world, Role.READER) as reader:
        for path in (f"/skills/{skill_id}", f"/review/{skill_id}"):
            html = reader.get(path).text
            assert "2 people, 2 sessions:" in html
            for role in (Role.WRITER, Role.REVIEWER):
                assert f'/sessions/shows-{role}">claude, ' in html
                assert f"{role} {CANARY}ours" in html


def test_what_is_said_of_deciding_fits_the_role(world: World) -> None:
    """A reader is not told that they can decide."""
    with world.database.write("ours") as workspace:
        lifecycle.decide(workspace, world.ours.skill_id, SkillState.RETIRED, actor="person:Ada")
    told = "you can decide all the same"
    path = f"/review/{world.ours.skill_id}"
    with as_role(world, Role.READER) as reader, as_role(world, Role.REVIEWER) as reviewer:
        html = reader.get(path).text
        assert "a reviewer decides" in html
        assert told not in html
        assert told in reviewer.get(path).text


def test_an_unknown_address_is_a_page_for_browsers_alone(world: World) -> None:
    """Programs, and whoever asks below /api, get the problem as data."""
    browser = {"accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
    with as_role(world, Role.READER) as reader:
        shown = reader.get("/no/such/page", headers=browser)
        assert (shown.status_code, "There is no such page" in shown.text) == (404, True)
        assert shown.headers["content-type"].startswith("text/html")
        for path, headers in (("/api/v1/nothing", browser), ("/no/such/page", {"accept": "*/*"})):
            answer = reader.get(path, headers=headers)
            assert answer.headers["content-type"] == "application/problem+json"
            assert answer.status_code == 404
    with TestClient(world.app, base_url="http://hive.example") as stranger:
        answer = stranger.get("/no/such/page", headers=browser)
        assert (answer.status_code, "There is no such page" in answer.text) == (404, True)


def test_a_new_version_is_called_by_its_number(world: World) -> None:
    """No change of state is told where there was none."""
    path = f"/review/{world.ours.skill_id}/edit"
    with as_role(world, Role.REVIEWER) as reviewer:
        text = reviewer.get(f"/skills/{world.ours.skill_id}/SKILL.md").text
        action = f"{world.ours.skill_id}/edit"
        assert send(reviewer, path, action, text=text + "\nMore.\n").status_code == 303
        html = reviewer.get("/").text.partition("Learnt lately")[2]
    assert re.search(r'<span class="muted">version \d</span>', html)
    assert "active → active" not in html


def test_a_session_of_the_future_is_no_news(world: World) -> None:
    """It is neither on top nor in the range of what is stored, and found by who asks for it."""
    later = datetime(2093, 1, 1, tzinfo=UTC)
    with world.database.write("ours") as workspace:
        facts = SessionFacts(session_id="of-2093", agent="claude", cwd="/x")
        sessions.append(workspace, facts, events=[event("of-2093", at=later)])
    with as_role(world, Role.READER) as reader:
        html = reader.get("/sessions").text
        assert "/sessions/of-2093" not in html
        assert f"/sessions/{world.ours.session_id}" in html
        assert "1 session is dated in the future" in html
        link = re.search(r'<a href="([^"]+)">show it</a>', html)
        assert link is not None
        found = reader.get(link[1]).text
        assert "/sessions/of-2093" in found
        assert "1 Jan 2093</time>" in found
        assert "2093" not in reader.get("/").text


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
