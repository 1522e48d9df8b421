"""Wire Claude Code: hooks in its settings file, and Hivemind's MCP server in its state file."""

import itertools
import shlex
import shutil
from pathlib import Path
from typing import Any, Final

from hivemind.agents.base import FileChange, Machine, Wiring, WiringCheck
from hivemind.agents.json_edit import Document
from hivemind.agents.receipts import JsonPart, plan_unwire, plan_wire, read_document
from hivemind.errors import HivemindError

NAME: Final = "claude"
SERVER: Final = "hivemind"
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

_REINSTALL: Final = f"Run `hivemind {NAME} install`."
_ALWAYS_ZERO: Final = ("||", "true")
_SERVER_ARGS: Final = ["-E", "-P", "-m", "hivemind", "mcp"]


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
    expected = _expected_hooks(wiring)
    server = _expected_server(wiring)

    def add_hooks(document: Document) -> Document:
        for event, hook in expected:
            document = document.append(("hooks", event), {"hooks": [hook]})
        return document

    def add_server(document: Document) -> Document:
        if document.at(("mcpServers", SERVER)) is not None:
            raise _server_taken(document.path)
        return document.set(("mcpServers", SERVER), server)

    return [
        *plan_wire(
            _hooks_part(machine),
            data_dir=wiring.data_dir,
            is_wired=lambda value: _our_hooks(value) == expected,
            add=add_hooks,
        ),
        *plan_wire(
            _server_part(machine),
            data_dir=wiring.data_dir,
            is_wired=lambda value: _server(value) == server,
            add=add_server,
        ),
    ]


def plan_uninstall(machine: Machine) -> list[FileChange]:
    """Plan the edits that unwire Claude Code; other people's hooks and servers stay."""
    return [*plan_unwire(_hooks_part(machine)), *plan_unwire(_server_part(machine))]


def check_wiring(machine: Machine, wiring: Wiring) -> list[WiringCheck]:
    """Report on the hooks and on the MCP server as the files have them now; never raises."""
    return [_check_hooks(machine, wiring), _check_server(machine, wiring)]


def _config_dir(machine: Machine) -> Path:
    folder = machine.env.get("CLAUDE_CONFIG_DIR")
    return Path(folder) if folder else machine.home / ".claude"


# Hooks


def _hooks_part(machine: Machine) -> JsonPart:
    return JsonPart(agent=NAME, path=settings_file(machine), data_dirs=_hook_data_dirs, strip=_strip_hooks)


def _expected_hooks(wiring: Wiring) -> list[tuple[str, Any]]:
    return [
        (event, {"type": "command", "command": _command(wiring, event), "timeout": timeout})
        for event, timeout in TIMEOUTS.items()
    ]


def _command(wiring: Wiring, event: str) -> str:
    words = [wiring.python, "-I", "-S", str(wiring.hook_file), NAME, event, str(wiring.data_dir)]
    # Python exits 2 where the file is gone (the package was removed without unwiring), which blocks a prompt.
    return " ".join((shlex.join(words), *_ALWAYS_ZERO))


def _our_words(hook: Any) -> list[str] | None:
    """Split the command of one of our hooks; none for anybody else's.

    What every version and every installation has in common is the end of the hook file's path.
    """
    command = hook.get("command") if isinstance(hook, dict) else None
    if not isinstance(command, str):
        return None
    try:
        words = shlex.split(command)
    except ValueError:  # an open quotation mark
        return None
    if tuple(words[-2:]) == _ALWAYS_ZERO:
        words = words[:-2]
    pairs = itertools.pairwise(words)
    is_ours = any(file.endswith("/capture/hook.py") and agent == NAME for file, agent in pairs)
    return words if is_ours else None


def _is_ours(hook: Any) -> bool:
    return _our_words(hook) is not None


def _our_hooks(value: Any) -> list[tuple[str, Any]]:
    """List our hooks with their events, in the order of `TIMEOUTS` as far as they are there."""
    order = list(TIMEOUTS)
    found = [
        (event, hook)
        for event, groups in _members(_get(value, "hooks"))
        for group in _elements(groups)
        for hook in _elements(_get(group, "hooks"))
        if _is_ours(hook)
    ]
    return sorted(found, key=lambda pair: order.index(pair[0]) if pair[0] in order else len(order))


def _hook_data_dirs(value: Any) -> list[Path]:
    words = [_our_words(hook) or [""] for _, hook in _our_hooks(value)]
    return [Path(parts[-1]) for parts in words if parts[-1].startswith("/")]


def _strip_hooks(document: Document) -> Document:
    for event, groups in _members(_get(document.value, "hooks")):
        document = document.remove_where(("hooks", event), _is_our_group)
        for index in range(len(_elements(groups))):
            document = document.remove_where(("hooks", event, index, "hooks"), _is_ours)
    return document


def _is_our_group(group: Any) -> bool:
    hooks = _elements(_get(group, "hooks"))
    return bool(hooks) and all(_is_ours(hook) for hook in hooks)


def _check_hooks(machine: Machine, wiring: Wiring) -> WiringCheck:
    path = settings_file(machine)
    try:
        document = read_document(path)
    except HivemindError as error:
        return WiringCheck(name="hooks", ok=False, detail=error.message, hint=error.hint)
    if not document.is_strict:
        return _not_strict("hooks", path)
    value = document.value
    if _get(value, "disableAllHooks") is True:
        return WiringCheck(
            name="hooks",
            ok=False,
            detail=f'{path} has "disableAllHooks": true',
            hint="Remove that setting, or Claude Code runs no hook at all.",
        )
    expected, found = _expected_hooks(wiring), _our_hooks(value)
    if found == expected:
        return WiringCheck(name="hooks", ok=True, detail=f"{len(found)} hooks in {path}")
    missing = [event for event, _ in expected if event not in dict(found)]
    problem = f"no hook for {', '.join(missing)}" if missing else "hooks of another Hivemind installation"
    return WiringCheck(name="hooks", ok=False, detail=f"{path} has {problem}", hint=_REINSTALL)


# MCP server


def _server_part(machine: Machine) -> JsonPart:
    return JsonPart(agent=NAME, path=state_file(machine), data_dirs=_server_data_dirs, strip=_strip_server)


def _expected_server(wiring: Wiring) -> dict[str, Any]:
    return {
        "type": "stdio",
        "command": wiring.python,
        "args": _SERVER_ARGS,
        "env": {"HIVEMIND_HOME": str(wiring.data_dir)},
    }


def _server(value: Any) -> Any:
    return _get(_get(value, "mcpServers"), SERVER)


def _is_our_server(server: Any) -> bool:
    return bool(_get(server, "args") == _SERVER_ARGS)


def _server_data_dirs(value: Any) -> list[Path]:
    folder = _get(_get(_server(value), "env"), "HIVEMIND_HOME")
    return [Path(folder)] if isinstance(folder, str) and folder.startswith("/") else []


def _strip_server(document: Document) -> Document:
    node = document.at(("mcpServers", SERVER))
    return document.remove(node) if node is not None and _is_our_server(node.value) else document


def _server_taken(path: Path) -> HivemindError:
    return HivemindError(
        "mcp-server-taken",
        f'{path} has an MCP server called "{SERVER}" that is not ours',
        hint=f"Rename it or take it out with `claude mcp remove {SERVER}`, and run the command again.",
    )


def _check_server(machine: Machine, wiring: Wiring) -> WiringCheck:
    path = state_file(machine)
    try:
        document = read_document(path)
    except HivemindError as error:
        return WiringCheck(name="mcp", ok=False, detail=error.message, hint=error.hint)
    if not document.is_strict:
        return _not_strict("mcp", path)
    server = _server(document.value)
    if server == _expected_server(wiring):
        return WiringCheck(name="mcp", ok=True, detail=f"{SERVER} in {path}")
    if server is None:
        return WiringCheck(name="mcp", ok=False, detail=f"{path} has no server {SERVER}", hint=_REINSTALL)
    if not _is_our_server(server):
        taken = _server_taken(path)
        return WiringCheck(name="mcp", ok=False, detail=taken.message, hint=taken.hint)
    detail = f"{path} has the server of another Hivemind installation"
    return WiringCheck(name="mcp", ok=False, detail=detail, hint=_REINSTALL)


def _not_strict(name: str, path: Path) -> WiringCheck:
    """Report what Claude Code does with comments: it ignores the whole file (seen with 2.1.330)."""
    return WiringCheck(
        name=name,
        ok=False,
        detail=f"{path} has comments or trailing commas, so Claude Code reads nothing of it",
        hint="Take them out of the file.",
    )


# Foreign JSON, of which nothing is certain


def _get(value: Any, key: str) -> Any:
    return value.get(key) if isinstance(value, dict) else None


def _members(value: Any) -> list[tuple[str, Any]]:
    return list(value.items()) if isinstance(value, dict) else []


def _elements(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
