"""What an agent does is stored, whichever agent it is: `hivemind install`, a session, and its events."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from hivemind.agents.registry import NAMES, by_name

from .clients import Client
from .hivemind_cli import Hivemind
from .model import ScriptedModel, call, say, shell
from .scenario import FIX, every_client, learn, play_trap, run

pytestmark = pytest.mark.e2e


@pytest.fixture
def agent(name: str, start: Callable[[str], Client]) -> Iterator[tuple[Client, Hivemind]]:
    """Give a client with `hivemind` beside it, and leave no worker behind."""
    if name not in NAMES:
        pytest.skip(f"Hivemind cannot be installed into {name}")
    client = start(name)
    hivemind = Hivemind.beside(client)
    yield client, hivemind
    log = hivemind.log()
    hivemind.leave()
    assert log == ""


@every_client
def test_a_session_is_stored_with_its_failure(
    name: str, agent: tuple[Client, Hivemind], scripted_model: ScriptedModel, trap: Path
) -> None:
    """The failing command has the status error and its exit code, the working one ok and 0."""
    client, hivemind = agent
    hivemind.run("install", "--only", name)
    play_trap(scripted_model)
    done = run(client, "Please run the test suite and report.", trap)
    assert done.result == "All 12 tests pass."
    hivemind.wait_for(
        lambda: [e for e in hivemind.events(done.session_id) if e["text"] == "All 12 tests pass."]
    )
    events = hivemind.events(done.session_id)
    prompts = [event["text"] for event in events if event["kind"] == "prompt"]
    assert prompts == ["Please run the test suite and report."]
    assert sum(event["kind"] == "tool_call" for event in events) == 2
    results = [event for event in events if event["kind"] == "tool_result"]
    assert [(event["status"], event["exit_code"]) for event in results] == [("error", 2), ("ok", 0)]
    assert "--profile is required" in results[0]["text"]
    assert "12 passed" in results[1]["text"]
    assert hivemind.sql("select agent, cwd from sessions") == [{"agent": name, "cwd": str(trap)}]


@every_client
def test_what_was_learnt_is_in_the_next_request(
    name: str, agent: tuple[Client, Hivemind], scripted_model: ScriptedModel, trap: Path
) -> None:
    """Two sessions fail and recover; the first request of the third one tells the model what works."""
    client, hivemind = agent
    scripted_model.when("before I push", lambda request: say("told" if FIX in request.text else "not told"))
    skill = learn(hivemind, client, scripted_model, trap)
    done = run(client, "Run the test suite again before I push.", trap)
    assert done.result == "told"
    if folder := by_name(name).skill_folder(trap):
        path = folder / skill["name"] / "SKILL.md"
        assert FIX in path.read_text()
        hivemind.run("skills", "retire", skill["name"], cwd=trap)
        assert not path.exists()


@every_client
def test_inside_hivemind_nothing_fires_and_nothing_is_stored(
    name: str, agent: tuple[Client, Hivemind], scripted_model: ScriptedModel, trap: Path
) -> None:
    """When Hivemind itself runs the agent as its model, neither hooks nor a later backfill take it up."""
    client, hivemind = agent
    hivemind.run("install", "--only", name)
    play_trap(scripted_model)
    client.env["HIVEMIND_INSIDE"] = "1"
    run(client, "Please run the test suite and report.", trap)
    assert not (hivemind.data / "spool").exists()
    assert not (hivemind.data / "kept").exists()
    assert hivemind.worker_pid() is None
    hivemind.run("backfill", check=False)
    assert hivemind.sql("select kind from events") == []


@every_client
def test_the_agent_finds_a_skill_over_mcp(
    name: str, agent: tuple[Client, Hivemind], scripted_model: ScriptedModel, trap: Path
) -> None:
    """The registered server starts in the agent, and its tool answers with what was learnt."""
    if name == "pi":
        pytest.skip("pi has no MCP")
    client, hivemind = agent
    client.env["ENABLE_TOOL_SEARCH"] = "false"  # Claude Code then shows the tools themselves
    skill = learn(hivemind, client, scripted_model, trap)
    # Codex takes a call of a deferred tool after a search only, and finds it once its server has started.
    search = [shell("sleep 5"), call("tool_search", {"query": "hivemind skills"})] if name == "codex" else []
    scripted_model.when(
        "what did we learn",
        *search,
        call("mcp__hivemind__skills_load", {"name": skill["name"]}),
        lambda request: say(request.last_result),
    )
    done = run(client, "Tell me what did we learn here so far?", trap)
    assert FIX in done.result
