"""Wire Cursor: hooks in `~/.cursor/hooks.json`, and Hivemind's MCP server in `~/.cursor/mcp.json`."""

import json
import re
import shutil
from pathlib import Path
from typing import Any, Final

from hivemind.agents import hook_command, json_mcp
from hivemind.agents.base import FileChange, Machine, Wiring, WiringCheck
from hivemind.agents.cursor.payload import MOMENTS
from hivemind.agents.editing import json_edit
from hivemind.agents.editing.json_edit import Document
from hivemind.agents.editing.receipts import SettingsPart, plan_unwire, plan_wire, read_document
from hivemind.agents.hook_command import HookCommand
from hivemind.agents.json_mcp import McpServer
from hivemind.agents.values import elements, get, members
from hivemind.errors import HivemindError

NAME: Final = "cursor"
#: Seconds that each hook may take.
TIMEOUT_S: Final = 5
#: Cursor reads nothing of a file that has any other event in it.
KNOWN_EVENTS: Final = frozenset(MOMENTS) | {
    *("beforeShellExecution", "afterShellExecution", "beforeMCPExecution", "afterMCPExecution"),
    *("beforeReadFile", "afterFileEdit", "beforeTabFileRead", "afterTabFileEdit"),
    *("afterAgentThought", "subagentStart", "preToolUse", "workspaceOpen"),
}
#: How Cursor takes comments out of any file, one after the other: inside of texts, too.
_COMMENTS: Final = (re.compile(r"//[^\r\n]*"), re.compile(r"/\*.*?\*/", re.S))


def settings_file(machine: Machine) -> Path:
    """Name the file that holds a user's hooks."""
    return machine.home / ".cursor" / "hooks.json"


def detect(machine: Machine) -> bool:
    """Say whether Cursor is installed or has been used on this machine."""
    path = machine.env.get("PATH", "")
    return (machine.home / ".cursor").is_dir() or any(
        shutil.which(command, path=path) for command in ("cursor", "cursor-agent")
    )


def plan_install(machine: Machine, wiring: Wiring) -> list[FileChange]:
    """Plan the edits that wire Cursor; empty when it is wired already.

    Refuses files that don't parse, and a foreign MCP server that has our name.
    """
    expected = _expected(wiring)

    def add(document: Document) -> Document:
        if not document.has(("version",)):
            document = document.set(("version",), 1)
        for event, hook in expected:
            document = document.append(("hooks", event), hook)
        return document

    hooks = plan_wire(
        _part(machine),
        data_dir=wiring.data_dir,
        is_wired=lambda value: sorted(_found(value), key=str) == sorted(expected, key=str),
        add=add,
    )
    return [*hooks, *_server(machine, wiring).plan_install(wiring)]


def plan_uninstall(machine: Machine) -> list[FileChange]:
    """Plan the edits that unwire Cursor; other people's hooks and servers stay."""
    return [*plan_unwire(_part(machine)), *_server(machine).plan_uninstall()]


def check_wiring(machine: Machine, wiring: Wiring) -> list[WiringCheck]:
    """Report on the hooks and on the MCP server as the files have them now; never raises."""
    return [_check_hooks(machine, wiring), _server(machine, wiring).check()]


def _expected(wiring: Wiring) -> list[tuple[str, Any]]:
    # Cursor may put the payload behind the command as a here-document, which has to reach our process.
    return [
        (
            event,
            {
                "command": hook_command.without_shell(wiring, agent=NAME, event=event),
                "timeout": TIMEOUT_S,
            },
        )
        for event in MOMENTS
    ]


def _found(value: Any) -> list[tuple[str, Any]]:
    return [
        (event, hook)
        for event, hooks in members(get(value, "hooks"))
        for hook in elements(hooks)
        if _is_ours(hook)
    ]


def _is_ours(hook: Any) -> bool:
    return hook_command.is_ours(get(hook, "command"), agent=NAME)


def _part(machine: Machine) -> SettingsPart[Document]:
    return SettingsPart(
        agent=NAME, path=settings_file(machine), data_dirs=_data_dirs, strip=_strip, parse=json_edit.parse
    )


def _data_dirs(value: Any) -> list[Path]:
    parsed = [HookCommand.parse(get(hook, "command")) for _, hook in _found(value)]
    return [command.data_dir for command in parsed if command and command.data_dir]


def _strip(document: Document) -> Document:
    for event, _ in members(get(document.value, "hooks")):
        document = document.remove_where(("hooks", event), _is_ours)
    return document


def _server(machine: Machine, wiring: Wiring | None = None) -> McpServer:
    return McpServer(
        agent=NAME,
        path=machine.home / ".cursor" / "mcp.json",
        entry=json_mcp.server(wiring) if wiring else {},
    )


def _check_hooks(machine: Machine, wiring: Wiring) -> WiringCheck:
    path, hint = settings_file(machine), "Run `hivemind cursor install`."
    try:
        document = read_document(_part(machine))
    except HivemindError as error:
        return WiringCheck(name="hooks", ok=False, detail=error.message, hint=error.hint)
    if problem := _refused(document):
        hint = "Mend that in the file; Cursor ignores all of it until then."
        return WiringCheck(name="hooks", ok=False, detail=f"{path} {problem}", hint=hint)
    expected, found = _expected(wiring), _found(document.value)
    missing = [event for event, hook in expected if (event, hook) not in found]
    if missing or len(found) != len(expected):
        there = {event for event, _ in found}
        absent = [event for event in missing if event not in there]
        problem = f"no hook for {', '.join(absent)}" if absent else "hooks that differ from ours"
        return WiringCheck(name="hooks", ok=False, detail=f"{path} has {problem}", hint=hint)
    return WiringCheck(name="hooks", ok=True, detail=f"{len(found)} hooks in {path}")


def _refused(document: Document) -> str:
    """Say why Cursor would read nothing of the file; empty where it reads it, or where it is missing."""
    if not document.text.strip():
        return ""
    read = document.text
    for comment in _COMMENTS:
        read = comment.sub("", read)
    try:
        json.loads(read)
    except (ValueError, RecursionError):
        return "has a trailing comma, or a text with // in it"
    version, hooks = get(document.value, "version"), get(document.value, "hooks")
    if not isinstance(version, int) or isinstance(version, bool) or version < 1:
        return 'has no "version": 1'
    unknown = [event for event, _ in members(hooks) if event not in KNOWN_EVENTS]
    return f"has the unknown event {unknown[0]!r}" if unknown else ""
