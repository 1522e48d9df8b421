"""What Hivemind knows of pi, as the registry takes it up."""

from collections.abc import Iterator
from pathlib import Path

from hivemind.agents.base import Machine
from hivemind.agents.pi.install import agent_dir, check_wiring, detect, expanded, plan_install, plan_uninstall
from hivemind.agents.pi.transcript import SHELL_TOOLS, read_line, recognises
from hivemind.agents.transcript_file import open_transcript, size_bytes, transcripts

name = "pi"
title = "pi"
shell_tools = SHELL_TOOLS
edit_tools = frozenset({"edit", "write"})


def default_root(machine: Machine) -> Path:
    """Give the folder that holds the sessions of every project."""
    folder = machine.env.get("PI_CODING_AGENT_SESSION_DIR")
    return expanded(folder, machine) if folder else agent_dir(machine) / "sessions"


def companions(transcript: Path) -> Iterator[Path]:  # noqa: ARG001  # as the protocol has it
    """Yield nothing: pi has no subagents of its own."""
    yield from ()


def skill_folder(project_root: Path) -> Path:
    """Give the folder of a project whose skills pi lists, and other agents beside it."""
    return project_root / ".agents" / "skills"
