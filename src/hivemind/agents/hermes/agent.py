"""What Hivemind knows of Hermes, as the registry takes it up."""

from pathlib import Path

from hivemind.agents.hermes.database import companions, open_transcript, size_bytes, transcripts
from hivemind.agents.hermes.install import check_wiring, detect, plan_install, plan_uninstall
from hivemind.agents.hermes.install import home as default_root
from hivemind.agents.hermes.results import SHELL_TOOLS
from hivemind.agents.hermes.transcript import EDIT_TOOLS, read_line, recognises

name = "hermes"
title = "Hermes"
shell_tools = SHELL_TOOLS
edit_tools = EDIT_TOOLS


def skill_folder(project_root: Path) -> Path:
    """Give the folder of a project that the installed entry in config.yaml makes Hermes read."""
    return project_root / ".agents" / "skills"
