"""Copilot CLI: typed events with subagents among them, tokens counted once, and a hooks file of our own."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

import agent_fixtures as fixtures
import pytest

from hivemind.agents.base import Machine, ReaderState
from hivemind.agents.copilot import agent, install, payload
from hivemind.agents.editing.files import apply_changes
from hivemind.domain.events import EventKind, ResultStatus
from hivemind.errors import HivemindError

FIXTURES = fixtures.FIXTURES / "copilot"


def read(name: str) -> list[dict[str, Any]]:
    """Give what the reader makes of a fixture."""
    return fixtures.read(agent, FIXTURES / f"{name}.jsonl")


def statuses(name: str) -> list[str]:
    """Give how each tool call of a fixture ended."""
    return [event["status"] for event in read(name) if event.get("kind") == "tool_result"]


def test_a_commands_tool_succeeds_and_the_command_has_failed() -> None:
    """`success` says that the tool ran; the exit code decides, and without one nothing is known."""
    by_command = dict(zip(_commands("old-format"), statuses("old-format"), strict=True))
    assert by_command["npm test"] == ResultStatus.ERROR
    assert by_command["ls"] == ResultStatus.OK
    assert by_command["rm -rf x"] == ResultStatus.DENIED
    assert by_command["git status"] == ResultStatus.UNKNOWN
    assert statuses("denied") == [ResultStatus.DENIED] * 2


def _commands(name: str) -> list[str]:
    return [event.get("text", "") for event in read(name) if event.get("kind") == "tool_call"]


def test_a_command_in_the_background_ends_when_its_output_is_read() -> None:
    """Its start tells nothing, and reading its output later has the exit code."""
    ended = [(e["tool_name"], e["status"], e.get("exit_code")) for e in read("background") if "status" in e]
    assert ended == [("bash", ResultStatus.UNKNOWN, None), ("read_bash", ResultStatus.ERROR, 4)]


def test_old_sessions_count_each_token_once() -> None:
    """Messages have output tokens, and totals at the end the rest; a resumed session's totals go on."""
    used = [event["usage"] for event in read("old-format") if event.get("kind") == "usage"]
    totals = {key: sum(usage[key] for usage in used) for key in used[0] if key != "message_id"}
    assert totals == {
        "input_tokens": 750,
        "output_tokens": 20,
        "cache_read_tokens": 750,
        "cache_write_tokens": 0,
    }
    assert len({usage["message_id"] for usage in used}) == len(used)


def test_the_totals_count_for_nothing_where_each_call_was_counted() -> None:
    """A session with a record for each call gives exactly these, and what its compaction took."""
    lines = (FIXTURES / "compaction.jsonl").read_text().splitlines()
    types = [json.loads(line)["type"] for line in lines]
    expected = types.count("session.usage_record") + types.count("session.compaction_complete")
    assert [e["kind"] for e in read("compaction") if "kind" in e].count("usage") == expected


def test_a_subagents_events_carry_its_id_and_its_task_is_no_prompt() -> None:
    """They stand in the session's own file."""
    inside = [event for event in read("recorded-subagent") if event.get("agent_id")]
    assert {"assistant", "tool_call", "tool_result", "usage"} <= {e["kind"] for e in inside}
    assert EventKind.PROMPT not in {e["kind"] for e in inside}
    assert len([e for e in read("recorded-subagent") if e.get("kind") == "prompt"]) == 1


def test_a_subagents_hooks_announce_nothing_but_its_end() -> None:
    """Its prompts and stops come under an id that no session has."""
    given = [(event, body) for event, body, _ in fixtures.payloads(agent) if body.get("agentId")]
    assert {event for event, _ in given} == {"userPromptSubmitted", "agentStop", "subagentStop"}
    said = {event: payload.announcement(event, body, "/h") for event, body in given}
    assert [event for event, announcement in said.items() if announcement] == ["subagentStop"]


def test_what_the_client_submits_by_itself_is_no_prompt() -> None:
    """A command that ended in the background and a skill's text are not what a person asked."""
    assert payload.prompt({"prompt": "<system_notification>\nit ended\n</system_notification>"}) == ""
    prompts = [event["text"] for event in read("old-format") if event.get("kind") == "prompt"]
    assert prompts == ["Run the tests", "Go on"]


def test_no_password_comes_into_the_remote() -> None:
    """A repository is a name; what is more than that is left out of the state, which is stored."""
    assert read("recorded-session")[-1]["state"]["remote"] == "https://github.com/acme/shop"
    assert "t0ken" not in json.dumps(read("old-format")[-1]["state"])


def test_the_totals_of_many_models_do_not_grow_the_state() -> None:
    """A session that names a new model in every record is remembered in part."""
    state = ReaderState()
    for n in range(2_000):
        data = {"model": f"{n}" * 500, "outputTokens": 1, "content": "x"}
        agent.read_line({"type": "assistant.message", "id": f"{n}", "data": data}, line=b"", state=state)
    assert len(json.dumps(state.values)) < 50_000


def test_only_sessions_are_found_where_sessions_are(tmp_path: Path) -> None:
    """A session's folder also holds what the agent made; elsewhere a session may have any name."""
    root = tmp_path / "session-state"
    names = [
        "old.jsonl",
        "one/events.jsonl",
        "one/files/data.jsonl",
        "one/other.jsonl",
        "two/events.jsonl.gz",
    ]
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("{}")
    found = [str(path.relative_to(root)) for path in agent.transcripts(root)]
    assert found == ["old.jsonl", "one/events.jsonl", "two/events.jsonl.gz"]
    assert list(agent.transcripts(root / "one" / "events.jsonl")) == [root / "one" / "events.jsonl"]


def _machine(tmp_path: Path) -> Machine:
    return Machine(home=tmp_path / "home", env={"COPILOT_HOME": str(tmp_path / "other")})


def test_hooks_are_told_the_clients_folder(tmp_path: Path) -> None:
    """With COPILOT_HOME set all goes there, and each hook gets the folder that its payload lacks."""
    machine, wiring = _machine(tmp_path), fixtures.wiring(tmp_path, tmp_path / "data")
    apply_changes(agent.plan_install(machine, wiring), backup_dir=tmp_path / "backups")
    hooks = json.loads((tmp_path / "other" / "hooks" / "hivemind.json").read_text())["hooks"]
    assert list(hooks) == list(payload.MOMENTS)
    for event, [hook] in hooks.items():
        words = shlex.split(hook["bash"])
        assert words[5:] == [event, str(tmp_path / "data"), str(tmp_path / "other"), "||", "true"]
    servers = json.loads((tmp_path / "other" / "mcp-config.json").read_text())["mcpServers"]
    assert servers["hivemind"]["tools"] == ["*"]
    said = payload.announcement("sessionEnd", {"sessionId": "s"}, str(tmp_path / "other"))
    assert Path(said["transcript"]).is_relative_to(agent.default_root(machine))


def test_a_foreign_hooks_file_of_our_name_is_left_alone(tmp_path: Path) -> None:
    """It is neither overwritten nor removed, and the checks say whose it is."""
    machine, wiring = _machine(tmp_path), fixtures.wiring(tmp_path, tmp_path / "data")
    path = install.hooks_file(machine)
    path.parent.mkdir(parents=True)
    path.write_text("{}")
    with pytest.raises(HivemindError) as caught:
        agent.plan_install(machine, wiring)
    assert caught.value.slug == "own-file-foreign"
    assert agent.plan_uninstall(machine) == []
    assert "not Hivemind's" in agent.check_wiring(machine, wiring)[0].detail


def test_hooks_that_are_switched_off_are_reported(tmp_path: Path) -> None:
    """A setting may stop every hook."""
    machine, wiring = _machine(tmp_path), fixtures.wiring(tmp_path, tmp_path / "data")
    apply_changes(agent.plan_install(machine, wiring), backup_dir=tmp_path / "backups")
    assert all(check.ok for check in agent.check_wiring(machine, wiring))
    (tmp_path / "other" / "settings.json").write_text('{"disableAllHooks": true}')
    assert "disableAllHooks" in agent.check_wiring(machine, wiring)[0].detail
