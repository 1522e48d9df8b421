"""What Hivemind knows of Hermes, as the registry takes it up."""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path

from hivemind.agents import transcript_file
from hivemind.agents.base import Transcript
from hivemind.agents.hermes import database, snapshot
from hivemind.agents.hermes.install import check_wiring, detect, plan_install, plan_uninstall
from hivemind.agents.hermes.install import home as default_root
from hivemind.agents.hermes.results import SHELL_TOOLS
from hivemind.agents.hermes.transcript import EDIT_TOOLS, read_line, recognises
from hivemind.agents.json_document import is_document

name = "hermes"
title = "Hermes"
shell_tools = SHELL_TOOLS
edit_tools = EDIT_TOOLS


def transcripts(root: Path) -> Iterator[Path]:
    """Yield the sessions of the database, subagents last, then the snapshots of sessions that it has not."""
    known = set()
    for path in database.transcripts(root):
        known.add(path.name)
        yield path
    yield from (path for path in snapshot.transcripts(root) if snapshot.session_id(path) not in known)


def companions(transcript: Path) -> Iterator[Path]:
    """Yield the sessions of a session's subagents; a snapshot does not say which session asked for it."""
    return iter(()) if is_document(transcript) else database.companions(transcript)


def open_transcript(path: Path) -> AbstractContextManager[Transcript]:
    """Open a session; raise OSError where it cannot be read."""
    return snapshot.open_snapshot(path) if is_document(path) else database.open_transcript(path)


def size_bytes(path: Path) -> int:
    """Give a number that changes when the session grows; raise FileNotFoundError where there is none."""
    return transcript_file.size_bytes(path) if is_document(path) else database.size_bytes(path)


def skill_folder(project_root: Path) -> Path:
    """Give the folder of a project that the installed entry in config.yaml makes Hermes read."""
    return project_root / ".agents" / "skills"
