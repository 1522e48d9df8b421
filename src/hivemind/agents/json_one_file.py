"""Wire an agent whose hooks and MCP server stand in the same JSON file: one plan, one receipt."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from hivemind.agents.base import FileChange, Wiring
from hivemind.agents.editing import json_edit
from hivemind.agents.editing.json_edit import Document
from hivemind.agents.editing.receipts import SettingsPart, plan_unwire, plan_wire


class Entries(Protocol):
    """Name what an install puts into a file; `GroupedHooks` and `McpServer` do."""

    def is_wired(self, value: Any, *, wiring: Wiring) -> bool:
        """Say whether a decoded file has the entries, and no other version of them."""

    def add(self, document: Document, *, wiring: Wiring) -> Document:
        """Put the entries into a file that has none of them."""

    def strip(self, document: Document) -> Document:
        """Take the entries out, of whichever version, and nothing else."""

    def data_dirs(self, value: Any) -> list[Path]:
        """Name the Hivemind folders that the entries name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OneFile:
    """Hold the entries of one agent in one file."""

    agent: str
    path: Path
    entries: tuple[Entries, ...]

    def plan_install(self, wiring: Wiring) -> list[FileChange]:
        """Plan the edit that puts all entries in; empty when they are there."""

        def is_wired(value: Any) -> bool:
            return all(part.is_wired(value, wiring=wiring) for part in self.entries)

        def add(document: Document) -> Document:
            for part in self.entries:
                document = part.add(document, wiring=wiring)
            return document

        return plan_wire(self._part, data_dir=wiring.data_dir, is_wired=is_wired, add=add)

    def plan_uninstall(self) -> list[FileChange]:
        """Plan the edit that takes all entries out; other people's stay."""
        return plan_unwire(self._part)

    @property
    def _part(self) -> SettingsPart[Document]:
        def strip(document: Document) -> Document:
            for part in self.entries:
                document = part.strip(document)
            return document

        def data_dirs(value: Any) -> list[Path]:
            return [folder for part in self.entries for folder in part.data_dirs(value)]

        return SettingsPart(
            agent=self.agent, path=self.path, data_dirs=data_dirs, strip=strip, parse=json_edit.parse
        )
