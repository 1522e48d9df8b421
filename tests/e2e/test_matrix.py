"""What one agent learnt reaches all others, in one home; on request, since it starts agents very often."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from hivemind.agents.registry import NAMES

from .clients import CLIENTS, Client
from .hivemind_cli import Hivemind
from .matrix import TABLE, WRITE, Injection, injection, write_row
from .model import Request, ScriptedModel, say
from .scenario import FIX, learn, run

#: In the order of `CLIENTS`, those that Hivemind knows.
AGENT_NAMES = [name for name in CLIENTS if name in NAMES]

LIVE = ("trial", "active")


@pytest.mark.e2e
@pytest.mark.matrix
@pytest.mark.timeout(900)
@pytest.mark.parametrize("learner", AGENT_NAMES)
def test_what_one_agent_learnt_is_told_to_the_others(
    learner: str, start: Callable[[str], Client], scripted_model: ScriptedModel, trap: Path
) -> None:
    """Two sessions of one agent fail and recover; a session of each agent is told what works."""
    clients = {name: start(name) for name in AGENT_NAMES}
    hivemind = Hivemind.beside(*clients.values())
    try:
        scripted_model.when("before I push", say("No need to."))
        hivemind.run("install", "--only", ",".join(AGENT_NAMES))
        skill = learn(hivemind, clients[learner], scripted_model, trap)
        if skill["state"] not in LIVE:
            hivemind.run("skills", "approve", skill["name"], cwd=trap)
        found = {name: _told(client, scripted_model, trap) for name, client in clients.items()}
    finally:
        hivemind.leave()
    if os.environ.get(WRITE):
        cells = {name: str(where or "no") for name, where in found.items()}
        write_row(TABLE, learner, cells, agents=AGENT_NAMES)
    assert [name for name, where in found.items() if where is None] == []


def _told(client: Client, model: ScriptedModel, project: Path) -> Injection | None:
    """Let a client work on a prompt that the skill fits, and return where its first request holds it."""
    before = len(model.requests)
    run(client, "Run the test suite again before I push.", project)
    first = next(request for request in model.requests[before:] if request.tools)
    return injection(first, FIX)


def _request(system: str, *users: str) -> Request:
    messages = [{"role": "system", "content": system}, *({"role": "user", "content": text} for text in users)]
    return Request("POST", "/v1/chat/completions", {}, {"messages": messages})


def test_where_a_text_was_put() -> None:
    """The field is named, and the block is counted without what stands around it."""
    block = f"<hivemind-skills>\n{FIX}\n</hivemind-skills>"
    assert injection(_request("Be kind.", "a prompt"), FIX) is None
    assert injection(_request("Be kind.", f"a prompt\n{block}"), FIX) == Injection(
        "messages: user", len(block)
    )
    assert injection(_request(f"Try {FIX}", "a prompt"), FIX) == Injection("messages: system", 4 + len(FIX))


def test_a_row_replaces_only_itself(tmp_path: Path) -> None:
    """Rows of other learners, and cells that were not looked at, stay."""
    table = tmp_path / "table.md"
    agents = ["a", "b"]
    write_row(table, "b", {"a": "yes", "b": "no"}, agents=agents)
    write_row(table, "a", {"a": "user, 1,200", "b": "no"}, agents=agents)
    write_row(table, "b", {"b": "system, 7"}, agents=agents)
    assert table.read_text().split("\n\n")[-1].splitlines() == [
        "| learnt in | a | b |",
        "| --- | --- | --- |",
        "| a | user, 1,200 | no |",
        "| b | yes | system, 7 |",
    ]
