"""What Hivemind knows of GitHub Copilot CLI, as the registry takes it up."""

from pathlib import Path

from hivemind.agents import transcript_file
from hivemind.agents.base import Machine
from hivemind.agents.copilot import install, transcript

name = "copilot"
title = "GitHub Copilot CLI"
edit_tools = transcript.EDIT_TOOLS
shell_tools = transcript.SHELL_TOOLS

read_line = transcript.read_line
recognises = transcript.recognises
transcripts = transcript.transcripts
companions = transcript.companions
open_transcript = transcript_file.open_transcript
size_bytes = transcript_file.size_bytes

check_wiring = install.check_wiring
detect = install.detect
plan_install = install.plan_install
plan_uninstall = install.plan_uninstall


def default_root(machine: Machine) -> Path:
    """Give the folder that holds every session."""
    return install.folder(machine) / "session-state"


def skill_folder(project_root: Path) -> Path:
    """Give the folder of a project whose skills Copilot lists."""
    return project_root / ".agents" / "skills"
