"""What the end-to-end tests share: a scripted model, real clients, a small project."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from pathlib import Path

import pytest

from .clients import CLIENTS, IN_CI, ClaudeCode, Client, ClientUnavailableError
from .model import ScriptedModel
from .scenario import set_trap

collect_ignore = ["shop-api"]  # the project of the demo's recordings, whose tests are not ours


@pytest.fixture
def scripted_model() -> Iterator[ScriptedModel]:
    """Run a scripted model; a test adds its rules with `when`."""
    with ScriptedModel() as model:
        yield model


@pytest.fixture
def start(scripted_model: ScriptedModel, tmp_path: Path) -> Callable[[str], Client]:
    """Make a client by its name, in the test's one home, talking to the scripted model."""
    return lambda name: CLIENTS[name](_program(name), tmp_path / "home", scripted_model.url)


@pytest.fixture
def claude_code(start: Callable[[str], Client]) -> ClaudeCode:
    """Make a Claude Code with an empty home."""
    client = start("claude")
    assert isinstance(client, ClaudeCode)
    return client


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Make a small git repository with one commit and a remote."""
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "README.md").write_text("# A project\n")
    (folder / "Makefile").write_text("test:\n\t@echo 3 passed\n")
    identity = ["-c", "user.name=dev", "-c", "user.email=dev@example.com"]
    # Without the developer's own git settings, which may sign commits or run hooks.
    env = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "GIT_CONFIG_NOSYSTEM": "1"}
    for command in (
        ["init", "--quiet", "--initial-branch=main"],
        ["remote", "add", "origin", "git@github.com:acme/project.git"],
        ["add", "--all"],
        [*identity, "commit", "--quiet", "--message", "Start"],
    ):
        subprocess.run(["git", *command], cwd=folder, env=env, check=True)
    return folder


@pytest.fixture
def trap(project: Path) -> Path:
    """Give a project with a command that fails unless it is called the right way."""
    set_trap(project)
    return project


def _program(name: str) -> Sequence[str]:
    found = _find(name)
    if isinstance(found, str):
        # A silent skip in CI would prove nothing.
        if name in IN_CI and os.environ.get("CI", "").lower() in ("1", "true"):
            pytest.fail(f"CI must run the real {name}: {found}")
        pytest.skip(found)
    return found


@cache
def _find(name: str) -> Sequence[str] | str:
    """Return a client's program or the reason why there is none; tried once in a process."""
    try:
        return tuple(CLIENTS[name].find(timeout_s=150))  # less than the time limit of a test
    except ClientUnavailableError as error:
        return str(error)
