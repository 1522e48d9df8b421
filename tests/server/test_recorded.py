"""What programs record over the API, by hand and by the Python API with a server's address."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from server_world import World

import hivemind
from hivemind.api.remote import Remote
from hivemind.domain.accounts import Role
from hivemind.store import episodes, jobs, sessions

TOLD: tuple[tuple[str, dict[str, Any]], ...] = (
    ("start", {"agent": "support-bot", "project": "acme/support"}),
    ("prompt", {"text": "Where is my parcel? My key is ghp_16C7e42F292c6912E7710c838347Ae178B4a"}),
    ("tool_call", {"tool": "track", "call": "c1", "input": {"id": 7}}),
    ("tool_result", {"call": "c1", "text": "no such parcel", "status": "error"}),
    ("assistant", {"text": "I cannot find it."}),
    ("outcome", {"label": "failure", "note": "it was there"}),
    ("end", {}),
)


def lines(session: str) -> list[dict[str, Any]]:
    """Write down a session."""
    return [
        {"session": session, "id": str(n), "kind": kind, "at": 1_790_000_000.0 + n, "said": said}
        for n, (kind, said) in enumerate(TOLD)
    ]


def stored(world: World, session: str) -> tuple[list[tuple[str, str]], list[str]]:
    """Give the events of a session of the team, and the outcomes that were reported of it."""
    with world.database.read("ours") as workspace:
        events = [(e.kind, e.text) for e in sessions.events_of(workspace, session)]
        return events, [report.score_label for report in episodes.reports(workspace, session)]


def test_what_is_recorded_is_stored_once(world: World) -> None:
    """Redacted, by the person whose token it is, and distilled; sent again nothing is new."""
    first = world.as_role(Role.WRITER, "POST", "/recorded", json={"lines": lines("bot-1")})
    assert (first.status_code, first.json()) == (200, {"events": 4, "outcomes": 1})
    again = world.as_role(Role.WRITER, "POST", "/recorded", json={"lines": lines("bot-1")})
    assert again.json() == {"events": 0, "outcomes": 0}
    events, reported = stored(world, "bot-1")
    assert [kind for kind, _ in events] == ["prompt", "tool_call", "tool_result", "assistant"]
    assert "ghp_" not in json.dumps(events)
    assert reported == ["failure"]
    with world.database.read("ours") as workspace:
        assert sessions.sender_of(workspace, "bot-1") == world.ours.people[Role.WRITER]
        assert "distil" in {job.kind for job in jobs.listed(workspace)}


def test_nobody_records_in_the_session_of_another(world: World) -> None:
    """It is refused as a whole, and a reader records nothing at all."""
    world.as_role(Role.WRITER, "POST", "/recorded", json={"lines": lines("bot-1")})
    other = world.as_role(Role.ADMIN, "POST", "/recorded", json={"lines": lines("bot-1")})
    assert (other.status_code, other.json()["type"].partition("#")[2]) == (409, "session-taken")
    assert world.as_role(Role.READER, "POST", "/recorded", json={"lines": lines("b")}).status_code == 403


@pytest.fixture
def address(world: World) -> Iterator[str]:
    """Serve the world on a port of this machine."""
    config = uvicorn.Config(world.client.app, port=0, log_level="warning", lifespan="off")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join()


def settled(remote: Remote) -> None:
    """Wait until nothing is left to be sent."""
    for _ in range(600):
        if not [*remote.outbox.glob("*.jsonl")]:
            return
        time.sleep(0.05)
    raise AssertionError(f"left: {[*remote.outbox.iterdir()]}")


def test_a_program_records_with_and_without_its_server(
    world: World, address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it records while the server is away is sent when it is there; skills come from the server."""
    monkeypatch.setenv("HIVEMIND_HOME", str(tmp_path))
    monkeypatch.setenv("HIVEMIND_TOKEN", world.ours.tokens[Role.WRITER])
    monkeypatch.setenv("HIVEMIND_API_URL", "http://127.0.0.1:9")
    with hivemind.session(agent="support-bot", project="acme/support", id="one", strict=True) as session:
        session.prompt("Where is my parcel?")
        with session.tool("track", {"id": 7}) as tool:
            tool.result = "in Ulm"
        session.assistant("In Ulm.")
        session.outcome(success=True)
    assert not hivemind.skills_for("deploy the shop")
    remote = Remote(tmp_path, address, world.ours.tokens[Role.WRITER])
    assert len([*remote.outbox.glob("*.jsonl")]) == 1
    monkeypatch.setenv("HIVEMIND_API_URL", address)
    found = hivemind.skills_for("please deploy the shop", deadline_s=30, strict=True)
    assert "deploy-ours" in {skill.name for skill in found}
    assert "deploy" in found.block
    settled(remote)
    events, reported = stored(world, session.id)
    assert [kind for kind, _ in events] == ["prompt", "tool_call", "tool_result", "assistant"]
    assert reported == ["success"]
