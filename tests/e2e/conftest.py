"""What the end-to-end tests share: a scripted model, the real client, a small project."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from .claude_code import ClaudeCode, ClientUnavailableError, find_claude
from .scripted_model import ScriptedModel

collect_ignore = ["shop-api"]  # the project of the demo's recordings, whose tests are not ours


@pytest.fixture
def scripted_model() -> Iterator[ScriptedModel]:
    """Run a scripted model; a test adds its rules with `when`."""
    with ScriptedModel() as model:
        yield model


@pytest.fixture(scope="session")
def claude_binary() -> Path:
    """Find or install the client. In CI it has to be there: a silent skip would prove nothing."""
    try:
        return find_claude(seconds=150)  # less than the time limit of a test, which includes this
    except ClientUnavailableError as error:
        if os.environ.get("CI", "").lower() in ("1", "true"):
            pytest.fail(f"CI must run the real client: {error}")
        pytest.skip(str(error))


@pytest.fixture
def claude_code(claude_binary: Path, scripted_model: ScriptedModel, tmp_path: Path) -> ClaudeCode:
    """Make a Claude Code with an empty home, which talks to the scripted model."""
    return ClaudeCode(claude_binary, tmp_path / "home", scripted_model.url)


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
