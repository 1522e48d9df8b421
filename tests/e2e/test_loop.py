"""The loop with the real Claude Code: capture, learn, inject; and what must hold when something breaks."""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from .clients import ClaudeCode
from .hivemind_cli import Hivemind
from .model import ScriptedModel, call, say, shell
from .scenario import learn, play_trap, run

pytestmark = pytest.mark.e2e

FOREIGN = """{
  // kept as it is
  "hooks": {
    "Stop": [ {"hooks": [ {"type": "command", "command": "echo foreign >> \\"$HOME/foreign.log\\""} ]} ]
  },
\t"unknownKey": 1.50,  "model": "claude-opus-5-5"
}
""".replace("  // kept as it is\n", "")


@pytest.fixture
def hivemind(claude_code: ClaudeCode) -> Iterator[Hivemind]:
    """Give the command in the client's home, and leave no worker behind."""
    tool = Hivemind.beside(claude_code)
    yield tool
    tool.leave()


def test_what_two_sessions_learnt_is_in_the_third_ones_request(
    hivemind: Hivemind, claude_code: ClaudeCode, scripted_model: ScriptedModel, trap: Path
) -> None:
    """Two sessions fail and recover; a skill is mined; the third session's request holds it at the prompt."""
    play_trap(scripted_model)
    hivemind.run("install")
    first = run(claude_code, "Please run the test suite and report.", trap)
    ended = time.time()
    hivemind.wait_for(
        lambda: [e for e in hivemind.events(first.session_id) if e["text"] == "All 12 tests pass."]
    )
    lag_s = time.time() - ended
    run(claude_code, "Does the test suite still pass?", trap)
    (skill,) = hivemind.wait_for(lambda: hivemind.json("skills", "list"))
    assert skill["state"] == "trial"
    assert (trap / ".claude" / "skills" / skill["name"] / "SKILL.md").is_file()
    third = run(claude_code, "Run the test suite again before I push.", trap)
    request = next(r for r in scripted_model.turns if "before I push" in r.text)
    assert "<hivemind-skills>" in request.text
    assert "./check --profile local test-suite" in request.text
    stored = hivemind.events(first.session_id)
    assert [(e["kind"], e["status"], e["exit_code"]) for e in stored if e["kind"] == "tool_result"] == [
        ("tool_result", "error", 2),
        ("tool_result", "ok", 0),
    ]
    shown = hivemind.wait_for(
        lambda: hivemind.sql(f"select channel from offers where session_id = '{third.session_id}'")  # noqa: S608
    )
    assert shown == [{"channel": "prompt"}]
    assert lag_s < 10, f"the turn was queryable after {lag_s:.1f} s"
    assert hivemind.log() == ""


def test_the_next_start_says_in_one_line_what_was_learnt(
    hivemind: Hivemind, claude_code: ClaudeCode, scripted_model: ScriptedModel, trap: Path
) -> None:
    """The installed hook's answer to a session start names the new skill to the person, and only once."""
    skill = learn(hivemind, claude_code, scripted_model, trap)
    (group,) = json.loads(claude_code.settings.read_text())["hooks"]["SessionStart"]
    payload = {"session_id": "next", "cwd": str(trap), "hook_event_name": "SessionStart", "source": "startup"}

    def start() -> str:
        done = subprocess.run(
            shlex.split(group["hooks"][0]["command"]),
            input=json.dumps(payload),
            capture_output=True,
            text=True,
            check=True,
            env=hivemind.environment(),
        )
        return done.stdout

    said = hivemind.wait_for(start)
    assert json.loads(said)["systemMessage"].startswith(
        f"Hivemind learnt a new skill for this project: {skill['name']}"
    )
    hivemind.wait_for(lambda: not start())


def test_nothing_is_stored_with_capture_off(
    hivemind: Hivemind, claude_code: ClaudeCode, scripted_model: ScriptedModel, trap: Path
) -> None:
    """HIVEMIND_CAPTURE=false stores nothing, starts nothing, and a later backfill respects it."""
    play_trap(scripted_model)
    hivemind.run("install")
    claude_code.env["HIVEMIND_CAPTURE"] = "false"
    done = run(claude_code, "Please run the test suite.", trap)
    assert not (hivemind.data / "spool").exists()
    assert not (hivemind.data / "hivemind.db").exists()
    assert hivemind.worker_pid() is None
    hivemind.run("backfill", check=False)
    assert hivemind.events(done.session_id) == []


def test_a_worker_killed_in_the_middle_loses_and_doubles_nothing(
    hivemind: Hivemind, claude_code: ClaudeCode, scripted_model: ScriptedModel, trap: Path
) -> None:
    """With the worker killed again and again, every event is there exactly once at last."""
    scripted_model.when("(?i)count", *(shell(f"echo step-{n}") for n in range(12)), say("Counted."))
    hivemind.run("install")
    run(claude_code, "Count once.", trap)
    stop = threading.Event()

    def kill() -> None:
        lock = hivemind.data / "worker.lock"
        while not stop.wait(0.3):
            if lock.exists() and (pid := lock.read_text()).isdigit():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(int(pid), signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    try:
        sessions = [run(claude_code, f"Count {n}.", trap).session_id for n in range(3)]
    finally:
        stop.set()
        killer.join()
    sessions.append(run(claude_code, "Count a last time.", trap).session_id)
    for session_id in sessions:
        # A worker that was killed before it noted a transcript finds it by the spool that it left behind.
        hivemind.wait_for(lambda s=session_id: [e for e in hivemind.events(s) if e["text"] == "Counted."])
        stored = hivemind.events(session_id)
        assert [e["text"] for e in stored if e["kind"] == "tool_result"] == [f"step-{n}" for n in range(12)]
        assert sum(e["kind"] == "tool_call" for e in stored) == 12
    doubled = hivemind.sql(
        "select session_id, tool_call_id, kind, count(*) from events where tool_call_id != '' "
        "group by 1, 2, 3 having count(*) > 1"
    )
    assert doubled == []


def test_install_then_uninstall_leaves_settings_byte_identical(
    hivemind: Hivemind, claude_code: ClaudeCode, scripted_model: ScriptedModel, trap: Path
) -> None:
    """A real session in between changes nothing about it, and the foreign hook fires all along."""
    claude_code.settings.write_text(FOREIGN)
    play_trap(scripted_model)
    hivemind.run("install")
    assert claude_code.settings.read_text() != FOREIGN
    run(claude_code, "Please run the test suite.", trap)
    assert (claude_code.home / "foreign.log").read_text() == "foreign\n"
    hivemind.run("uninstall")
    assert claude_code.settings.read_text() == FOREIGN


def test_the_real_client_loads_a_skill_over_mcp(
    hivemind: Hivemind, claude_code: ClaudeCode, scripted_model: ScriptedModel, trap: Path
) -> None:
    """The registered MCP server starts in the client, finds the skill and gives its text."""
    skill = learn(hivemind, claude_code, scripted_model, trap)
    claude_code.env["ENABLE_TOOL_SEARCH"] = "false"
    scripted_model.when(
        "(?i)what did we learn",
        call("mcp__hivemind__skills_search", {"query": "run the test suite"}),
        call("mcp__hivemind__skills_load", {"name": skill["name"]}),
        lambda request: say(request.last_result),
    )
    done = run(claude_code, "What did we learn here so far?", trap)
    assert "./check --profile local test-suite" in done.result


def _lock_database(hivemind: Hivemind) -> subprocess.Popen[bytes]:
    code = (
        "import sqlite3, sys, time; c = sqlite3.connect(sys.argv[1], isolation_level=None); "
        "c.execute('BEGIN EXCLUSIVE'); print('locked', flush=True); time.sleep(60)"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(hivemind.data / "hivemind.db")], stdout=subprocess.PIPE
    )
    with process.stdout or pytest.fail("the locker has no output") as output:
        assert output.readline() == b"locked\n"
    return process


@pytest.mark.parametrize("trouble", ["worker hung", "database locked", "disk full"])
def test_a_session_in_trouble_ends_as_if_nothing_were_there(
    hivemind: Hivemind, claude_code: ClaudeCode, scripted_model: ScriptedModel, trap: Path, trouble: str
) -> None:
    """With the worker hung, the database locked or the disk full the agent works on."""
    play_trap(scripted_model)
    hivemind.run("install")
    run(claude_code, "Please run the test suite.", trap)
    pid = hivemind.wait_for(hivemind.worker_pid)
    hivemind.wait_for(lambda: hivemind.sql("select 1 from events where kind = 'assistant'"))
    locker = None
    if trouble == "worker hung":
        os.kill(pid, signal.SIGSTOP)
    elif trouble == "database locked":
        locker = _lock_database(hivemind)
    else:
        # A file-size limit of zero makes every write fail, as a full disk does; the client itself is started
        # without it, so only the hook is limited.
        wrapper = claude_code.settings.read_text().replace('"command": "', '"command": "ulimit -f 0; ')
        claude_code.settings.write_text(wrapper)
    started = time.monotonic()
    second = run(claude_code, "Run the test suite once more.", trap)
    took_s = time.monotonic() - started
    if trouble == "worker hung":
        os.kill(pid, signal.SIGCONT)
    if locker is not None:
        locker.kill()
        locker.wait()
    assert second.result == "All 12 tests pass."
    assert took_s < 30
    hivemind.wait_for(
        lambda: [e for e in hivemind.events(second.session_id) if e["text"] == "All 12 tests pass."]
    )
