"""What admins set for their team: over the API, and that intake and worker go by it."""

from __future__ import annotations

import gzip
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from server_world import World

from hivemind.config import Settings
from hivemind.domain.accounts import Role
from hivemind.library import team_settings
from hivemind.store import audit, jobs, schema, sessions
from hivemind.worker import retention
from hivemind.worker.shared import SharedWorker

NOTHING: dict[str, Any] = {
    "publish_policy": None,
    "share_policy": None,
    "redaction_rules": [],
    "retention_days": 0,
}
BADGE = {"id": "acme-badge", "regex": r"ACME-\d{4}"}


def put(world: World, **changed: Any) -> Any:
    """Set what is named, and nothing else, as an admin of ours."""
    return world.as_role(Role.ADMIN, "PUT", "/settings", json=NOTHING | changed)


def test_an_admin_sets_them_and_everybody_sees_them(world: World) -> None:
    """With who set each; another team has its own, and a put of the same is no entry in the log."""
    wanted = {"publish_policy": "auto", "redaction_rules": [BADGE], "retention_days": 90}
    answer = put(world, **wanted)
    assert answer.status_code == 200
    seen = world.as_role(Role.READER, "GET", "/settings")
    assert seen.json() == answer.json()
    assert {key: seen.json()[key] for key in wanted} == wanted
    assert seen.json()["in_force"] == {"publish_policy": "auto", "share_policy": "review"}
    by = {one["person_id"] for one in seen.json()["set_by"].values()}
    assert by == {world.ours.people[Role.ADMIN]}
    assert world.actions().count("settings.change") == 3
    put(world, **wanted)
    assert world.actions().count("settings.change") == 3
    theirs = world.call("GET", "/settings", token=world.theirs.tokens[Role.READER])
    assert {key: theirs.json()[key] for key in NOTHING} == NOTHING
    put(world)
    seen = world.as_role(Role.READER, "GET", "/settings").json()
    assert {key: seen[key] for key in NOTHING} == NOTHING
    assert seen["set_by"] == {}


def test_two_admins_do_not_undo_each_other(world: World) -> None:
    """With If-Match a put is about what was read, and nothing else."""
    etag = world.as_role(Role.ADMIN, "GET", "/settings").headers["etag"]
    first = world.as_role(
        Role.ADMIN, "PUT", "/settings", json=NOTHING | {"retention_days": 9}, headers={"If-Match": etag}
    )
    assert first.status_code == 200
    late = world.as_role(Role.ADMIN, "PUT", "/settings", json=NOTHING, headers={"If-Match": etag})
    assert late.status_code == 412
    unchanged = {"If-None-Match": first.headers["etag"]}
    assert world.as_role(Role.READER, "GET", "/settings", headers=unchanged).status_code == 304


@pytest.mark.parametrize(
    "wrong",
    [
        {"publish_policy": "perhaps"},
        {"retention_days": -1},
        {"retention_days": 36_501},
        {"redaction_rules": [{"id": "r", "regex": "(a"}]},
        {"redaction_rules": [{"id": "r", "regex": "."}]},
        {"redaction_rules": [{"id": "r", "regex": "aa.*b|aa"}]},
        {"redaction_rules": [{"id": "R!", "regex": "abc"}]},
        {"redaction_rules": [BADGE, BADGE]},
        {"more": 1},
    ],
)
def test_what_cannot_be_is_refused(world: World, wrong: dict[str, Any]) -> None:
    """With 422 and why; nothing is set then."""
    answer = put(world, **wrong)
    assert answer.status_code == 422, answer.text
    assert answer.json()["detail"]
    assert world.as_role(Role.ADMIN, "GET", "/settings").json()["set_by"] == {}
    assert "settings.change" not in world.actions()


def test_nothing_left_out_is_taken_for_empty(world: World) -> None:
    """A put without the rules is refused: it would take them all away."""
    put(world, redaction_rules=[BADGE])
    short = {key: value for key, value in NOTHING.items() if key != "redaction_rules"}
    assert world.as_role(Role.ADMIN, "PUT", "/settings", json=short).status_code == 422
    assert world.as_role(Role.ADMIN, "GET", "/settings").json()["redaction_rules"] == [BADGE]


def _synced(world: World) -> str:
    sent = {
        "session_id": "by-sync",
        "agent": "claude",
        "remote": "github.com/acme/shop",
        "from_seq": 0,
        "to_seq": 1,
        "events": [{"id": "e" + "0" * 30, "seq": 0, "kind": "prompt", "text": "badge ACME-1234 it is"}],
    }
    body = {"machine": {"machine_id": "0" * 32}, "sessions": [sent]}
    packed = gzip.compress(json.dumps(body).encode())
    headers = {"content-encoding": "gzip", "content-type": "application/json"}
    answer = world.as_role(Role.WRITER, "POST", "/sync/sessions", content=packed, headers=headers)
    assert answer.status_code == 200, answer.text
    return "by-sync"


def _recorded(world: World) -> str:
    told = {"session": "by-hand", "id": "1", "kind": "prompt", "at": 1_790_000_000.0}
    line = told | {"said": {"text": "badge ACME-1234 it is"}}
    assert world.as_role(Role.WRITER, "POST", "/recorded", json={"lines": [line]}).status_code == 200
    return "by-hand"


def _traced(world: World) -> str:
    said = [{"role": "user", "parts": [{"type": "text", "content": "badge ACME-1234 it is"}]}]
    told = {
        "gen_ai.operation.name": "chat",
        "gen_ai.conversation.id": "by-trace",
        "gen_ai.input.messages": json.dumps(said),
    }
    span = {
        "traceId": "f11dfa8b233d341bdbc75da25acea6b7",
        "spanId": "bb1e0c7d0f5af160",
        "name": "chat",
        "startTimeUnixNano": "1795399955284193024",
        "endTimeUnixNano": "1795399955286193024",
        "attributes": [{"key": key, "value": {"stringValue": value}} for key, value in told.items()],
    }
    body = {"resourceSpans": [{"resource": {}, "scopeSpans": [{"spans": [span]}]}]}
    token = world.ours.tokens[Role.WRITER]
    answer = world.client.post("/v1/traces", json=body, headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 200, answer.text
    with world.database.read("ours") as workspace:
        t = schema.sessions
        found = workspace.execute(sa.select(t.c.session_id).where(t.c.agent == "otel")).scalars()
        return next(iter(found))


@pytest.mark.parametrize("sent", [_synced, _recorded, _traced])
def test_what_comes_in_is_redacted_by_the_teams_rules(world: World, sent: Any) -> None:
    """However it comes; the rules of one team are no other's."""
    put(world, redaction_rules=[BADGE])
    session_id = sent(world)
    with world.database.read("ours") as workspace:
        texts = " ".join(one.text for one in sessions.events_of(workspace, session_id))
    assert "badge [REDACTED:acme-badge] it is" in texts
    assert "ACME-1234" not in texts


def test_a_skill_that_holds_what_is_redacted_is_refused(world: World) -> None:
    """The gates know the team's rules."""
    put(world, redaction_rules=[BADGE])
    text = "---\nname: deploy-ours\ndescription: How to deploy.\n---\n\nRun `make deploy` with ACME-1234.\n"
    sent = {"skill_md": text, "base_version": 1}
    answer = world.as_role(Role.REVIEWER, "POST", f"/skills/{world.ours.skill_id}/versions", json=sent)
    assert answer.status_code == 422
    assert "acme-badge" in answer.text


def _age(world: World, session_id: str, *, days: int) -> None:
    t = schema.sessions
    with world.database.write("ours") as workspace:
        at = datetime.now(UTC) - timedelta(days=days)
        workspace.execute(t.update().where(t.c.session_id == session_id).values(ended_at=at))


def test_the_worker_deletes_what_is_kept_no_longer(world: World) -> None:
    """As soon as it is set, with an entry of the log; a session that is younger stays."""
    young = _recorded(world)
    _age(world, world.ours.session_id, days=31)
    _age(world, young, days=29)
    put(world, retention_days=30)
    worker = SharedWorker(database=world.database, settings=Settings())
    while worker.step():
        pass
    with world.database.read("ours") as workspace:
        assert sessions.sender_of(workspace, world.ours.session_id) is None
        assert sessions.sender_of(workspace, young) is not None
        (entry,) = audit.listed(workspace, limit=5, action=retention.ACTION)
    assert entry.detail == {"sessions": [world.ours.session_id], "events": 3, "retention_days": 30}
    with world.database.read("theirs") as workspace:
        assert sessions.sender_of(workspace, world.theirs.session_id) is not None


def test_every_workspace_with_a_time_is_looked_at_again(world: World) -> None:
    """Each hour, by whichever worker comes first; the others are left alone."""
    put(world, retention_days=30)
    worker = SharedWorker(database=world.database, settings=Settings())
    while worker.step():
        pass
    retention.ask(world.database)
    retention.ask(world.database)
    with world.database.read() as workspace:
        assert jobs.workspaces_due(workspace, (jobs.PRUNE,)) == ["ours"]


def test_the_worker_distils_by_the_teams_policies(world: World) -> None:
    """Where none is set, by the server's own."""
    worker = SharedWorker(
        database=world.database, settings=Settings(publish_policy="review", share_policy="review")
    )
    assert worker._settings_of("ours").publish_policy == "review"
    put(world, publish_policy="auto")
    found = worker._settings_of("ours")
    assert (found.publish_policy, found.share_policy) == ("auto", "review")
    assert worker._settings_of("theirs").publish_policy == "review"
    with world.database.read("ours") as workspace:
        assert jobs.SETTLE in {job.kind for job in jobs.listed(workspace)}
        assert team_settings.of(workspace).publish_policy == "auto"
