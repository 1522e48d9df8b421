"""What Hivemind knows of Gemini CLI, as the registry takes it up."""

from pathlib import Path

from hivemind.agents import transcript_file
from hivemind.agents.base import Machine
from hivemind.agents.gemini import chat_file, install, transcript

name = "gemini"
title = "Gemini CLI"
shell_tools = transcript.SHELL_TOOLS
edit_tools = transcript.EDIT_TOOLS

detect = install.detect
plan_install = install.plan_install
plan_uninstall = install.plan_uninstall
check_wiring = install.check_wiring

transcripts = chat_file.transcripts
companions = chat_file.companions
open_transcript = chat_file.open_transcript
size_bytes = transcript_file.size_bytes
recognises = transcript.recognises
read_line = transcript.read_line


def default_root(machine: Machine) -> Path:
    """Give the folder that holds the chats of every project."""
    return install.folder(machine) / "tmp"


def skill_folder(project_root: Path) -> Path:
    """Give the folder of a project whose skills Gemini CLI lists; it does so in trusted folders only."""
    return project_root / ".agents" / "skills"
