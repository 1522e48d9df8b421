"""Wire OpenCode: a plugin of ours, and Hivemind's MCP server in its config file."""

import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

from hivemind.agents.base import FileChange, Machine, Wiring, WiringCheck
from hivemind.agents.json_mcp import ARGS, McpServer
from hivemind.agents.own_script import OwnScript

NAME: Final = "opencode"
#: Every version of the plugin has it in its first line.
MARKER: Final = b"// Hivemind's plugin for OpenCode"
#: OpenCode merges all of them, the first one over the others, and writes into the first that is there.
_CONFIG_FILES: Final = ("opencode.jsonc", "opencode.json", "config.json")


def config_dir(machine: Machine) -> Path:
    """Give the folder that holds a user's config and plugins."""
    return _xdg(machine, "XDG_CONFIG_HOME", ".config") / "opencode"


def data_dir(machine: Machine) -> Path:
    """Give the folder that holds the sessions of every project."""
    return _xdg(machine, "XDG_DATA_HOME", ".local/share") / "opencode"


def config_file(machine: Machine) -> Path:
    """Name the file that holds a user's MCP servers: the one that wins of those that are there."""
    there = [path for path in _config_files(machine) if path.is_file()]
    return there[0] if there else config_dir(machine) / "opencode.json"


def detect(machine: Machine) -> bool:
    """Say whether OpenCode is installed or has been used on this machine."""
    if config_dir(machine).is_dir() or data_dir(machine).is_dir():
        return True
    return shutil.which("opencode", path=machine.env.get("PATH", "")) is not None


def plan_install(machine: Machine, wiring: Wiring) -> list[FileChange]:
    """Plan the edits that wire OpenCode; empty when it is wired already.

    Refuses a config that doesn't parse, a foreign MCP server that has our name, and a foreign plugin.
    """
    path = config_file(machine)
    return [
        *_plugin(machine).plan_install(wiring),
        *_server(path, wiring).plan_install(wiring),
        *_removals(other for other in _config_files(machine) if other != path),
    ]


def plan_uninstall(machine: Machine) -> list[FileChange]:
    """Plan the edits that unwire OpenCode; other plugins and servers stay."""
    return [*_plugin(machine).plan_uninstall(), *_removals(_config_files(machine))]


def check_wiring(machine: Machine, wiring: Wiring) -> list[WiringCheck]:
    """Report on the plugin and on the MCP server as the files have them now; never raises."""
    return [_plugin(machine).check(wiring), _server(config_file(machine), wiring).check()]


def _config_files(machine: Machine) -> list[Path]:
    return [config_dir(machine) / name for name in _CONFIG_FILES]


def _removals(paths: Iterable[Path]) -> list[FileChange]:
    return [change for path in paths for change in _server(path).plan_uninstall()]


def _xdg(machine: Machine, variable: str, otherwise: str) -> Path:
    folder = machine.env.get(variable)
    return Path(folder) if folder else machine.home / otherwise


def _plugin(machine: Machine) -> OwnScript:
    path = config_dir(machine) / "plugin" / "hivemind.js"
    return OwnScript(agent=NAME, path=path, marker=MARKER)


def _server(path: Path, wiring: Wiring | None = None) -> McpServer:
    return McpServer(
        agent=NAME,
        path=path,
        entry=_entry(wiring) if wiring else {},
        key="mcp",
        env_key="environment",
        reads_comments=True,
    )


def _entry(wiring: Wiring) -> dict[str, Any]:
    return {
        "type": "local",
        "command": [wiring.python, *ARGS],
        "environment": {"HIVEMIND_HOME": str(wiring.data_dir)},
        "enabled": True,
    }
