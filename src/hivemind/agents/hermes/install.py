"""Wire Hermes: hooks, the MCP server and the skill folder in config.yaml, and the consent to the hooks.

Hermes runs a hook only after a person has allowed the command, and asks for it at a terminal. Installing
Hivemind is that consent, so each command is entered into the list that Hermes keeps of them, as it would
itself; `hooks_auto_accept`, which allows everything, is left alone.
"""

import shlex
import shutil
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from hivemind.agents import hook_command, json_mcp
from hivemind.agents.base import FileChange, Machine, Wiring, WiringCheck
from hivemind.agents.editing import json_edit, yaml_edit
from hivemind.agents.editing.receipts import SettingsPart, plan_unwire, plan_wire, read_document
from hivemind.agents.hook_command import HookCommand
from hivemind.agents.values import elements, get, members
from hivemind.errors import HivemindError

NAME: Final = "hermes"
#: Seconds that each hook may take. None is on tool calls: the database has them.
TIMEOUTS: Final = {
    "on_session_start": 5,
    "pre_llm_call": 5,
    "on_session_end": 5,
    "subagent_stop": 5,
    "on_session_finalize": 10,
}
#: Hermes expands it at its start. The dot at its end tells our entry from a person's.
SKILL_FOLDER: Final = "${PWD}/.agents/skills/."
_SKILL_FOLDERS: Final = ("skills", "external_dirs")
_SERVER: Final = ("mcp_servers", json_mcp.SERVER)
_REINSTALL: Final = f"Run `hivemind {NAME} install`."


def home(machine: Machine) -> Path:
    """Name the folder that holds all that Hermes keeps."""
    folder = machine.env.get("HERMES_HOME", "").strip()
    return Path(folder) if folder else machine.home / ".hermes"


def detect(machine: Machine) -> bool:
    """Say whether Hermes is installed or has been used on this machine."""
    return home(machine).is_dir() or _executable(machine) is not None


def plan_install(machine: Machine, wiring: Wiring) -> list[FileChange]:
    """Plan the edits that wire Hermes; empty when it is wired already.

    Refuses files that don't parse, and a foreign MCP server that has our name.
    """
    files = _Files(home(machine))
    expected = files.hooks(wiring)
    settings = plan_wire(
        files.settings,
        data_dir=wiring.data_dir,
        is_wired=lambda value: not _missing(value, files=files, wiring=wiring),
        add=lambda document: _add(document, expected, path=files.settings.path, wiring=wiring),
    )
    commands = [(event, hook["command"]) for event, hook in expected]
    consent = plan_wire(
        files.consent,
        data_dir=wiring.data_dir,
        is_wired=lambda value: _allowed(value) == commands,
        add=lambda document: _allow(document, commands),
    )
    note = f"allows Hermes to run these {len(commands)} hooks of Hivemind, and no other"
    return [*settings, *(c if c.internal else replace(c, note=note) for c in consent)]


def plan_uninstall(machine: Machine) -> list[FileChange]:
    """Plan the edits that unwire Hermes; other people's hooks and servers stay."""
    files = _Files(home(machine))
    return [*plan_unwire(files.settings), *plan_unwire(files.consent)]


def check_wiring(machine: Machine, wiring: Wiring) -> list[WiringCheck]:
    """Report on hooks, consent, MCP server and skills as the files have them now; never raises."""
    files = _Files(home(machine))
    try:
        value = read_document(files.settings).value
    except HivemindError as error:
        return [_unreadable(name, error) for name in ("hooks", "mcp", "skills")]
    missing = _missing(value, files=files, wiring=wiring)
    where = files.settings.path
    hooks = WiringCheck(name="hooks", ok=True, detail=f"{len(TIMEOUTS)} hooks in {where}")
    if "hooks" in missing:
        hooks = WiringCheck(
            name="hooks", ok=False, detail=f"{where} lacks hooks of this Hivemind", hint=_REINSTALL
        )
    return [
        hooks,
        _check_consent(files, wiring=wiring),
        _check_server(value, missing, machine=machine, path=where),
        _check_skills(value, missing, path=where),
    ]


@dataclass(frozen=True, slots=True)
class _Files:
    """Describe the two files, and what of them is ours."""

    folder: Path

    @property
    def settings(self) -> SettingsPart[yaml_edit.Document]:
        return SettingsPart(
            agent=NAME,
            path=self.folder / "config.yaml",
            data_dirs=_data_dirs,
            strip=_strip,
            parse=yaml_edit.parse,
        )

    @property
    def consent(self) -> SettingsPart[json_edit.Document]:
        return SettingsPart(
            agent=NAME,
            path=self.folder / "shell-hooks-allowlist.json",
            data_dirs=lambda value: _folders(command for _, command in _allowed(value)),
            strip=lambda document: document.remove_where(("approvals",), _is_ours),
            parse=json_edit.parse,
        )

    def hooks(self, wiring: Wiring) -> list[tuple[str, dict[str, Any]]]:
        """Give the hooks that an install writes, with their events."""
        return [
            (event, {"command": _command(wiring, event=event, root=self.folder), "timeout": timeout})
            for event, timeout in TIMEOUTS.items()
        ]


def _command(wiring: Wiring, *, event: str, root: Path) -> str:
    # `hermes hooks doctor` looks for a word that names a script, so the command is no single word for `sh`.
    words = hook_command.words(wiring, agent=NAME, event=event, root=root)
    return shlex.join(["sh", "-c", '"$@" || true', "sh", *words])


def _add(
    document: yaml_edit.Document,
    hooks: list[tuple[str, dict[str, Any]]],
    *,
    path: Path,
    wiring: Wiring,
) -> yaml_edit.Document:
    if document.has(_SERVER):
        raise json_mcp.server_taken(path, remove_command=f"hermes mcp remove {json_mcp.SERVER}")
    for event, hook in hooks:
        document = document.append(("hooks", event), hook)
    document = document.set(_SERVER, json_mcp.server(wiring))
    return document.append(_SKILL_FOLDERS, SKILL_FOLDER) if _takes_skills(document.value) else document


def _takes_skills(value: Any) -> bool:
    """Say whether a project's skills may be listed: not where Hermes runs commands that are in a skill."""
    folders = get(value, *_SKILL_FOLDERS)
    return not get(value, "skills", "inline_shell") and (folders is None or isinstance(folders, list))


def _missing(value: Any, *, files: _Files, wiring: Wiring) -> set[str]:
    """Name the parts that are not as an install writes them."""
    order = list(TIMEOUTS)
    found = sorted(_found(value), key=lambda pair: order.index(pair[0]) if pair[0] in order else len(order))
    is_as_wanted = {
        "hooks": found == files.hooks(wiring),
        "mcp": get(value, *_SERVER) == json_mcp.server(wiring),
        "skills": (SKILL_FOLDER in elements(get(value, *_SKILL_FOLDERS))) == _takes_skills(value),
    }
    return {name for name, is_so in is_as_wanted.items() if not is_so}


def _found(value: Any) -> list[tuple[str, Any]]:
    return [
        (event, hook)
        for event, hooks in members(get(value, "hooks"))
        for hook in elements(hooks)
        if _is_ours(hook)
    ]


def _is_ours(entry: Any) -> bool:
    return hook_command.is_ours(get(entry, "command"), agent=NAME)


def _strip(document: yaml_edit.Document) -> yaml_edit.Document:
    for event, _ in members(get(document.value, "hooks")):
        document = document.remove_where(("hooks", event), _is_ours)
    if get(document.value, *_SERVER, "args") == json_mcp.ARGS:
        document = document.drop(_SERVER)
    return document.remove_where(_SKILL_FOLDERS, lambda folder: folder == SKILL_FOLDER)


def _data_dirs(value: Any) -> list[Path]:
    folder = get(value, *_SERVER, "env", "HIVEMIND_HOME")
    served = [Path(folder)] if isinstance(folder, str) and folder.startswith("/") else []
    return [*_folders(get(hook, "command") for _, hook in _found(value)), *served]


def _folders(commands: Iterable[Any]) -> list[Path]:
    parsed = [HookCommand.parse(command) for command in commands]
    return [command.data_dir for command in parsed if command and command.data_dir]


def _allowed(value: Any) -> list[tuple[Any, Any]]:
    """List what is allowed of our commands, in the order of `TIMEOUTS`."""
    order = list(TIMEOUTS)
    found = [
        (get(entry, "event"), get(entry, "command"))
        for entry in elements(get(value, "approvals"))
        if _is_ours(entry)
    ]
    return sorted(found, key=lambda pair: order.index(pair[0]) if pair[0] in order else len(order))


def _allow(document: json_edit.Document, commands: list[tuple[str, str]]) -> json_edit.Document:
    now = datetime.now(UTC).isoformat().replace("+00:00", "Z")
    for event, command in commands:
        entry = {"event": event, "command": command, "approved_at": now, "script_mtime_at_approval": None}
        document = document.append(("approvals",), entry)
    return document


def _check_consent(files: _Files, *, wiring: Wiring) -> WiringCheck:
    try:
        allowed = _allowed(read_document(files.consent).value)
    except HivemindError as error:
        return _unreadable("consent", error)
    missing = [event for event, hook in files.hooks(wiring) if (event, hook["command"]) not in allowed]
    path = files.consent.path
    if missing:
        detail = f"{path} does not allow the hooks for {', '.join(missing)}, so Hermes does not run them"
        return WiringCheck(name="consent", ok=False, detail=detail, hint=_REINSTALL)
    return WiringCheck(name="consent", ok=True, detail=f"{len(allowed)} hooks are allowed in {path}")


def _check_server(value: Any, missing: set[str], *, machine: Machine, path: Path) -> WiringCheck:
    found = get(value, *_SERVER)
    if found is not None and get(found, "args") != json_mcp.ARGS:
        taken = json_mcp.server_taken(path)
        return WiringCheck(name="mcp", ok=False, detail=taken.message, hint=taken.hint)
    if "mcp" in missing:
        detail = f"{path} lacks the server of this Hivemind"
        return WiringCheck(name="mcp", ok=False, detail=detail, hint=_REINSTALL)
    packages = _packages(machine)
    if packages and not any((folder / "mcp").is_dir() for folder in packages):
        return WiringCheck(
            name="mcp",
            ok=False,
            detail="this Hermes was installed without MCP, so it starts no server",
            hint="Install it with `pip install 'hermes-agent[mcp]'`.",
        )
    return WiringCheck(name="mcp", ok=True, detail=f"{json_mcp.SERVER} in {path}")


def _check_skills(value: Any, missing: set[str], *, path: Path) -> WiringCheck:
    if "skills" in missing:
        detail = f"{path} does not name the skills of the project that Hermes is started in"
        return WiringCheck(name="skills", ok=False, detail=detail, hint=_REINSTALL)
    if _takes_skills(value):
        return WiringCheck(name="skills", ok=True, detail=f"{SKILL_FOLDER} in {path}")
    return WiringCheck(
        name="skills",
        ok=False,
        detail=f"{path} lets skills run commands, or has no list of folders: no project's skills were added",
        hint="Set skills.inline_shell to false and skills.external_dirs to a list, and install again.",
    )


def _unreadable(name: str, error: HivemindError) -> WiringCheck:
    return WiringCheck(name=name, ok=False, detail=error.message, hint=error.hint)


def _executable(machine: Machine) -> Path | None:
    found = shutil.which("hermes", path=machine.env.get("PATH", ""))
    return Path(found) if found else None


def _packages(machine: Machine) -> list[Path]:
    """Find where the packages of the installed Hermes are; none where that cannot be told."""
    executable = _executable(machine)
    if executable is None:
        return []
    try:
        return sorted(executable.resolve().parent.parent.glob("lib/python3*/site-packages"))
    except OSError:
        return []
