"""Hooks in Claude Code's shape, which other agents took over: events, groups, commands, in a JSON file."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Final

from hivemind.agents import hook_command
from hivemind.agents.base import FileChange, Wiring, WiringCheck
from hivemind.agents.editing import json_edit
from hivemind.agents.editing.edits import NodePath
from hivemind.agents.editing.json_edit import Document
from hivemind.agents.editing.receipts import (
    Receipt,
    SettingsPart,
    plan_unwire,
    plan_wire,
    read_document,
)
from hivemind.agents.hook_command import HookCommand
from hivemind.agents.values import elements, get, members
from hivemind.errors import HivemindError

#: What a check says of entries of ours that another installation wrote, or that somebody changed.
DIFFER: Final = "differ from what this installation writes"


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupedHooks:
    """Wire one agent's hooks: `{"hooks": {EVENT: [{"hooks": [{"type": "command", …}]}]}}`."""

    agent: str
    path: Path
    timeouts: Mapping[str, int]  #: event → how long a hook may take, in the agent's own unit
    reads_comments: bool  #: whether the agent takes JSON with comments and trailing commas

    @property
    def reinstall(self) -> str:
        """How a person mends it."""
        return f"Run `hivemind {self.agent} install`."

    def expected(self, wiring: Wiring) -> list[tuple[str, Any]]:
        """Give the hooks that an install writes, with their events."""
        return [
            (event, self._hook(wiring, event=event, timeout=timeout))
            for event, timeout in self.timeouts.items()
        ]

    def _hook(self, wiring: Wiring, *, event: str, timeout: int) -> dict[str, Any]:
        command = hook_command.for_shell(wiring, agent=self.agent, event=event)
        return {"type": "command", "command": command, "timeout": timeout}

    def plan_install(self, wiring: Wiring) -> list[FileChange]:
        """Plan the edits that put our hooks in; empty when they are there.

        Other people's hooks keep their places, by which an agent may know them, as far as that is possible.
        """
        changes = plan_wire(
            self._part,
            data_dir=wiring.data_dir,
            is_wired=partial(self.is_wired, wiring=wiring),
            add=partial(self.add, wiring=wiring),
        )
        planned = next((change for change in changes if change.path == self.path), None)
        document = planned and self._written_over(planned, wiring=wiring)
        if not document:
            return changes
        return [
            replace(change, after=document.encode())
            if change.path == self.path
            else replace(change, after=_without_undo(change.after))
            for change in changes
        ]

    def _written_over(self, planned: FileChange, *, wiring: Wiring) -> Document | None:
        """Put our hooks where earlier ones stand, if a plan would move other people's; else none."""
        before, after = (
            json_edit.parse(data or b"", path=self.path) for data in (planned.before, planned.after)
        )
        if self._places(before.value, ours=False) == self._places(after.value, ours=False):
            return None
        document, ours = before, self._places(before.value, ours=True)
        for event, hook in self.expected(wiring):
            at = next((place for place in ours if place[1] == event), None)
            old = document.at(at) if at else None
            document = (
                document.put(old, hook) if old else document.append(("hooks", event), {"hooks": [hook]})
            )
        return document if self.is_wired(document.value, wiring=wiring) else None

    def is_wired(self, value: Any, *, wiring: Wiring) -> bool:
        """Say whether a decoded file has our hooks, and no other version of them."""
        return self.found(value) == self.expected(wiring)

    def add(self, document: Document, *, wiring: Wiring) -> Document:
        """Put our hooks into a file that has none of them."""
        for event, hook in self.expected(wiring):
            document = document.append(("hooks", event), {"hooks": [hook]})
        return document

    def plan_uninstall(self) -> list[FileChange]:
        """Plan the edits that take our hooks out; other people's stay."""
        return plan_unwire(self._part)

    def found(self, value: Any) -> list[tuple[str, Any]]:
        """List our hooks with their events, in the order of `timeouts` as far as they are there."""
        order = list(self.timeouts)
        hooks = [(str(path[1]), hook) for path, hook in _hooks(value) if self._is_ours(hook)]
        return sorted(hooks, key=lambda pair: order.index(pair[0]) if pair[0] in order else len(order))

    def _places(self, value: Any, *, ours: bool) -> set[NodePath]:
        return {path for path, hook in _hooks(value) if self._is_ours(hook) is ours}

    def check(self, wiring: Wiring) -> WiringCheck:
        """Report on the hooks as the file has them now; never raises."""
        try:
            document = read_document(self._part)
        except HivemindError as error:
            return WiringCheck(name="hooks", ok=False, detail=error.message, hint=error.hint)
        if not self.reads_comments and not document.is_strict:
            return not_strict("hooks", self.path)
        expected, found = self.expected(wiring), self.found(document.value)
        if found == expected:
            return WiringCheck(name="hooks", ok=True, detail=f"{len(found)} hooks in {self.path}")
        missing = [event for event, _ in expected if event not in dict(found)]
        problem = f"no hook for {', '.join(missing)}" if missing else f"hooks that {DIFFER}"
        return WiringCheck(name="hooks", ok=False, detail=f"{self.path} has {problem}", hint=self.reinstall)

    @property
    def _part(self) -> SettingsPart[Document]:
        return SettingsPart(
            agent=self.agent,
            path=self.path,
            data_dirs=self.data_dirs,
            strip=self.strip,
            parse=json_edit.parse,
        )

    def _is_ours(self, hook: Any) -> bool:
        return hook_command.is_ours(get(hook, "command"), agent=self.agent)

    def data_dirs(self, value: Any) -> list[Path]:
        """Name the Hivemind folders that our hooks name."""
        parsed = [HookCommand.parse(get(hook, "command")) for _, hook in self.found(value)]
        return [command.data_dir for command in parsed if command and command.data_dir]

    def strip(self, document: Document) -> Document:
        """Take our hooks out, and nothing else."""
        for event, groups in members(get(document.value, "hooks")):
            document = document.remove_where(("hooks", event), self._is_our_group)
            for index in range(len(elements(groups))):
                document = document.remove_where(("hooks", event, index, "hooks"), self._is_ours)
        return document

    def _is_our_group(self, group: Any) -> bool:
        hooks = elements(get(group, "hooks"))
        return bool(hooks) and all(self._is_ours(hook) for hook in hooks)


def _hooks(value: Any) -> Iterator[tuple[NodePath, Any]]:
    """Yield all hooks of a decoded file, each with its path."""
    for event, groups in members(get(value, "hooks")):
        for at, group in enumerate(elements(groups)):
            for place, hook in enumerate(elements(get(group, "hooks"))):
                yield ("hooks", event, at, "hooks", place), hook


def _without_undo(data: bytes | None) -> bytes | None:
    """Keep of a receipt what an install made; what it wrote over must not come back."""
    receipt = Receipt.decode(data)
    return replace(receipt, digest="", edits=()).encode() if receipt else data


def not_strict(name: str, path: Path) -> WiringCheck:
    """Report a file with comments for an agent that reads nothing of such a file."""
    return WiringCheck(
        name=name,
        ok=False,
        detail=f"{path} has comments or trailing commas, so the agent reads nothing of it",
        hint="Take them out of the file.",
    )
