"""What Hivemind knows of Claude Code, as the registry takes it up."""

from pathlib import Path

from hivemind.agents.base import Machine
from hivemind.agents.claude.install import check_wiring, detect, plan_install, plan_uninstall
from hivemind.agents.claude.transcript import SHELL_TOOLS, companions, read_line, recognises
from hivemind.agents.transcript_file import open_transcript, size_bytes, transcripts

name = "claude"
title = "Claude Code"
shell_tools = SHELL_TOOLS
edit_tools = frozenset({"Edit", "Write", "MultiEdit", "NotebookEdit"})


def default_root(machine: Machine) -> Path:
    """Give the folder that holds the transcripts of every project."""
    config = machine.env.get("CLAUDE_CONFIG_DIR")
    return (Path(config) if config else machine.home / ".claude") / "projects"


def skill_folder(project_root: Path) -> Path:
    """Give the folder of a project whose skills Claude Code lists."""
    return project_root / ".claude" / "skills"
