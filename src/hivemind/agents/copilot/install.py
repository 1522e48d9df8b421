"""Wire Copilot CLI: a file of hooks that is wholly ours, and Hivemind's MCP server in its list of servers."""

import json
import shutil
from pathlib import Path
from typing import Any, Final

from hivemind.agents import hook_command, json_mcp
from hivemind.agents.base import FileChange, Machine, Wiring, WiringCheck
from hivemind.agents.editing import files, json_edit, own_file
from hivemind.agents.hook_command import HookCommand
from hivemind.agents.json_mcp import McpServer
from hivemind.agents.values import elements, get, members
from hivemind.errors import HivemindError

NAME: Final = "copilot"
#: Seconds that each hook may take.
TIMEOUTS_S: Final = {
    "sessionStart": 5,
    "userPromptSubmitted": 5,
    "agentStop": 5,
    "subagentStop": 5,
    "sessionEnd": 10,
}
#: Every command of ours has it. JSON has no comments, and Copilot need not know other keys.
MARKER: Final = b"/capture/hook.py"
_REINSTALL: Final = "Run `hivemind copilot install`."


def folder(machine: Machine) -> Path:
    """Name the folder in which Copilot keeps a user's files."""
    home = machine.env.get("COPILOT_HOME")
    return Path(home) if home else machine.home / ".copilot"


def hooks_file(machine: Machine) -> Path:
    """Name our file of hooks; Copilot reads every file in its folder."""
    return folder(machine) / "hooks" / "hivemind.json"


def servers_file(machine: Machine) -> Path:
    """Name the file that holds a user's MCP servers."""
    return folder(machine) / "mcp-config.json"


def detect(machine: Machine) -> bool:
    """Say whether Copilot CLI is installed or has been used on this machine."""
    if folder(machine).is_dir():
        return True
    return shutil.which("copilot", path=machine.env.get("PATH", "")) is not None


def plan_install(machine: Machine, wiring: Wiring) -> list[FileChange]:
    """Plan the edits that wire Copilot CLI; empty when it is wired already.

    Refuses a foreign file of our file's name, a list of servers that doesn't parse, and a foreign server that
    has our name.
    """
    path = hooks_file(machine)
    hooks = own_file.plan_write(
        path,
        _content(machine, wiring),
        agent=NAME,
        data_dir=wiring.data_dir,
        marker=MARKER,
        data_dirs_before=_data_dirs(path),
    )
    return [*hooks, *_server(machine, wiring).plan_install(wiring)]


def plan_uninstall(machine: Machine) -> list[FileChange]:
    """Plan the edits that unwire Copilot CLI; other people's hooks and servers stay."""
    path = hooks_file(machine)
    hooks = own_file.plan_remove(path, agent=NAME, data_dirs=_data_dirs(path), marker=MARKER)
    return [*hooks, *_server(machine).plan_uninstall()]


def check_wiring(machine: Machine, wiring: Wiring) -> list[WiringCheck]:
    """Report on the hooks and on the MCP server as the files have them now; never raises."""
    return [_check_hooks(machine, wiring), _server(machine, wiring).check()]


def _content(machine: Machine, wiring: Wiring) -> bytes:
    hooks = {
        event: [
            {
                "type": "command",
                "bash": hook_command.for_shell(wiring, agent=NAME, event=event, root=folder(machine)),
                "timeoutSec": timeout_s,
            }
        ]
        for event, timeout_s in TIMEOUTS_S.items()
    }
    return json.dumps({"version": 1, "hooks": hooks}, indent=2).encode() + b"\n"


def _server(machine: Machine, wiring: Wiring | None = None) -> McpServer:
    # As `copilot mcp add` writes it.
    entry = {"type": "local", **json_mcp.server(wiring), "tools": ["*"]} if wiring else {}
    return McpServer(
        agent=NAME, path=servers_file(machine), entry=entry, remove_command="/mcp delete hivemind"
    )


def _data_dirs(path: Path) -> list[Path]:
    """Name the Hivemind folders that our file names, whatever version wrote it."""
    value = _value(path)
    commands = [
        HookCommand.parse(get(hook, "bash"))
        for _, hooks in members(get(value, "hooks"))
        for hook in elements(hooks)
    ]
    return [command.data_dir for command in commands if command and command.data_dir]


def _value(path: Path) -> Any:
    try:
        return json_edit.parse(files.read_bytes(path) or b"", path=path).value
    except HivemindError:
        return None


def _check_hooks(machine: Machine, wiring: Wiring) -> WiringCheck:
    path = hooks_file(machine)
    settings = folder(machine) / "settings.json"
    if get(_value(settings), "disableAllHooks") is True:
        return WiringCheck(
            name="hooks",
            ok=False,
            detail=f'{settings} has "disableAllHooks": true',
            hint="Remove that setting: by Copilot's documentation it stops every hook.",
        )
    try:
        found = files.read_bytes(path)
    except HivemindError as error:
        return WiringCheck(name="hooks", ok=False, detail=error.message, hint=error.hint)
    if found == _content(machine, wiring):
        return WiringCheck(name="hooks", ok=True, detail=f"{len(TIMEOUTS_S)} hooks in {path}")
    if found is None:
        return WiringCheck(name="hooks", ok=False, detail=f"{path} is missing", hint=_REINSTALL)
    of = "not as this installation writes it" if MARKER in found else "not Hivemind's"
    return WiringCheck(name="hooks", ok=False, detail=f"{path} is {of}", hint=_REINSTALL)
