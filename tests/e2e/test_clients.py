"""Every real client makes a whole turn with the scripted model."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from .clients import CLIENTS, Client, ClientUnavailableError
from .model import ScriptedModel, say, shell, together, write
from .scenario import every_client


@pytest.mark.e2e
@every_client
def test_a_prompt_a_command_and_an_answer(
    name: str, start: Callable[[str], Client], scripted_model: ScriptedModel, project: Path
) -> None:
    """The client runs the command with its own tool, hands the output back and prints the answer."""
    client = start(name)
    scripted_model.when("^Please smoke", shell("echo smoke-42"), say("FINAL answer"))
    done = client.run("Please smoke, will you?", cwd=project)
    assert done.returncode == 0, done.stderr
    assert done.result == "FINAL answer"
    assert done.session_id
    first, second = scripted_model.working_turns[:2]
    assert "smoke-42" not in first.text
    assert "smoke-42" in second.last_result
    assert first.prompt == second.prompt == "Please smoke, will you?"


@pytest.mark.e2e
@every_client
def test_files_and_parallel_calls(
    name: str, start: Callable[[str], Client], scripted_model: ScriptedModel, project: Path
) -> None:
    """A file is written with the client's own tool, and calls made together count as one turn."""
    client = start(name)
    made = project / "made.txt"
    scripted_model.when(
        "make it",
        write(str(made), "first line\n"),
        together(shell("cat made.txt"), shell("echo beside")),
        say("FINAL answer"),
    )
    done = client.run("make it", cwd=project)
    assert (done.returncode, done.result) == (0, "FINAL answer"), done.stderr
    assert made.read_text().strip() == "first line"
    third = scripted_model.working_turns[2]
    assert "first line" in third.text
    assert "beside" in third.text


@pytest.mark.e2e
@every_client
def test_it_sees_only_its_own_home(
    name: str, start: Callable[[str], Client], scripted_model: ScriptedModel, project: Path, tmp_path: Path
) -> None:
    """A command of the client sees the home of the test, and what the test hands over."""
    client = start(name)
    scripted_model.when("where", shell("echo [$HOME] [$HIVEMIND_CAPTURE]"), say("FINAL answer"))
    client.run("where", cwd=project, env={"HIVEMIND_CAPTURE": "false"})
    assert f"[{tmp_path / 'home'}] [false]" in scripted_model.working_turns[1].last_result


def test_the_command_that_installs_names_what_there_is() -> None:
    """A name that is none ends with all that are one."""
    command = [sys.executable, "-m", "tests.e2e.clients", "install", "nobody"]
    root = Path(__file__).parents[2]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert ", ".join(CLIENTS) in done.stderr


@pytest.mark.parametrize(("name", "missing"), [("claude", "npm"), ("codex", "npm"), ("pi", "npm")])
def test_what_is_missing_is_said(
    name: str, missing: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Where a client cannot be installed, the reason names what is missing."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("HIVEMIND_E2E_CLIENTS", str(tmp_path))
    with pytest.raises(ClientUnavailableError, match=f"{missing} is not installed"):
        CLIENTS[name].find()
