"""A script of ours in an agent's folder for plugins, where the agent runs no commands as hooks."""

import json
import re
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Final

from hivemind.agents import hook_command
from hivemind.agents.base import FileChange, Wiring, WiringCheck
from hivemind.agents.editing import own_file
from hivemind.agents.editing.files import read_bytes
from hivemind.errors import HivemindError

_AFTER_EVENT: Final = re.compile(rb'^const AFTER_EVENT\b[^=\n]*= (\[".*"\]);$', re.M)


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnScript:
    """Wire one agent by a script from its package, with the words of the hook's command put in."""

    agent: str
    path: Path  #: where the agent finds it; the file in the package has the same name
    marker: bytes  #: what every version of it has in its first line

    def plan_install(self, wiring: Wiring) -> list[FileChange]:
        """Plan to write the script; empty when it is there already, refused when another's is."""
        return own_file.plan_write(
            self.path,
            self.content(wiring),
            agent=self.agent,
            data_dir=wiring.data_dir,
            marker=self.marker,
            data_dirs_before=self._data_dirs(),
        )

    def plan_uninstall(self) -> list[FileChange]:
        """Plan to remove the script."""
        return own_file.plan_remove(
            self.path, agent=self.agent, data_dirs=self._data_dirs(), marker=self.marker
        )

    def check(self, wiring: Wiring) -> WiringCheck:
        """Report on the script as the file is now; never raises."""
        command = f"`hivemind {self.agent} install`"
        try:
            found = read_bytes(self.path)
        except HivemindError as error:
            return WiringCheck(name="hooks", ok=False, detail=error.message, hint=error.hint)
        if found == self.content(wiring):
            return WiringCheck(name="hooks", ok=True, detail=str(self.path))
        if found is not None and self.marker not in found:
            detail, hint = f"{self.path} is not Hivemind's", f"Move or rename it, and run {command}."
            return WiringCheck(name="hooks", ok=False, detail=detail, hint=hint)
        problem = "is missing" if found is None else "is of another version or installation of Hivemind"
        return WiringCheck(name="hooks", ok=False, detail=f"{self.path} {problem}", hint=f"Run {command}.")

    def content(self, wiring: Wiring) -> bytes:
        """Give the script for an installation."""
        package = resources.files(f"hivemind.agents.{self.agent}")
        content = package.joinpath(self.path.name).read_bytes()
        words = hook_command.words(wiring, agent=self.agent, event="")
        at = words.index("")
        for name, part in (("HIVEMIND_BEFORE_EVENT", words[:at]), ("HIVEMIND_AFTER_EVENT", words[at + 1 :])):
            content = content.replace(f'["{name}"]'.encode(), json.dumps(part).encode())
        return content

    def _data_dirs(self) -> list[Path]:
        """Give the Hivemind folder that an installed script names."""
        found = _AFTER_EVENT.search(read_bytes(self.path) or b"")
        try:
            words = json.loads(found.group(1)) if found else []
        except (ValueError, RecursionError):
            return []
        return [Path(word) for word in words[:1] if isinstance(word, str) and word.startswith("/")]
