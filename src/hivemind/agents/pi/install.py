"""Wire pi: one TypeScript extension in its folder, which is wholly ours. pi has no MCP and no hooks."""

import shutil
from pathlib import Path
from typing import Final

from hivemind.agents.base import FileChange, Machine, Wiring, WiringCheck
from hivemind.agents.own_script import OwnScript

NAME: Final = "pi"


def agent_dir(machine: Machine) -> Path:
    """Give the folder that holds pi's settings, sessions and extensions."""
    folder = machine.env.get("PI_CODING_AGENT_DIR")
    return expanded(folder, machine) if folder else machine.home / ".pi" / "agent"


def expanded(folder: str, machine: Machine) -> Path:
    """Put the home folder in place of a tilde, as pi does in its variables."""
    return machine.home / folder[1:].lstrip("/") if folder == "~" or folder.startswith("~/") else Path(folder)


def detect(machine: Machine) -> bool:
    """Say whether pi is installed or has been used on this machine."""
    return agent_dir(machine).is_dir() or shutil.which("pi", path=machine.env.get("PATH", "")) is not None


def plan_install(machine: Machine, wiring: Wiring) -> list[FileChange]:
    """Plan to write the extension; empty when it is there already, refused when another's is."""
    return _extension(machine).plan_install(wiring)


def plan_uninstall(machine: Machine) -> list[FileChange]:
    """Plan to remove the extension."""
    return _extension(machine).plan_uninstall()


def check_wiring(machine: Machine, wiring: Wiring) -> list[WiringCheck]:
    """Report on the extension as the file is now; never raises."""
    return [_extension(machine).check(wiring)]


def _extension(machine: Machine) -> OwnScript:
    path = agent_dir(machine) / "extensions" / "hivemind.ts"
    return OwnScript(agent=NAME, path=path, marker=b"// Hivemind's extension for pi")
