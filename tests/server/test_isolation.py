"""Nobody reads or writes what is another team's, on any route that the schema names, whatever their role."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa
from server_world import CANARY, World

from hivemind.domain.accounts import Role
from hivemind.store import schema, sessions

METHODS = ("get", "post", "put", "patch", "delete")
#: Bodies with which a route would do something, were it our own team's; by the end of the path.
BODIES: dict[str, list[dict[str, Any]]] = {
    "/decisions": [{"action": action} for action in ("retire", "undo")],
    "/versions": [{"skill_md": "---\nname: x\ndescription: y\n---\n\nRun `make it`.\n", "base_version": 1}],
    "/proposals": [{"skill_md": "---\nname: x\ndescription: y\n---\n\nRun `make it`.\n", "base_version": 1}],
    "/proposals/{proposal_id}": [{"is_accepted": True, "version": 1}, {"is_accepted": False}],
    "/members/{person_id}": [{"role": "admin"}],
    "/outcome": [{"outcome": "failure"}],
    "/context": [{"prompt": "how to deploy the shop?"}],
    "/workspaces": [{"name": "theirs"}],
    "/settings": [
        {
            "publish_policy": "auto",
            "share_policy": "auto",
            "redaction_rules": [{"id": "all", "regex": "deploy.+"}],
            "retention_days": 1,
        }
    ],
    "/tokens": [{"name": "more", "role": "reader"}],
    "/invitations": [{"role": "admin"}],
    "/device/approve": [{"user_code": "BBBB-BBBB"}],
    "/login/device": [{"label": "a machine"}],
    "/login/token": [{"device_code": "hm.server.0123456789abcdef." + "a" * 43}],
}


def synced(world: World) -> dict[str, list[dict[str, Any]]]:
    """Give bodies of the routes of syncing that name what is theirs."""
    theirs = world.theirs
    with world.database.read(theirs.workspace_id) as workspace:
        known = sessions.events_of(workspace, theirs.session_id)[0].event_id
    sent = {
        "session_id": theirs.session_id,
        "agent": "claude",
        "remote": "github.com/acme/shop",
        "from_seq": 0,
        "to_seq": 1,
        "events": [{"id": known, "seq": 0, "kind": "prompt", "text": "hello"}],
    }
    written = {"name": "deploy-theirs", "description": "Deploy.", "body": "Run `make it`.", "metadata": {}}
    return {
        "/sync/held": [{"sessions": [theirs.session_id, theirs.own_session_id]}],
        "/sync/sessions": [{"machine": {"machine_id": "0" * 32}, "sessions": [sent]}],
        "/sync/skills": [
            {"skill_id": one, "topic": "", "requests": "", "remote": "", "document": written}
            for one in (theirs.skill_id, theirs.org_skill_id)
        ],
    }


#: Routes below /api/v1 that anybody may call, since they are how a token is come by.
OPEN = {"/api/v1/login/device", "/api/v1/login/token"}
TEAMS = ("theirs", "org.other")


def routes(world: World) -> Iterator[tuple[str, str, list[str]]]:
    """Give the method, the path and the parameters in the path of every operation of the API."""
    for path, operations in world.app.openapi()["paths"].items():
        if path.startswith("/api/"):
            for method in METHODS:
                if method in operations:
                    yield method, path, re.findall(r"{(\w+)}", path)


def scoped(world: World, method: str, path: str) -> bool:
    """Say whether a route asks whose rows are meant."""
    parameters = world.app.openapi()["paths"][path][method].get("parameters", ())
    return any(one["name"] == "scope" for one in parameters)


def rows_of(world: World, spaces: tuple[str, ...]) -> dict[str, list[Any]]:
    """Give every row of some spaces, but for the tokens' last use."""
    found = {}
    with world.database.engine.connect() as connection:
        for table in schema.metadata.sorted_tables:
            columns = [c for c in table.columns if c.name != "used_at"]
            query = sa.select(*columns).where(table.c.workspace_id.in_(spaces)).order_by(*table.primary_key)
            found[table.name] = [tuple(map(repr, row)) for row in connection.execute(query)]
    return found


def aims(world: World) -> dict[str, list[str]]:
    """Give what of the other team's each parameter of a path could name, and what is nobody's."""
    theirs = world.theirs
    own = [theirs.own_skill_id, theirs.org_skill_id]
    return {
        "skill_id": [theirs.skill_id, *own],
        "session_id": [theirs.session_id, theirs.own_session_id],
        "person_id": [theirs.people[Role.WRITER]],
        "token_id": [theirs.token_ids[Role.ADMIN]],
        "invitation_id": [theirs.invitation_id],
        "proposal_id": [theirs.proposal_id],
        "key_id": ["k0"],
        "machine_id": ["m0"],
    }


def requests(world: World) -> Iterator[tuple[str, str, dict[str, Any] | None]]:
    """Give every request that aims at the other team: each route, with each of their ids and each scope."""
    known, made = aims(world), BODIES | synced(world)
    for method, path, names in routes(world):
        missing = [name for name in names if name not in known]
        assert not missing, f"say in `aims` what {missing} of {path} can name of another team's"
        bodies: list[dict[str, Any] | None] = [None]
        if method in ("post", "put", "patch"):
            ends = [end for end in made if path.endswith(end)]
            bodies = [*made[max(ends, key=len)]] if ends else [{}]
        urls = {path}
        for name in names:
            urls = {url.replace(f"{{{name}}}", value) for url in urls for value in known[name]}
        for url in sorted(urls):
            for scope in ("?scope=team", "?scope=me", "?scope=org") if scoped(world, method, path) else ("",):
                for body in bodies:
                    yield method, url + scope, body


@pytest.mark.slow
@pytest.mark.parametrize("role", ["nobody", *Role])
def test_no_role_of_one_team_reaches_another_team(world: World, role: str) -> None:
    """No answer holds anything of theirs, and not one of their rows is another one afterwards."""
    token = world.ours.tokens.get(role, "")
    spaces = (*TEAMS, *(f"me.{person}" for person in world.theirs.people.values()))
    before = rows_of(world, spaces)
    count = 0
    for method, url, body in requests(world):
        answer = world.call(method.upper(), url, token=token, json=body)
        count += 1
        path = url.partition("?")[0]
        assert CANARY + "theirs" not in answer.text, f"{role} reads theirs by {method} {url}"
        assert answer.status_code < 500, f"{method} {url}: {answer.text}"
        if role == "nobody" and path not in OPEN:
            assert answer.status_code == 401, f"{method} {url} answers nobody {answer.status_code}"
        elif "{" not in path and any(one in path for ids in aims(world).values() for one in ids):
            assert answer.status_code in (401, 403, 404, 409, 412, 422), f"{role}: {method} {url} is done"
    assert rows_of(world, spaces) == before
    assert count > 60


def test_no_member_sees_the_space_of_another(world: World) -> None:
    """What is in a member's own space comes to nobody else of their team, be it an admin."""
    own = CANARY + "ours own"
    for role in (Role.READER, Role.REVIEWER, Role.ADMIN):
        token = world.ours.tokens[role]
        for path in (
            "/skills",
            "/skills?scope=me",
            "/sessions",
            "/sessions?scope=me",
            "/export",
            "/export?scope=me",
            f"/skills/{world.ours.own_skill_id}?scope=me",
            f"/sessions/{world.ours.own_session_id}?scope=me",
            f"/sessions/{world.ours.own_session_id}/events?scope=me",
        ):
            assert own not in world.call("GET", path, token=token).text, f"{role} reads it by {path}"
        found = world.call("POST", "/context", token=token, json={"prompt": "deploy the shop my-deploy"})
        assert own not in found.text
    mine = world.as_role(Role.WRITER, "GET", f"/sessions/{world.ours.own_session_id}/events?scope=me")
    assert own in mine.text


def test_a_token_names_its_workspace_and_no_other(world: World) -> None:
    """A token with the name of another workspace in it is no token."""
    forged = world.ours.tokens[Role.ADMIN].replace("hm.ours.", "hm.theirs.")
    assert world.call("GET", "/me", token=forged).status_code == 401
    for name in ("me." + world.theirs.people[Role.WRITER], "org.other", "server"):
        forged = world.ours.tokens[Role.ADMIN].replace("hm.ours.", f"hm.{name}.")
        assert world.call("GET", "/me", token=forged).status_code == 401


def test_a_revoked_token_is_dead_at_once(world: World) -> None:
    """Also in another process: each request asks the database."""
    token = world.ours.tokens[Role.READER]
    assert world.call("GET", "/me", token=token).status_code == 200
    path = f"/tokens/{world.ours.token_ids[Role.READER]}"
    assert world.as_role(Role.ADMIN, "DELETE", path).status_code == 204
    refused = world.call("GET", "/me", token=token)
    assert refused.status_code == 401
    assert refused.headers["www-authenticate"] == "Bearer"
    writer = world.ours.people[Role.WRITER]
    assert world.as_role(Role.ADMIN, "DELETE", f"/members/{writer}").status_code == 204
    assert world.as_role(Role.WRITER, "GET", "/me").status_code == 401


#: The least role that each route takes, by the method and the end of its path; the rest take a reader.
LEAST = {
    ("patch", "/members/{person_id}"): Role.ADMIN,
    ("delete", "/members/{person_id}"): Role.ADMIN,
    ("post", "/workspaces"): Role.ADMIN,
    ("get", "/invitations"): Role.ADMIN,
    ("post", "/invitations"): Role.ADMIN,
    ("delete", "/invitations/{invitation_id}"): Role.ADMIN,
    ("get", "/audit"): Role.ADMIN,
    ("put", "/settings"): Role.ADMIN,
    ("get", "/export"): Role.ADMIN,
    ("post", "/skills/{skill_id}/decisions"): Role.REVIEWER,
    ("post", "/skills/{skill_id}/versions"): Role.WRITER,
    ("post", "/skills/{skill_id}/proposals"): Role.WRITER,
    ("post", "/skills/{skill_id}/proposals/{proposal_id}"): Role.REVIEWER,
    ("post", "/sessions/{session_id}/outcome"): Role.WRITER,
}


def test_each_route_takes_its_role(world: World) -> None:
    """Every role below the one of the table is turned away, before anything else is looked at."""
    for method, path, names in routes(world):
        least = LEAST.get((method, path.removeprefix("/api/v1")))
        if least is None:
            continue
        url = path
        for name in names:
            url = url.replace(f"{{{name}}}", "nothing")
        for role in Role:
            if not role.covers(least):
                ends = [end for end in BODIES if path.endswith(end)]
                body = BODIES[max(ends, key=len)][0] if ends else None
                answer = world.as_role(role, method.upper(), url, json=body)
                assert answer.status_code == 403, f"{role} {method} {path}: {answer.status_code}"
    paths = {(method, path.removeprefix("/api/v1")) for method, path, _ in routes(world)}
    assert set(LEAST) <= paths
