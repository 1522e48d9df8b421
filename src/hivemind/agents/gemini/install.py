"""Wire Gemini CLI: hooks and Hivemind's MCP server, both in its settings file."""

import shutil
from pathlib import Path
from typing import Final

from hivemind.agents import json_mcp
from hivemind.agents.base import FileChange, Machine, Wiring, WiringCheck
from hivemind.agents.editing import files, json_edit
from hivemind.agents.json_hooks import GroupedHooks
from hivemind.agents.json_mcp import McpServer
from hivemind.agents.json_one_file import OneFile
from hivemind.agents.values import elements, get
from hivemind.errors import HivemindError

NAME: Final = "gemini"
#: Milliseconds that each hook may take.
TIMEOUTS_MS: Final = {"SessionStart": 5_000, "BeforeAgent": 5_000, "AfterAgent": 5_000, "SessionEnd": 10_000}


def folder(machine: Machine) -> Path:
    """Name the folder in which Gemini CLI keeps a user's files."""
    home = machine.env.get("GEMINI_CLI_HOME")
    return (Path(home) if home else machine.home) / ".gemini"


def settings_file(machine: Machine) -> Path:
    """Name the file that holds a user's hooks and MCP servers."""
    return folder(machine) / "settings.json"


def detect(machine: Machine) -> bool:
    """Say whether Gemini CLI is installed or has been used on this machine."""
    # Other tools of Google keep files in the same folder: what Gemini CLI itself leaves there tells.
    names = ("settings.json", "projects.json", "tmp", "installation_id")
    if any((folder(machine) / name).exists() for name in names):
        return True
    return shutil.which("gemini", path=machine.env.get("PATH", "")) is not None


def plan_install(machine: Machine, wiring: Wiring) -> list[FileChange]:
    """Plan the edit that wires Gemini CLI; empty when it is wired already.

    Refuses a file that doesn't parse, and a foreign MCP server that has our name.
    """
    return _file(machine, wiring).plan_install(wiring)


def plan_uninstall(machine: Machine) -> list[FileChange]:
    """Plan the edit that unwires Gemini CLI; other people's hooks and servers stay."""
    return _file(machine).plan_uninstall()


def check_wiring(machine: Machine, wiring: Wiring) -> list[WiringCheck]:
    """Report on the hooks and on the MCP server as the file has them now; never raises."""
    return [_check_hooks(machine, wiring), _server(machine, wiring).check()]


def _file(machine: Machine, wiring: Wiring | None = None) -> OneFile:
    entries = (_hooks(machine), _server(machine, wiring))
    return OneFile(agent=NAME, path=settings_file(machine), entries=entries)


def _hooks(machine: Machine) -> GroupedHooks:
    return GroupedHooks(agent=NAME, path=settings_file(machine), timeouts=TIMEOUTS_MS, reads_comments=True)


def _server(machine: Machine, wiring: Wiring | None = None) -> McpServer:
    return McpServer(
        agent=NAME,
        path=settings_file(machine),
        entry=json_mcp.server(wiring) if wiring else {},
        remove_command=f"gemini mcp remove --scope user {json_mcp.SERVER}",
        reads_comments=True,
    )


def _check_hooks(machine: Machine, wiring: Wiring) -> WiringCheck:
    check, path = _hooks(machine).check(wiring), settings_file(machine)
    try:
        value = json_edit.parse(files.read_bytes(path) or b"", path=path).value
    except HivemindError:
        return check
    if get(value, "hooksConfig", "enabled") is False:
        return WiringCheck(
            name="hooks",
            ok=False,
            detail=f'{path} has "hooksConfig": {{"enabled": false}}',
            hint="Remove that setting, or Gemini CLI runs no hook at all.",
        )
    disabled = elements(get(value, "hooksConfig", "disabled"))
    if check.ok and any(get(hook, "command") in disabled for _, hook in _hooks(machine).expected(wiring)):
        return WiringCheck(
            name="hooks",
            ok=False,
            detail=f'{path} names a hook of ours in "hooksConfig": {{"disabled": […]}}',
            hint="Enable it with `/hooks enable-all` in Gemini CLI.",
        )
    return check
