"""What is pi's own: a tree of entries that forks copy, commands typed by a person, and our extension."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import agent_fixtures as fixtures
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hivemind.agents.base import Machine, ReaderState
from hivemind.agents.editing.files import apply_changes
from hivemind.agents.pi import agent, install, payload
from hivemind.agents.pi.transcript import read_line
from hivemind.domain.events import EventKind, ResultStatus

FIXTURES = fixtures.FIXTURES / "pi"


def read(name: str) -> list[dict[str, Any]]:
    """Give the events of one fixture."""
    return [e for e in fixtures.read(agent, FIXTURES / f"{name}.jsonl") if "kind" in e]  # type: ignore[arg-type]


def one(record: dict[str, Any]) -> list[tuple[EventKind, str]]:
    """Give the kinds and texts of what one entry yields."""
    events = read_line(record, line=b"", state=ReaderState()).events
    return [(event.kind, event.text) for event in events]


def test_a_fork_does_not_double_what_it_copies() -> None:
    """Entries that `/fork` copied into a new file have the ids that they have in the old one."""
    first, fork = (
        {(e["native_id"], e["kind"]) for e in read(n)} for n in ("edits-interrupts-compaction", "fork")
    )
    assert len(first & fork) > 20
    assert {kind for _, kind in fork - first} == {"prompt", "tool_call", "tool_result", "usage", "assistant"}


def test_a_session_in_the_first_format_keeps_its_ids_when_it_is_resumed() -> None:
    """pi writes the file anew then, with an id for each entry that had none."""
    first, resumed = read("first-format"), read("first-format-resumed")
    assert resumed[: len(first)] == first
    assert [e["kind"] for e in resumed[len(first) :]] == ["prompt", "assistant", "usage"]


@pytest.mark.parametrize(
    ("fixture", "statuses"),
    [
        ("failing-and-working-command", [("bash", "error", 3), ("bash", "ok", 0)]),
        ("blocked", [("bash", "denied", None), ("bash", "denied", None)]),
        ("skill-and-refused-request", [("bash", "ok", 0), ("bash", "error", None)]),
        ("first-format", [("bash", "error", 2), ("bash", "ok", 0), ("edit", "cancelled", None)]),
        (
            "edits-interrupts-compaction",
            [
                ("write", "ok", None),
                ("edit", "ok", None),
                ("edit", "error", None),
                ("bash", "ok", 0),  # killed by a signal, of which pi says nothing
                ("bash", "error", 2),
                ("bash", "ok", 0),
                ("bash", "error", 4),
                ("bash", "ok", 0),
                ("bash", "cancelled", None),
            ],
        ),
    ],
)
def test_a_call_says_how_it_ended(fixture: str, statuses: list[tuple[str, str, int | None]]) -> None:
    """Failures have their exit code, and blocked, interrupted and never begun calls are told from them."""
    results = [e for e in read(fixture) if e["kind"] == "tool_result"]
    assert [(e["tool_name"], e["status"], e.get("exit_code")) for e in results] == statuses


def test_an_exit_code_is_found_where_an_extension_wrote_behind_it() -> None:
    """The last line of its form counts, whatever stands before or behind it."""
    content = [{"type": "text", "text": "Command exited with code 1\n\nCommand exited with code 7"}]
    message = {
        "role": "toolResult",
        "toolName": "bash",
        "isError": True,
        "content": [*content, {"text": "hm"}],
    }
    [event] = read_line({"type": "message", "message": message}, line=b"", state=ReaderState()).events
    assert (event.status, event.exit_code) == (ResultStatus.ERROR, 7)


def test_a_result_that_does_not_say_how_it_ended_is_no_success() -> None:
    """Without the field that says so, nothing is known."""
    message = {"role": "toolResult", "toolName": "bash", "content": "fine"}
    [event] = read_line({"type": "message", "message": message}, line=b"", state=ReaderState()).events
    assert (event.status, event.exit_code) == (ResultStatus.UNKNOWN, None)


def test_what_hivemind_injected_is_not_read_back() -> None:
    """Our own message yields nothing; one of another extension is no prompt."""
    assert not [e for e in read("injected") if "SKILLMARK" in e.get("text", "")]
    assert [e["text"] for e in read("injected") if e["kind"] == "prompt"] == ["Ctx please."]
    other = {"type": "custom_message", "customType": "probe", "content": "remember the milk"}
    assert one(other) == [(EventKind.SYSTEM, "remember the milk")]


def test_a_command_that_was_kept_from_the_model_is_left_out() -> None:
    """A person types `!!` so that the model does not see a command."""
    command = {"role": "bashExecution", "command": "pass show mail", "output": "x", "exitCode": 0}
    assert len(one({"type": "message", "message": command})) == 2
    assert one({"type": "message", "message": {**command, "excludeFromContext": True}}) == []


def test_a_skill_and_a_file_are_named_and_not_quoted() -> None:
    """A prompt is what the person typed, in the transcript and in the hook."""
    assert read("skill-and-refused-request")[0]["text"] == "/skill:run-shop-tests with care"
    assert (
        payload.typed('<file name="/a">\none\n</file>\n<file name="/b"></file>\nCompare.')
        == "@/a @/b Compare."
    )
    assert payload.typed('<file name="/a">never closed') == '<file name="/a">never closed'


@given(text=st.lists(st.sampled_from(['<file name="', '<skill name="', '"', "</file>\n", "\n</skill>", "x"])))
def test_no_prompt_makes_the_hook_raise(text: list[str]) -> None:
    """However blocks are opened and closed, some text comes back."""
    assert len(payload.typed("".join(text))) <= len("".join(text))


def test_a_password_in_a_pushed_url_is_not_remembered() -> None:
    """The reader's state is stored, so a remote enters it without its user and password."""
    state = fixtures.read(agent, FIXTURES / "fork.jsonl")[-1]["state"]  # type: ignore[arg-type]
    assert state["remote"] == "https://github.com/acme/shop"
    assert "t0k" not in json.dumps(state)


def test_the_folders_can_be_elsewhere(tmp_path: Path) -> None:
    """pi's variables are followed, with the tilde that pi takes in them."""
    machine = Machine(home=tmp_path / "home", env={"PI_CODING_AGENT_DIR": "~/p"})
    changed = [c.path for c in install.plan_install(machine, fixtures.wiring(tmp_path, tmp_path / "data"))]
    assert tmp_path / "home" / "p" / "extensions" / "hivemind.ts" in changed
    assert agent.default_root(machine) == tmp_path / "home" / "p" / "sessions"
    elsewhere = Machine(home=tmp_path, env={"PI_CODING_AGENT_SESSION_DIR": "/s"})
    assert agent.default_root(elsewhere) == Path("/s")


def test_the_extension_starts_the_hook_of_this_installation(tmp_path: Path) -> None:
    """The words of the command are JSON strings, so that no folder's name can break out of them."""
    machine, wiring = Machine(home=tmp_path / "home"), fixtures.wiring(tmp_path, tmp_path / 'a "b"')
    apply_changes(install.plan_install(machine, wiring), backup_dir=tmp_path / "backups")
    text = (machine.home / ".pi" / "agent" / "extensions" / "hivemind.ts").read_text()
    before, after = (
        json.loads(found) for found in re.findall(r"^const \w+_EVENT: string\[\] = (.*);$", text, re.M)
    )
    assert before == [wiring.python, "-I", "-S", str(wiring.hook_file), "pi"]
    assert after == [str(wiring.data_dir)]
    assert "HIVEMIND_BEFORE" not in text
    for event in payload.MOMENTS:
        assert f'on("{event}"' in text


def test_the_answer_is_what_the_extension_reads() -> None:
    """Context within the limit and the notice, and nothing at all where there is neither."""
    answer = json.loads(payload.output("before_agent_start", context="c" * 20_000, notice="two skills"))
    assert answer == {"context": "c" * payload.MAX_CONTEXT_CHARS, "notice": "two skills"}
    assert payload.output("session_start", context="", notice="") == ""
