"""Holdout with a real client: what is withheld from a session reaches it by no channel."""

from __future__ import annotations

import itertools
import json
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from hivemind.domain.holdout import draw

from .clients import ClaudeCode
from .hivemind_cli import Hivemind
from .model import ScriptedModel, call, say
from .scenario import FIX, learn

pytestmark = pytest.mark.e2e
SHARE = 0.1


@pytest.fixture
def hivemind(claude_code: ClaudeCode) -> Iterator[Hivemind]:
    """Give the command in the client's home, and leave no worker behind."""
    tool = Hivemind.beside(claude_code)
    yield tool
    tool.leave()


def drawn(skill_id: str, *, withheld: bool) -> str:
    """Make a session id whose draw lies on the wanted side."""
    ids = (str(uuid.UUID(int=(n << 80) | (4 << 76) | (8 << 60))) for n in itertools.count(1))
    return next(one for one in ids if (draw(one, skill_id) < SHARE) == withheld)


def ask(client: ClaudeCode, session_id: str, project: Path) -> dict[str, str]:
    """Let a session of a given id try every way to the skill; give what the model saw of each."""
    done = client.run(
        "Run the test suite again before I push.", cwd=project, args=["--session-id", session_id], timeout=90
    )
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.result))


def test_what_is_withheld_reaches_a_session_by_no_channel(
    hivemind: Hivemind, claude_code: ClaudeCode, scripted_model: ScriptedModel, trap: Path
) -> None:
    """Neither prompt, MCP nor skill folder has it; the sibling has all; switched off, everybody has."""
    claude_code.env["ENABLE_TOOL_SEARCH"] = "false"
    seen: dict[str, str] = {}
    name: list[str] = []
    scripted_model.when(
        "before I push",
        lambda request: (
            seen.update(prompt=request.text)
            or call("mcp__hivemind__skills_search", {"query": "run the test suite"})
        ),
        lambda request: (
            seen.update(search=request.last_result) or call("mcp__hivemind__skills_load", {"name": name[0]})
        ),
        lambda request: seen.update(load=request.last_result) or call("Skill", {"skill": name[0]}),
        lambda request: seen.update(tool=request.last_result) or say(json.dumps(seen)),
    )
    skill = learn(hivemind, claude_code, scripted_model, trap)
    name.append(skill["name"])
    file = trap / ".claude" / "skills" / skill["name"] / "SKILL.md"
    hivemind.run("skills", "approve", skill["name"], cwd=trap)
    hivemind.wait_for(file.exists)
    written = file.read_bytes()
    hivemind.run("config", "set", "holdout.active_percent", "10")
    hivemind.run("holdout", "on")
    assert [one["share"] for one in hivemind.json("holdout")["skills"]] == [SHARE]

    without = drawn(skill["skill_id"], withheld=True)
    got = ask(claude_code, without, trap)
    assert FIX not in got["prompt"]
    assert skill["name"] not in got["prompt"]
    assert skill["name"] not in got["search"]
    assert "is withheld from this session on purpose" in got["load"]
    assert FIX not in got["load"]
    assert "Unknown skill" in got["tool"]
    hivemind.wait_for(lambda: file.exists() and file.read_bytes() == written)
    offered = (
        "select channel, arm, share from offers where session_id = '{}' and event_id = '' order by channel"
    )
    assert hivemind.wait_for(lambda: hivemind.sql(offered.format(without))) == [
        {"channel": "mcp", "arm": "withheld", "share": SHARE},
        {"channel": "prompt", "arm": "withheld", "share": SHARE},
    ]

    with_it = drawn(skill["skill_id"], withheld=False)
    got = ask(claude_code, with_it, trap)
    assert FIX in got["prompt"]
    assert f"- {skill['name']}: " in got["prompt"]
    assert skill["name"] in got["search"]
    assert FIX in got["load"]
    assert "Launching skill" in got["tool"]
    assert {"channel": "prompt", "arm": "given", "share": SHARE} in hivemind.wait_for(
        lambda: hivemind.sql(offered.format(with_it))
    )

    hivemind.run("holdout", "off")
    time.sleep(1)  # the worker reads its settings anew
    again = next(
        one for one in (str(uuid.uuid4()) for _ in range(9999)) if draw(one, skill["skill_id"]) < SHARE
    )
    got = ask(claude_code, again, trap)
    assert FIX in got["prompt"]
    assert FIX in got["load"]
    assert "Launching skill" in got["tool"]
    assert hivemind.json("skills", "list")[0]["state"] == "active"
    assert hivemind.log() == ""
