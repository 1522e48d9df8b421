"""Wire Codex: hooks in `hooks.json`; in `config.toml` Hivemind's MCP server and the trust in our hooks."""

import os
import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from hivemind.agents import json_mcp
from hivemind.agents.base import FileChange, Machine, Wiring, WiringCheck
from hivemind.agents.codex import trust
from hivemind.agents.codex.rename import renamed
from hivemind.agents.codex.trust import Move, Trust
from hivemind.agents.editing import json_edit, toml_edit
from hivemind.agents.editing.files import read_bytes
from hivemind.agents.editing.receipts import SettingsPart, plan_unwire, plan_wire, read_document
from hivemind.agents.editing.toml_edit import Document
from hivemind.agents.hook_command import HookCommand
from hivemind.agents.json_hooks import GroupedHooks
from hivemind.agents.json_mcp import ARGS, SERVER
from hivemind.agents.values import elements, get, mapping, members
from hivemind.errors import HivemindError

NAME: Final = "codex"
#: Seconds that each hook may take. None is on tool calls: the transcript has them.
TIMEOUTS: Final = {
    "SessionStart": 5,
    "UserPromptSubmit": 5,
    "Stop": 5,
    "SubagentStop": 5,
    "PreCompact": 5,
    "SessionEnd": trust.MAX_END_S,
}
#: With any other field in the file, Codex reads nothing of it.
_FIELDS: Final = frozenset({"hooks", "description"})
_REINSTALL: Final = f"Run `hivemind {NAME} install`."
_SERVERS: Final = "mcp_servers"
_STATES: Final = ("hooks", "state")
#: Either name of the switch turns all hooks off.
_SWITCHES: Final = ("hooks", "codex_hooks")


def home(machine: Machine) -> Path:
    """Name Codex's own folder as Codex does: its keys for hooks begin with it."""
    if folder := machine.env.get("CODEX_HOME"):
        return Path(os.path.realpath(folder))
    return Path(os.path.normpath(machine.home / ".codex"))


def detect(machine: Machine) -> bool:
    """Say whether Codex is installed or has been used on this machine."""
    return home(machine).is_dir() or shutil.which("codex", path=machine.env.get("PATH", "")) is not None


def plan_install(machine: Machine, wiring: Wiring) -> list[FileChange]:
    """Plan the edits that wire Codex; empty when it is wired already.

    Refuses files that don't parse, and a foreign MCP server that has our name.
    """
    changes = _hooks(machine).plan_install(wiring)
    return [*changes, *_config(machine, changes).plan_install(wiring)]


def plan_uninstall(machine: Machine) -> list[FileChange]:
    """Plan the edits that unwire Codex; other people's hooks, servers and trust stay."""
    changes = _hooks(machine).plan_uninstall()
    return [*changes, *_config(machine, changes).plan_uninstall()]


def check_wiring(machine: Machine, wiring: Wiring) -> list[WiringCheck]:
    """Report on the hooks, the trust in them and the MCP server as the files have them now; never raises."""
    try:
        config = _config(machine, [])
    except HivemindError:  # the check of the hooks says why
        config = _Config(machine=machine, hooks={}, hooks_before={})
    return [_check_hooks(machine, wiring, config.hooks), *config.check(wiring)]


def hooks_file(machine: Machine) -> Path:
    """Name the file that holds a user's hooks."""
    return home(machine) / "hooks.json"


def config_file(machine: Machine) -> Path:
    """Name the file that holds everything else, which Codex itself edits, too."""
    return home(machine) / "config.toml"


def _hooks(machine: Machine) -> GroupedHooks:
    return GroupedHooks(agent=NAME, path=hooks_file(machine), timeouts=TIMEOUTS, reads_comments=False)


def _config(machine: Machine, changes: list[FileChange]) -> "_Config":
    """Describe the configuration that goes with a change of the hooks."""
    path = hooks_file(machine)
    before = read_bytes(path)
    after = next((change.after for change in changes if change.path == path), before)
    decoded = [json_edit.parse(data or b"", path=path).value for data in (before, after)]
    return _Config(machine=machine, hooks_before=decoded[0], hooks=decoded[1])


def _check_hooks(machine: Machine, wiring: Wiring, hooks: Any) -> WiringCheck:
    check, path = _hooks(machine).check(wiring), hooks_file(machine)
    unknown = [field for field, _ in members(hooks) if field not in _FIELDS]
    if not check.ok or not unknown:
        return check
    return WiringCheck(
        name="hooks",
        ok=False,
        detail=f"{path} has the field {unknown[0]!r}, so Codex reads nothing of it",
        hint="Take it out of the file.",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Config:
    """Edit `config.toml` for the hooks that another file has, or is going to have."""

    machine: Machine
    hooks: Any
    hooks_before: Any  #: what the file has now

    @property
    def path(self) -> Path:
        return config_file(self.machine)

    @property
    def trusts(self) -> list[Trust]:
        return self._of(self.hooks)

    def _of(self, hooks: Any) -> list[Trust]:
        return trust.of_hooks(hooks, path=hooks_file(self.machine), agent=NAME)

    def plan_install(self, wiring: Wiring) -> list[FileChange]:
        entry, trusts = json_mcp.server(wiring), self.trusts

        def is_wired(value: Any) -> bool:
            keys = {trust.key for trust in trusts}
            stale = any(key not in keys for key in self._ours(value))
            trusted = all(_trusted_hash(value, trust.key) == trust.digest for trust in trusts)
            wired = _holds(get(value, _SERVERS, SERVER), entry) and trusted and not stale
            return wired and not self._moves

        def add(document: Document) -> Document:
            document = self._moved(document)
            if document.has((_SERVERS, SERVER)):
                raise self._taken()
            document = document.set((_SERVERS, SERVER), entry)
            for wanted in trusts:
                document = _with_trust(document, wanted)
            return document

        changes = plan_wire(self._part, data_dir=wiring.data_dir, is_wired=is_wired, add=add)
        note = f"trusts these hooks of Hivemind, and no others: {', '.join(trust.event for trust in trusts)}"
        return self._told(changes, note)

    def plan_uninstall(self) -> list[FileChange]:
        changes = plan_unwire(self._part)
        planned = next((change for change in changes if change.path == self.path), None)
        before = read_bytes(self.path)
        after = planned.after if planned else before
        moved = self._moved(toml_edit.parse(after or b"", path=self.path)).encode()
        if moved == (after or b""):
            return changes
        change = FileChange(path=self.path, before=before, after=moved)
        return self._told([change, *(other for other in changes if other is not planned)], "")

    def _told(self, changes: list[FileChange], note: str) -> list[FileChange]:
        """Say what the change of the configuration means, with the foreign trust that it takes along."""
        value = toml_edit.parse(read_bytes(self.path) or b"", path=self.path).value
        kept = [m.hook.event for m in self._moves if _trusted_hash(value, m.hook.key) == m.hook.digest]
        said = [
            *([note] if note else []),
            *(f"keeps your trusted hook for {e} at its new place" for e in kept),
        ]
        told = "; ".join(dict.fromkeys(said))
        return [replace(change, note=told) if change.path == self.path else change for change in changes]

    @property
    def _moves(self) -> list[Move]:
        return trust.moves(self.hooks_before, self.hooks, path=hooks_file(self.machine), agent=NAME)

    def _moved(self, document: Document) -> Document:
        """Let what stands about foreign hooks go where they go, so that each is as trusted as it was.

        What nobody trusts goes, too: left behind, it would be about the hook that comes to its place. No
        uninstall undoes this, because the hooks do not go back.
        """
        moves = self._moves
        leaving = {move.hook.key for move in moves}
        for move in moves:
            if move.key not in leaving:  # what is there is about a hook that is gone, or one of ours
                document = document.drop((*_STATES, move.key))
        # Hooks only move up, so each leaves its place before the next one comes there.
        for move in moves:
            if document.has((*_STATES, move.hook.key)):
                document = renamed(document, (*_STATES, move.hook.key), move.key)
        return replace(document, edits=(), created=())

    def check(self, wiring: Wiring) -> list[WiringCheck]:
        try:
            value = read_document(self._part).value
        except HivemindError as error:
            return [
                WiringCheck(name=name, ok=False, detail=error.message, hint=error.hint)
                for name in ("trust", "mcp")
            ]
        return [self._check_trust(value), self._check_server(value, wiring)]

    def _check_trust(self, value: Any) -> WiringCheck:
        trusts = self.trusts
        off = [name for name in _SWITCHES if get(value, "features", name) is False]
        lapsed = [t.event for t in trusts if _trusted_hash(value, t.key) != t.digest]
        disabled = [t.event for t in trusts if get(_states(value), t.key, "enabled") is False]
        if off:
            detail, hint = (
                f"{self.path} has features.{off[0]} = false",
                "Remove that setting, or no hook runs.",
            )
        elif lapsed or not trusts:
            named = ", ".join(lapsed) or "any event"
            detail, hint = f"Codex does not trust our hooks for {named}, and passes over them", _REINSTALL
        elif disabled:
            detail = f"{self.path} has our hooks for {', '.join(disabled)} disabled"
            hint = "Enable them in Codex with /hooks."
        else:
            return WiringCheck(
                name="trust", ok=True, detail=f"{len(trusts)} hooks are trusted in {self.path}"
            )
        return WiringCheck(name="trust", ok=False, detail=detail, hint=hint)

    def _check_server(self, value: Any, wiring: Wiring) -> WiringCheck:
        found, hint = get(value, _SERVERS, SERVER), _REINSTALL
        entry = json_mcp.server(wiring)
        if _holds(found, entry):
            if get(found, "enabled") is not False:
                return WiringCheck(name="mcp", ok=True, detail=f"{SERVER} in {self.path}")
            detail, hint = f"{self.path} has the server disabled", "Set its `enabled` to true."
        elif found is None:
            detail = f"{self.path} has no server {SERVER}"
        elif _is_our_server(found):
            differing = {key: found.get(key) for key in entry}
            detail = f"{self.path} has the server with {json_mcp.difference(differing, entry)}"
        else:
            taken = self._taken()
            detail, hint = taken.message, taken.hint
        return WiringCheck(name="mcp", ok=False, detail=detail, hint=hint)

    @property
    def _part(self) -> SettingsPart[Document]:
        return SettingsPart(
            agent=NAME, path=self.path, data_dirs=self._data_dirs, strip=self._strip, parse=toml_edit.parse
        )

    def _data_dirs(self, value: Any) -> list[Path]:
        named = get(value, _SERVERS, SERVER, "env", "HIVEMIND_HOME")
        commands = [*_our_commands(self.hooks), *_our_commands(self.hooks_before)]
        found = [command.data_dir for command in commands if command.data_dir]
        return [Path(named), *found] if isinstance(named, str) and named.startswith("/") else found

    def _strip(self, document: Document) -> Document:
        if _is_our_server(get(document.value, _SERVERS, SERVER)):
            document = document.drop((_SERVERS, SERVER))
        for key in self._ours(document.value):
            document = _without_trust(document, key)
        return document

    def _ours(self, value: Any) -> list[str]:
        """List the keys, of today's places and of earlier ones, under which a hook of ours is trusted."""
        prefix = f"{hooks_file(self.machine)}:"
        digests = {trust.digest for hooks in (self.hooks, self.hooks_before) for trust in self._of(hooks)}
        return [
            key
            for key, state in members(_states(value))
            if key.startswith(prefix) and get(state, "trusted_hash") in digests
        ]

    def _taken(self) -> HivemindError:
        return json_mcp.server_taken(self.path, remove_command=f"codex mcp remove {SERVER}")


def _our_commands(hooks: Any) -> list[HookCommand]:
    groups = [group for _, groups in members(get(hooks, "hooks")) for group in elements(groups)]
    commands = [HookCommand.parse(get(hook, "command")) for g in groups for hook in elements(get(g, "hooks"))]
    return [command for command in commands if command is not None and command.agent == NAME]


def _states(value: Any) -> dict[str, Any]:
    return mapping(get(value, *_STATES))


def _trusted_hash(value: Any, key: str) -> Any:
    return get(_states(value), key, "trusted_hash")


def _with_trust(document: Document, wanted: Trust) -> Document:
    keys = (*_STATES, wanted.key)
    if not document.has(keys):
        return document.set(keys, {"trusted_hash": wanted.digest})
    # What stands there is about a hook that was in this place before; whether it is enabled stays.
    return document.drop((*keys, "trusted_hash")).set((*keys, "trusted_hash"), wanted.digest)


def _without_trust(document: Document, key: str) -> Document:
    keys = (*_STATES, key)
    has_more = len(mapping(get(_states(document.value), key))) > 1
    return document.drop((*keys, "trusted_hash") if has_more else keys)


def _is_our_server(entry: Any) -> bool:
    return bool(get(entry, "args") == ARGS)


def _holds(found: Any, entry: dict[str, Any]) -> bool:
    """Say whether an entry says what ours does; a person may have added a time limit of their own."""
    return isinstance(found, dict) and all(found.get(key) == value for key, value in entry.items())
