"""Wire Claude Code: hooks in its settings file, and Hivemind's MCP server in its state file."""

import shutil
from pathlib import Path
from typing import Final

from hivemind.agents import json_mcp
from hivemind.agents.base import FileChange, Machine, Wiring, WiringCheck
from hivemind.agents.editing import files, json_edit
from hivemind.agents.json_hooks import GroupedHooks
from hivemind.agents.json_mcp import McpServer
from hivemind.agents.values import get
from hivemind.errors import HivemindError

NAME: Final = "claude"
#: Seconds that each hook may take. None is on tool calls: the transcript has them. Without a timeout of its
#: own, Claude Code ends a SessionEnd hook after 1.5 seconds.
TIMEOUTS: Final = {
    "SessionStart": 5,
    "UserPromptSubmit": 5,
    "Stop": 5,
    "SubagentStop": 5,
    "SessionEnd": 10,
    "PreCompact": 5,
}


def settings_file(machine: Machine) -> Path:
    """Name the file that holds a user's hooks."""
    return _config_dir(machine) / "settings.json"


def state_file(machine: Machine) -> Path:
    """Name the file that holds a user's MCP servers, among much that Claude Code itself writes there."""
    folder = machine.env.get("CLAUDE_CONFIG_DIR")
    return (Path(folder) if folder else machine.home) / ".claude.json"


def detect(machine: Machine) -> bool:
    """Say whether Claude Code is installed or has been used on this machine."""
    if _config_dir(machine).is_dir() or state_file(machine).is_file():
        return True
    return shutil.which("claude", path=machine.env.get("PATH", "")) is not None


def plan_install(machine: Machine, wiring: Wiring) -> list[FileChange]:
    """Plan the edits that wire Claude Code; empty when it is wired already.

    Refuses files that don't parse, and a foreign MCP server that has our name.
    """
    return [*_hooks(machine).plan_install(wiring), *_server(machine, wiring).plan_install(wiring)]


def plan_uninstall(machine: Machine) -> list[FileChange]:
    """Plan the edits that unwire Claude Code; other people's hooks and servers stay."""
    return [*_hooks(machine).plan_uninstall(), *_server(machine).plan_uninstall()]


def check_wiring(machine: Machine, wiring: Wiring) -> list[WiringCheck]:
    """Report on the hooks and on the MCP server as the files have them now; never raises."""
    return [_check_hooks(machine, wiring), _server(machine, wiring).check()]


def _config_dir(machine: Machine) -> Path:
    folder = machine.env.get("CLAUDE_CONFIG_DIR")
    return Path(folder) if folder else machine.home / ".claude"


def _hooks(machine: Machine) -> GroupedHooks:
    # With comments in it, Claude Code ignores the whole file (seen with 2.1.330).
    return GroupedHooks(agent=NAME, path=settings_file(machine), timeouts=TIMEOUTS, reads_comments=False)


def _server(machine: Machine, wiring: Wiring | None = None) -> McpServer:
    entry = {"type": "stdio", **json_mcp.server(wiring)} if wiring else {}
    return McpServer(
        agent=NAME,
        path=state_file(machine),
        entry=entry,
        remove_command=f"claude mcp remove {json_mcp.SERVER}",
    )


def _check_hooks(machine: Machine, wiring: Wiring) -> WiringCheck:
    check, path = _hooks(machine).check(wiring), settings_file(machine)
    try:
        value = json_edit.parse(files.read_bytes(path) or b"", path=path).value
    except HivemindError:
        return check
    if get(value, "disableAllHooks") is not True:
        return check
    return WiringCheck(
        name="hooks",
        ok=False,
        detail=f'{path} has "disableAllHooks": true',
        hint="Remove that setting, or Claude Code runs no hook at all.",
    )
