"""What is Cursor's own: the hook keeps the transcript, and one wrong entry makes Cursor drop the file."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import agent_fixtures as fixtures
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hivemind.agents.base import Machine, ReaderState, Wiring
from hivemind.agents.cursor import agent, install, payload
from hivemind.agents.cursor.transcript import read_line
from hivemind.agents.editing.files import apply_changes
from hivemind.capture import hook

BASE = {
    "conversation_id": "c1",
    "generation_id": "g1",
    "cursor_version": "3.7",
    "workspace_roots": ["/h/shop"],
}


def kept(event: str, at: float, **fields: Any) -> bytes:
    """Give a line as the hook keeps it."""
    return json.dumps({"at": at, **payload.record(event, {**BASE, **fields})}).encode()


def ids(*lines: bytes) -> list[str]:
    """Give the ids of the events that lines yield."""
    state = ReaderState()
    return [e.native_id for line in lines for e in read_line(json.loads(line), line=line, state=state).events]


def shell(output: str) -> tuple[str | None, int | None]:
    """Give the status and the exit code of a command whose hook had this output."""
    line = kept("postToolUse", 1.8e9, tool_name="Shell", tool_input={"command": "x"}, tool_output=output)
    result = read_line(json.loads(line), line=line, state=ReaderState()).events[-1]
    return result.status, result.exit_code


def wired(tmp_path: Path, **files: str) -> tuple[Machine, Wiring]:
    """Give a person who has these files, and who is wired."""
    machine, wiring = Machine(home=tmp_path), fixtures.wiring(tmp_path, tmp_path / "data")
    for name, text in files.items():
        path = tmp_path / ".cursor" / f"{name}.json"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    apply_changes(install.plan_install(machine, wiring), backup_dir=tmp_path / "backups")
    return machine, wiring


def test_the_hook_takes_a_payload_behind_its_command(tmp_path: Path) -> None:
    """Cursor may append a here-document: it reaches the hook, whose kept lines the reader reads."""
    wiring = Wiring(python=sys.executable, hook_file=Path(hook.__file__), data_dir=tmp_path / "the data")
    machine = Machine(home=tmp_path, data_dir=wiring.data_dir)
    apply_changes(install.plan_install(machine, wiring), backup_dir=tmp_path / "backups")
    hooks = json.loads(install.settings_file(machine).read_text())["hooks"]
    env = {"PATH": os.environ["PATH"], "HIVEMIND_WORKER": "off"}
    for event, body, _ in fixtures.payloads(agent):  # type: ignore[arg-type]
        [entry] = hooks[event]
        script = f"{entry['command']} <<'CURSOR_HOOK_EOF'\n{json.dumps(body)}\nCURSOR_HOOK_EOF"
        done = subprocess.run(["bash", "-c", script], env=env, capture_output=True, check=True)
        assert (done.stdout, done.stderr) == (b"", b"")
    [transcript] = agent.transcripts(agent.default_root(machine))
    events = [
        event
        for line in transcript.read_bytes().splitlines()
        if line
        for event in read_line(json.loads(line), line=line, state=ReaderState()).events
    ]
    assert {"prompt", "tool_call", "tool_result", "assistant", "compaction", "usage"} == {
        e.kind for e in events
    }
    assert agent.recognises([json.loads(line) for line in transcript.read_bytes().splitlines() if line])


def test_an_event_told_twice_is_one_and_said_twice_is_two() -> None:
    """A call has an id of Cursor's; an answer has none, and may well be given again."""
    call = {"tool_name": "Read", "tool_use_id": "t1", "tool_output": "{}"}
    assert len(set(ids(kept("postToolUse", 1.0, **call), kept("postToolUse", 2.0, **call)))) == 1
    said = kept("afterAgentResponse", 1.0, text="Done."), kept("afterAgentResponse", 2.0, text="Done.")
    assert len(set(ids(*said))) == 2
    nameless = {"tool_name": "Read", "tool_output": "{}"}
    assert len(set(ids(kept("postToolUse", 1.0, **nameless), kept("postToolUse", 2.0, **nameless)))) == 2


@pytest.mark.parametrize(
    ("output", "ended"),
    [
        ('{"output":"x","exitCode":0}', ("ok", 0)),
        ('{"output":"x","exitCode":1}', ("error", 1)),
        ('{"output":"x"}', ("unknown", None)),
        ('{"output":"x","exitCode":"0"}', ("unknown", None)),
        ('{"output":"x","exitCo', ("unknown", None)),
        ("", ("unknown", None)),
    ],
)
def test_a_command_worked_only_where_its_exit_code_says_so(
    output: str, ended: tuple[str, int | None]
) -> None:
    """Cursor reports a failed command as a use of the tool like any other."""
    assert shell(output) == ended


def test_the_persons_address_is_not_kept() -> None:
    """Cursor sends it with every payload."""
    for event, body, _ in fixtures.payloads(agent):  # type: ignore[arg-type]
        assert body["user_email"]
        assert body["user_email"] not in json.dumps(payload.record(event, body))


def test_a_long_output_keeps_its_beginning_and_its_end() -> None:
    """The failure stands at the end, and what was run at the beginning."""
    line = payload.record("postToolUse", {**BASE, "tool_output": "a" * 400_000 + "z"})["payload"]
    assert len(line["tool_output"]) < 300_000
    assert line["tool_output"].endswith("az")


@given(text=st.text(max_size=40).map(lambda part: part * 600))
def test_the_context_is_short_enough_as_javascript_counts(text: str) -> None:
    """Cursor drops a context of more than 10,000 UTF-16 units; the prompt goes on in any case."""
    for event in ("sessionStart", "beforeSubmitPrompt"):
        answer = payload.output(event, context=text, notice="")
        if text:
            assert json.loads(answer)["continue"] is True
            said = json.loads(answer)["additional_context"]
            assert len(said.encode("utf-16-le", "surrogatepass")) <= 20_000
            assert text.startswith(said)


def test_no_hook_decides_on_a_permission() -> None:
    """Nothing is answered to a tool call or at the end of a turn."""
    for event in payload.MOMENTS:
        answer = payload.output(event, context="hint", notice="two skills")
        assert "permission" not in answer
        assert bool(answer) == (event in ("sessionStart", "beforeSubmitPrompt"))


def test_a_payload_of_another_agent_is_left_to_it() -> None:
    """What does not name a version of Cursor does not come from it."""
    assert payload.announcement("stop", {"session_id": "s"}, "") is None


def test_only_known_events_are_written_with_a_version(tmp_path: Path) -> None:
    """Both are needed for Cursor to read the file, also where it had no version."""
    machine, wiring = wired(tmp_path, hooks='{"hooks": {}}')
    written = json.loads(install.settings_file(machine).read_text())
    assert written["version"] == 1
    assert set(written["hooks"]) == set(payload.MOMENTS)
    assert all(check.ok for check in install.check_wiring(machine, wiring))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('{"version": 1, "hooks": {"onStop": []}}', "onStop"),
        ('{"version": "1", "hooks": {}}', "version"),
        ('{"version": 1, "hooks": {},}', "trailing comma"),
        ('{"version": 1, "hooks": {"stop": [{"command": "curl http://x"}]}}', "with // in it"),
    ],
)
def test_a_file_that_cursor_drops_is_reported(tmp_path: Path, text: str, reason: str) -> None:
    """The person's own entries decide whether ours are run."""
    machine, wiring = wired(tmp_path, hooks=text)
    hooks, server = install.check_wiring(machine, wiring)
    assert not hooks.ok
    assert reason in hooks.detail
    assert hooks.hint
    assert server.ok


def test_comments_alone_do_no_harm(tmp_path: Path) -> None:
    """Cursor takes comments out before it reads the file."""
    machine, wiring = wired(tmp_path, hooks='{"version": 1, /* all */ "hooks": {} // mine\n}')
    assert all(check.ok for check in install.check_wiring(machine, wiring))
