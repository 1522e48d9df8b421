"""Hivemind's MCP server in an agent's JSON settings."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

from hivemind.agents.base import FileChange, Wiring, WiringCheck
from hivemind.agents.editing import json_edit
from hivemind.agents.editing.json_edit import Document
from hivemind.agents.editing.receipts import SettingsPart, plan_unwire, plan_wire, read_document
from hivemind.agents.json_hooks import DIFFER, not_strict
from hivemind.agents.values import get, mapping
from hivemind.errors import HivemindError

SERVER: Final = "hivemind"
ARGS: Final = ["-E", "-P", "-m", "hivemind", "mcp"]


def server(wiring: Wiring) -> dict[str, Any]:
    """Give the entry that most agents read."""
    return {"command": wiring.python, "args": ARGS, "env": {"HIVEMIND_HOME": str(wiring.data_dir)}}


@dataclass(frozen=True, slots=True, kw_only=True)
class McpServer:
    """Register the server below one key of one file; `entry` is what an install writes there."""

    agent: str
    path: Path
    entry: dict[str, Any]
    key: str = "mcpServers"
    env_key: str = "env"  #: where an entry has its environment
    remove_command: str = ""  #: how a person takes a foreign server of our name out
    reads_comments: bool = False

    def plan_install(self, wiring: Wiring) -> list[FileChange]:
        """Plan the edit that registers the server; refuses a foreign one that has our name."""
        return plan_wire(
            self._part,
            data_dir=wiring.data_dir,
            is_wired=partial(self.is_wired, wiring=wiring),
            add=partial(self.add, wiring=wiring),
        )

    def is_wired(self, value: Any, *, wiring: Wiring) -> bool:  # noqa: ARG002  # `entry` was made from it
        """Say whether a decoded file has our server as an install writes it."""
        return bool(get(value, self.key, SERVER) == self.entry)

    def add(self, document: Document, *, wiring: Wiring) -> Document:  # noqa: ARG002
        """Put our server into a file that has none of its name; refuse one that has."""
        if document.has((self.key, SERVER)):
            raise self._taken()
        return document.set((self.key, SERVER), self.entry)

    def plan_uninstall(self) -> list[FileChange]:
        """Plan the edit that takes our server out; others stay."""
        return plan_unwire(self._part)

    def check(self) -> WiringCheck:
        """Report on the server as the file has it now; never raises."""
        try:
            document = read_document(self._part)
        except HivemindError as error:
            return WiringCheck(name="mcp", ok=False, detail=error.message, hint=error.hint)
        if not self.reads_comments and not document.is_strict:
            return not_strict("mcp", self.path)
        found = get(document.value, self.key, SERVER)
        reinstall = f"Run `hivemind {self.agent} install`."
        if found == self.entry:
            return WiringCheck(name="mcp", ok=True, detail=f"{SERVER} in {self.path}")
        if found is None:
            return WiringCheck(
                name="mcp", ok=False, detail=f"{self.path} has no server {SERVER}", hint=reinstall
            )
        if not _is_ours(found):
            taken = self._taken()
            return WiringCheck(name="mcp", ok=False, detail=taken.message, hint=taken.hint)
        detail = f"{self.path} has the server with {difference(found, self.entry)}"
        return WiringCheck(name="mcp", ok=False, detail=detail, hint=reinstall)

    @property
    def _part(self) -> SettingsPart[Document]:
        return SettingsPart(
            agent=self.agent,
            path=self.path,
            data_dirs=self.data_dirs,
            strip=self.strip,
            parse=json_edit.parse,
        )

    def data_dirs(self, value: Any) -> list[Path]:
        """Name the Hivemind folder that our server is given."""
        folder = get(value, self.key, SERVER, self.env_key, "HIVEMIND_HOME")
        return [Path(folder)] if isinstance(folder, str) and folder.startswith("/") else []

    def strip(self, document: Document) -> Document:
        """Take our server out, and nothing else."""
        ours = _is_ours(get(document.value, self.key, SERVER))
        return document.drop((self.key, SERVER)) if ours else document

    def _taken(self) -> HivemindError:
        return server_taken(self.path, remove_command=self.remove_command)


def _is_ours(entry: Any) -> bool:
    """Say whether an entry starts our server: `args`, or the end of a `command` that has all words."""
    command = get(entry, "command")
    return get(entry, "args") == ARGS or (isinstance(command, list) and command[-len(ARGS) :] == ARGS)


def difference(found: Any, entry: dict[str, Any]) -> str:
    """Name the keys in which an entry of ours is not what an install writes."""
    keys = dict.fromkeys([*entry, *mapping(found)])
    named = ", ".join(key for key in keys if get(found, key) != entry.get(key))
    return f"values that {DIFFER}: {named}"


def server_taken(path: Path, *, remove_command: str = "") -> HivemindError:
    """Make the error for somebody else's server that has our name."""
    out = f"take it out with `{remove_command}`" if remove_command else "take it out"
    return HivemindError(
        "mcp-server-taken",
        f'{path} has an MCP server called "{SERVER}" that is not ours',
        hint=f"Rename it or {out}, and run the command again.",
    )
