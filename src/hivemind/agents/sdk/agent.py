"""What Hivemind knows of programs that use the Python API; nothing of theirs is wired."""

from collections.abc import Iterator
from pathlib import Path

from hivemind.agents.base import FileChange, Machine, Wiring, WiringCheck
from hivemind.agents.sdk.transcript import read_line, recognises
from hivemind.agents.transcript_file import open_transcript, size_bytes, transcripts

name = "sdk"
title = "Python API"
shell_tools: frozenset[str] = frozenset()
edit_tools: frozenset[str] = frozenset()


def detect(machine: Machine) -> bool:
    """Say whether a program has recorded anything."""
    return default_root(machine).is_dir()


def plan_install(machine: Machine, wiring: Wiring) -> list[FileChange]:  # noqa: ARG001
    """Plan nothing: the program calls by itself."""
    return []


def plan_uninstall(machine: Machine) -> list[FileChange]:  # noqa: ARG001
    """Plan nothing."""
    return []


def check_wiring(machine: Machine, wiring: Wiring) -> list[WiringCheck]:  # noqa: ARG001
    """Report nothing: there is no wiring."""
    return []


def default_root(machine: Machine) -> Path:
    """Give the folder where programs keep what they record."""
    return machine.data_dir / "kept" / name


def companions(transcript: Path) -> Iterator[Path]:  # noqa: ARG001
    """Yield nothing: a subagent's events are in its session's transcript."""
    yield from ()


def skill_folder(project_root: Path) -> None:  # noqa: ARG001
    """Give none: a program asks for skills."""
    return
