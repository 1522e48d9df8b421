"""What the tests of the loop do with any agent: a command that fails at first, and what is learnt of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from .clients import CLIENTS, IN_CI, Client, Completed
from .hivemind_cli import Hivemind
from .model import ScriptedModel, say, shell

FIX = "./check --profile local"
"""The call that works; a skill has learnt something where it names this."""

every_client = pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[] if name in IN_CI else [pytest.mark.clients]) for name in CLIENTS]
)
"""Run a test for each agent; those that CI does not install only on request."""


def set_trap(project: Path) -> None:
    """Put a command into the project that fails unless it is called the right way."""
    script = project / "check"
    script.write_text(
        "#!/bin/sh\n"
        'if [ "$1" = "--profile" ] && [ "$2" = "local" ]; then echo "12 passed"; exit 0; fi\n'
        'echo "error: the option --profile is required (local or ci)" >&2\nexit 2\n'
    )
    script.chmod(0o755)


def play_trap(model: ScriptedModel) -> None:
    """Let the agent try the failing call first and the working one next."""
    model.when(
        "(?i)test suite",
        shell("./check test-suite", "I run the checks."),
        shell(f"{FIX} test-suite", "It wants a profile."),
        say("All 12 tests pass."),
    )


def run(client: Client, prompt: str, project: Path) -> Completed:
    """Run one session and require that the client noticed nothing."""
    done = client.run(prompt, cwd=project, timeout=150)  # OpenCode installs a package at its first start
    assert done.returncode == 0, f"{client.name}: {done.stderr}\n{done.stdout}"
    return done


def learn(hivemind: Hivemind, client: Client, model: ScriptedModel, trap: Path) -> dict[str, Any]:
    """Wire the client, let two sessions fail and recover, and give the skill that comes of it."""
    play_trap(model)
    hivemind.run("install", "--only", client.name)
    run(client, "Please run the test suite.", trap)
    run(client, "Does the test suite still pass?", trap)
    (skill,) = hivemind.wait_for(lambda: hivemind.json("skills", "list"))
    return dict(skill)
