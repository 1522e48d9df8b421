"""The command that agents' files call for a hook: how it is written, and how ours is told from others'."""

import itertools
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

from hivemind.agents.base import Wiring

_ALWAYS_ZERO: Final = ("||", "true")
_HOOK_FILE: Final = "/capture/hook.py"


def words(wiring: Wiring, *, agent: str, event: str, root: Path | None = None) -> list[str]:
    """Give the words of a hook; `root` is the agent's own folder, for agents whose payloads lack it."""
    command = [wiring.python, "-I", "-S", str(wiring.hook_file), agent, event, str(wiring.data_dir)]
    return [*command, str(root)] if root else command


def for_shell(wiring: Wiring, *, agent: str, event: str, root: Path | None = None) -> str:
    """Give the command for an agent that runs hooks through a shell.

    Python exits 2 where the file is gone (the package was removed without unwiring), which blocks a prompt.
    """
    return " ".join((shlex.join(words(wiring, agent=agent, event=event, root=root)), *_ALWAYS_ZERO))


def without_shell(wiring: Wiring, *, agent: str, event: str, root: Path | None = None) -> str:
    """Give the command for an agent that splits it into words itself, or puts something behind it."""
    return shlex.join(["sh", "-c", for_shell(wiring, agent=agent, event=event, root=root)])


@dataclass(frozen=True, slots=True, kw_only=True)
class HookCommand:
    """Hold the parts of one of our commands, of whichever version and installation."""

    agent: str
    event: str
    data_dir: Path | None

    @classmethod
    def parse(cls, command: Any) -> Self | None:
        """Take a command apart; none for anybody else's.

        What every version and every installation has in common is the end of the hook file's path.
        """
        if not isinstance(command, str) or _HOOK_FILE not in command:
            return None
        try:
            parts = shlex.split(command)
            if parts[:2] == ["sh", "-c"] and len(parts) == 3:
                parts = shlex.split(parts[2])
        except ValueError:  # an open quotation mark
            return None
        for at, (file, agent) in enumerate(itertools.pairwise(parts)):
            if file.endswith(_HOOK_FILE):
                event, folder = (*parts[at + 2 : at + 4], "", "")[:2]
                return cls(agent=agent, event=event, data_dir=Path(folder) if folder[:1] == "/" else None)
        return None


def is_ours(command: Any, *, agent: str) -> bool:
    """Say whether a command is a hook of ours for this agent."""
    parsed = HookCommand.parse(command)
    return parsed is not None and parsed.agent == agent
