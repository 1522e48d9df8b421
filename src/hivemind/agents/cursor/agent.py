"""What Hivemind knows of Cursor, as the registry takes it up."""

from collections.abc import Iterator
from pathlib import Path

from hivemind.agents.base import Machine
from hivemind.agents.cursor.install import check_wiring, detect, plan_install, plan_uninstall
from hivemind.agents.cursor.transcript import SHELL_TOOLS, read_line, recognises
from hivemind.agents.transcript_file import open_transcript, size_bytes, transcripts

name = "cursor"
title = "Cursor"
shell_tools = SHELL_TOOLS
edit_tools = frozenset({"Write", "Edit", "StrReplace", "Delete"})


def default_root(machine: Machine) -> Path:
    """Give the folder where the hook keeps what Cursor told it."""
    return machine.data_dir / "kept" / name


def companions(transcript: Path) -> Iterator[Path]:  # noqa: ARG001  # as the protocol has it
    """Yield nothing: what a subagent did is in its session's transcript."""
    yield from ()


def skill_folder(project_root: Path) -> Path:
    """Give the folder of a project whose skills Cursor lists, and other agents beside it."""
    return project_root / ".agents" / "skills"
