"""Each way in which the real Claude Code gets a skill is one exposure, with how it came and what followed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from .clients import ClaudeCode, Completed
from .hivemind_cli import Hivemind
from .model import ScriptedModel, call, say, shell
from .scenario import FIX, learn, run

pytestmark = pytest.mark.e2e


@pytest.fixture
def hivemind(claude_code: ClaudeCode) -> Iterator[Hivemind]:
    """Give the command in the client's home, and leave no worker behind."""
    tool = Hivemind.beside(claude_code)
    yield tool
    tool.leave()


def test_each_channel_is_one_exposure(
    hivemind: Hivemind, claude_code: ClaudeCode, scripted_model: ScriptedModel, trap: Path
) -> None:
    """Invoked, read, loaded and injected; followed where the agent then runs what the skill says."""
    # Withholding is another matter, and would take these sessions by chance.
    hivemind.run("config", "set", "holdout.enabled", "false")
    claude_code.env["ENABLE_TOOL_SEARCH"] = "false"  # Claude Code then shows the MCP tools themselves
    skill = learn(hivemind, claude_code, scripted_model, trap)
    name, file = skill["name"], trap / ".claude" / "skills" / skill["name"] / "SKILL.md"
    hivemind.wait_for(file.is_file)
    does = shell(f"{FIX} test-suite")
    scripted_model.when("by its own tool", call("Skill", {"skill": name}), does, say("All pass."))
    scripted_model.when("in its folder", call("Read", {"file_path": str(file)}), say("I looked."))
    scripted_model.when(
        "over the server", call("mcp__hivemind__skills_load", {"name": name}), does, say("Yes.")
    )
    scripted_model.when("before I push", shell("./check test-suite"), does, say("All pass."))
    asked = {
        "tool": "Please look by its own tool.",
        "folder": "Please look in its folder.",
        "mcp": "Please look over the server.",
        "prompt": "Run the test suite again before I push.",
    }
    ran = {channel: run(claude_code, prompt, trap) for channel, prompt in asked.items()}
    found = {channel: _exposures(hivemind, done) for channel, done in ran.items()}
    same = {"skill_id": skill["skill_id"], "version": 1, "arm": "given", "agent": "claude", "number": 1}
    told = f"select request_model from sessions where session_id = '{ran['tool'].session_id}'"  # noqa: S608
    model = hivemind.sql(told)
    same |= model[0]
    assert model[0]["request_model"]
    assert found == {
        "tool": [{**same, "channel": "tool", "followed": 1}],
        "folder": [{**same, "channel": "folder", "followed": 0}],
        "mcp": [{**same, "channel": "mcp", "followed": 1}],
        "prompt": [{**same, "channel": "prompt", "followed": 0}],  # it did first what the skill warns of
    }


def _exposures(hivemind: Hivemind, done: Completed) -> list[dict[str, Any]]:
    """Give a session's exposures with the number of their episode, once it is graded to its end."""
    session_id = done.session_id
    hivemind.wait_for(
        lambda: (
            done.result in [event["text"] for event in hivemind.events(session_id)]
            and hivemind.sql(
                "select 1 from episodes join sessions using (workspace_id, session_id) "  # noqa: S608
                f"where session_id = '{session_id}' and graded_seq = next_seq"
            )
        )
    )
    return hivemind.sql(
        "select x.skill_id, x.version, x.arm, x.agent, x.channel, x.followed, x.request_model, e.number "  # noqa: S608
        "from exposures x join episodes e using (workspace_id, episode_id) "
        f"where x.session_id = '{session_id}'"
    )
