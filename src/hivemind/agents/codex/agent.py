"""What Hivemind knows of Codex, as the registry takes it up."""

from pathlib import Path

from hivemind.agents.base import Machine
from hivemind.agents.codex import calls
from hivemind.agents.codex.install import check_wiring, detect, home, plan_install, plan_uninstall
from hivemind.agents.codex.transcript import AGENT, companions, read_line, recognises, transcripts
from hivemind.agents.transcript_file import open_transcript, size_bytes

name = AGENT
title = "Codex"
shell_tools = calls.SHELL_TOOLS
edit_tools = calls.EDIT_TOOLS


def default_root(machine: Machine) -> Path:
    """Give Codex's own folder, which has rollouts in one folder and archived ones in another."""
    return home(machine)


def skill_folder(project_root: Path) -> Path:
    """Give the folder of a project whose skills Codex lists."""
    return project_root / ".agents" / "skills"
