"""People, tokens and logins over the API, and what the log says of them."""

from __future__ import annotations

import json

import pytest
from server_world import CANARY, World
from stored import event

from hivemind.domain.accounts import Role
from hivemind.domain.events import EventKind, SessionFacts
from hivemind.server.access import joining
from hivemind.server.access.team import PAGE_KINDS, viewer_of
from hivemind.server.api import people
from hivemind.store import sessions


def test_whoever_has_a_token_learns_whose_it_is(world: World) -> None:
    """With the workspace, the role and the scopes that it is good for."""
    me = world.as_role(Role.WRITER, "GET", "/me").json()
    assert (me["workspace"], me["organisation"], me["role"]) == ("ours", "acme", "writer")
    assert me["scopes"] == ["me", "team", "org"]


def test_an_invitation_is_made_shown_once_and_withdrawn(world: World) -> None:
    """Its link lets somebody in; the list shows no link."""
    wanted = {"role": "reviewer", "name": "Bo", "email": "bo@example.com"}
    made = world.as_role(Role.ADMIN, "POST", "/invitations", json=wanted).json()
    text = made["link"].rpartition("/")[2]
    listed = world.as_role(Role.ADMIN, "GET", "/invitations")
    assert text not in listed.text
    assert made["invitation_id"] in listed.text
    joined = joining.accept_invitation(world.database, text, name="")
    assert (joined.member.name, joined.member.email) == ("Bo", "bo@example.com")
    assert joined.member.invited_by == world.ours.people[Role.ADMIN]
    made = world.as_role(Role.ADMIN, "POST", "/invitations", json={"role": "reader"}).json()
    path = f"/invitations/{made['invitation_id']}"
    assert world.as_role(Role.ADMIN, "DELETE", path).status_code == 204
    assert world.as_role(Role.ADMIN, "DELETE", path).status_code == 404
    token = f"/invitations/{world.ours.token_ids[Role.READER]}"
    assert world.as_role(Role.ADMIN, "DELETE", token).status_code == 404


def test_a_token_may_do_no_more_than_who_made_it(world: World) -> None:
    """Neither by its role nor by its scopes, nor by being rotated."""
    refused = world.as_role(Role.WRITER, "POST", "/tokens", json={"role": "admin"})
    assert refused.status_code == 403
    small = world.as_role(
        Role.WRITER, "POST", "/tokens", json={"role": "reader", "scopes": ["team"], "name": "ci"}
    ).json()
    assert world.call("GET", "/skills?scope=team", token=small["token"]).status_code == 200
    assert world.call("GET", "/skills?scope=me", token=small["token"]).status_code == 403
    wide = world.call("POST", "/tokens", token=small["token"], json={"scopes": ["me"]})
    assert wide.status_code == 403
    mine = f"/tokens/{world.ours.token_ids[Role.WRITER]}/rotate"
    assert world.call("POST", mine, token=small["token"]).status_code == 403
    rotated = world.call("POST", f"/tokens/{small['token_id']}/rotate", token=small["token"]).json()
    assert (rotated["role"], rotated["scopes"], rotated["name"]) == ("reader", ["team"], "ci")
    assert world.call("GET", "/me", token=small["token"]).status_code == 401
    assert world.call("GET", "/me", token=rotated["token"]).status_code == 200
    assert "token.create" in world.actions()


def test_roles_change_at_once_and_the_last_admin_stays(world: World) -> None:
    """A token does what its owner may now."""
    path = f"/members/{world.ours.people[Role.REVIEWER]}"
    assert world.as_role(Role.ADMIN, "PATCH", path, json={"role": "reader"}).json()["role"] == "reader"
    assert world.as_role(Role.REVIEWER, "GET", "/me").json()["role"] == "reader"
    held = world.as_role(Role.REVIEWER, "GET", "/tokens").json()["items"]
    assert {one["role"] for one in held} == {"reader"}
    own = f"/members/{world.ours.people[Role.ADMIN]}"
    assert world.as_role(Role.ADMIN, "PATCH", own, json={"role": "reader"}).status_code == 409
    assert world.as_role(Role.ADMIN, "DELETE", own).status_code == 409
    names = world.as_role(Role.READER, "GET", "/members?limit=3").json()
    rest = world.as_role(Role.READER, "GET", f"/members?after={names['next']}").json()
    assert len(names["items"]) + len(rest["items"]) == 4
    assert rest["next"] == ""


def test_an_admin_makes_another_workspace(world: World) -> None:
    """They are its admin, as the same person; a name that is taken or reserved is refused."""
    made = world.as_role(Role.ADMIN, "POST", "/workspaces", json={"name": "second"}).json()
    joined = joining.accept_invitation(world.database, made["link"].rpartition("/")[2], name="")
    viewer = viewer_of(world.database, joined.text, kinds=PAGE_KINDS)
    assert viewer is not None
    assert (viewer.person_id, viewer.role) == (world.ours.people[Role.ADMIN], Role.ADMIN)
    names = world.as_role(Role.READER, "GET", "/workspaces").json()["items"]
    assert names == [{"name": "ours", "role": "reader"}, {"name": "second", "role": None}]
    for name, status in (("theirs", 409), ("me.x", 422), ("org.other", 422), ("server", 422), ("a/b", 422)):
        assert world.as_role(Role.ADMIN, "POST", "/workspaces", json={"name": name}).status_code == status, (
            name
        )


def test_a_machine_logs_in_over_the_api(world: World) -> None:
    """As RFC 8628 says: it waits, somebody confirms, the token comes once."""
    started = world.call("POST", "/login/device", json={"label": "laptop"}).json()
    assert started["verification_uri_complete"].endswith(f"/login/device?code={started['user_code']}")
    ask = {"device_code": started["device_code"]}
    waits = world.call("POST", "/login/token", json=ask)
    assert (waits.status_code, waits.json()["error"]) == (400, "authorization_pending")
    assert world.call("POST", "/login/token", json=ask).json()["error"] == "slow_down"
    approve = {"user_code": started["user_code"]}
    assert world.call("POST", "/login/device/approve", json=approve).status_code == 401
    shown = world.as_role(Role.WRITER, "POST", "/login/device/approve", json=approve).json()
    assert shown["label"] == "laptop"
    granted = world.call("POST", "/login/token", json=ask).json()
    assert (granted["role"], granted["workspace"]) == ("writer", "ours")
    assert world.call("GET", "/me", token=granted["access_token"]).status_code == 200
    assert world.call("POST", "/login/token", json=ask).json()["error"] == "expired_token"
    another = world.call("POST", "/login/device", json={}).json()
    refuse = {"user_code": another["user_code"], "is_refused": True}
    assert world.as_role(Role.WRITER, "POST", "/login/device/approve", json=refuse).status_code == 200
    ask = {"device_code": another["device_code"]}
    assert world.call("POST", "/login/token", json=ask).json()["error"] == "access_denied"


def test_codes_cannot_be_tried_for_long(world: World) -> None:
    """Neither by a person who guesses them, nor by an address that begins logins."""
    answers = [
        world.as_role(Role.WRITER, "POST", "/login/device/approve", json={"user_code": f"BBBB-BBB{n}"})
        for n in range(12)
    ]
    assert [a.status_code for a in answers][-1] == 429
    begun = [world.call("POST", "/login/device", json={}).status_code for _ in range(12)]
    assert begun[-1] == 429


def test_reading_anothers_session_is_logged(world: World) -> None:
    """One's own is not; who read what of whom is in the log, which only admins read."""
    path = f"/sessions/{world.ours.session_id}"
    assert world.as_role(Role.WRITER, "GET", path).status_code == 200
    assert "session.read" not in world.actions()
    events = world.as_role(Role.READER, "GET", f"{path}/events?limit=2").json()
    rest = world.as_role(Role.READER, "GET", f"{path}/events?after={events['next']}").json()
    assert [e["seq"] for e in events["items"] + rest["items"]] == [0, 1, 2]
    assert rest["next"] == ""
    log = world.as_role(Role.ADMIN, "GET", "/audit?action=session.read").json()["items"]
    assert log[0]["person_id"] == world.ours.people[Role.READER]
    assert log[0]["detail"] == {"person": world.ours.people[Role.WRITER]}
    first = world.as_role(Role.ADMIN, "GET", "/audit?limit=1").json()
    second = world.as_role(Role.ADMIN, "GET", f"/audit?limit=1&after={first['next']}").json()
    assert first["items"][0]["entry_id"] > second["items"][0]["entry_id"]


def test_a_session_is_deleted_by_its_owner_or_an_admin(world: World) -> None:
    """By nobody else."""
    path = f"/sessions/{world.ours.session_id}"
    assert world.as_role(Role.REVIEWER, "DELETE", path).status_code == 403
    assert (
        world.as_role(Role.WRITER, "POST", f"{path}/outcome", json={"outcome": "success"}).status_code == 201
    )
    assert (
        world.as_role(Role.WRITER, "POST", f"{path}/outcome", json={"reward": 0.2}).json()["outcome"]
        == "failure"
    )
    assert world.as_role(Role.WRITER, "POST", f"{path}/outcome", json={}).status_code == 400
    assert world.as_role(Role.WRITER, "DELETE", path).status_code == 204
    assert world.as_role(Role.READER, "GET", path).status_code == 404
    assert world.as_role(Role.ADMIN, "DELETE", path).status_code == 404


def test_everything_is_exported_and_nothing_secret(world: World) -> None:
    """One object a line, with every session, event, skill and decision, and without tokens."""
    answer = world.as_role(Role.ADMIN, "GET", "/export")
    lines = [json.loads(line) for line in answer.text.splitlines()]
    tables = {line["table"] for line in lines}
    assert {"members", "skills", "skill_versions", "decisions", "sessions", "events", "proposals"} <= tables
    assert not {"tokens", "keys"} & tables
    assert sum(line["table"] == "events" for line in lines) == 3
    assert CANARY + "ours" in answer.text
    assert "export" in world.actions()


def test_a_body_that_is_no_json_is_called_so(world: World) -> None:
    """And where it stops being any."""
    headers = {"content-type": "application/json"}
    answer = world.as_role(Role.ADMIN, "POST", "/tokens", content=b"not json", headers=headers)
    assert answer.status_code == 422
    assert answer.json()["detail"].startswith("the body is no JSON: ")
    assert "{}" not in answer.text


def test_an_export_goes_in_large_pieces(world: World) -> None:
    """A line by itself would cost a turn of the event loop each; numbers beyond 64 bits are lines, too."""
    many = [event(f"e{number}", f"“line {number}”\n" * 20) for number in range(1_200)]
    odd = event("odd", kind=EventKind.TOOL_CALL, data={"large": 10**30})
    with world.database.write("ours") as workspace:
        facts = SessionFacts(session_id="long", agent="claude", cwd="/x")
        sessions.append(workspace, facts, events=[*many, odd])
    pieces = list(people._pieces(world.database, "ours"))
    assert 1 < len(pieces) <= 5
    rows = [json.loads(line)["row"] for line in b"".join(pieces).splitlines()]
    held = [row for row in rows if row.get("session_id") == "long" and "event_id" in row]
    assert len({row["event_id"] for row in held}) == len(held) == 1_201
    assert {"“line 7”\n" * 20, "“line 1199”\n" * 20} <= {row["text"] for row in held}
    assert {"large": 10**30} in [row["data"] for row in held]


def test_a_persons_data_is_deleted_and_skills_stay(world: World) -> None:
    """By themselves or an admin; it is in the log, without what it was."""
    writer = world.ours.people[Role.WRITER]
    path = f"/people/{writer}/data"
    assert world.as_role(Role.REVIEWER, "DELETE", path).status_code == 403
    assert world.as_role(Role.ADMIN, "DELETE", f"{path}?scope=me").status_code == 404
    done = world.as_role(Role.ADMIN, "DELETE", path).json()
    assert (done["sessions"], done["events"]) == (1, 3)
    assert world.as_role(Role.READER, "GET", f"/sessions/{world.ours.session_id}").status_code == 404
    assert world.as_role(Role.READER, "GET", f"/skills/{world.ours.skill_id}").status_code == 200
    assert "person.delete-data" in world.actions()
    own = f"/skills/{world.ours.own_skill_id}?scope=me"
    assert world.as_role(Role.WRITER, "GET", own).status_code == 200
    assert world.as_role(Role.WRITER, "DELETE", f"{path}?scope=me").json()["sessions"] == 1
    assert world.as_role(Role.WRITER, "GET", own).status_code == 404


HOSTILE = ["\0", "a\0b", "x" * 5000, "../..", "%", "'; DROP TABLE skills; --", "😀" * 50]


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_is_answered(world: World, text: str) -> None:
    """Never with a failure of ours, on either database."""
    from urllib.parse import quote

    for path in (
        f"/skills/{quote(text, safe='')}",
        f"/skills?q={quote(text)}",
        f"/skills?after={quote(text)}",
        f"/sessions/{quote(text, safe='')}/events",
        f"/sessions?q={quote(text)}&since={quote(text)}",
        f"/audit?action={quote(text)}",
    ):
        answer = world.as_role(Role.ADMIN, "GET", path)
        assert answer.status_code in (200, 400, 404, 422), f"{path}: {answer.status_code} {answer.text}"
    answer = world.as_role(Role.ADMIN, "POST", "/tokens", json={"name": text})
    assert answer.status_code in (201, 422)
    answer = world.as_role(Role.ADMIN, "POST", "/context", json={"prompt": text, "project": text[:9]})
    assert answer.status_code in (200, 422)


@pytest.mark.parametrize(
    "body",
    [
        b'{"name": "\\ud800"}',
        b'{"\\ud800": 1}',
        b'{"days": 1' + b"0" * 5000 + b"}",
        b'{"days": 1e999}',
        b"[" * 100_000,
        b'{"name": ' + b"[" * 50_000 + b"]" * 50_000 + b"}",
        b"\xff\xfe",
        b"",
        b"null",
    ],
)
def test_hostile_json_is_refused(world: World, body: bytes) -> None:
    """With a problem that says what is wrong."""
    headers = {"Content-Type": "application/json"}
    answer = world.as_role(Role.ADMIN, "POST", "/tokens", content=body, headers=headers)
    assert answer.status_code in (400, 422), answer.text
    assert answer.headers["content-type"] == "application/problem+json"
