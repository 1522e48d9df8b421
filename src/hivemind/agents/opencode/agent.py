"""What Hivemind knows of OpenCode, as the registry takes it up."""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path

from hivemind.agents.base import Machine, Transcript
from hivemind.agents.database_session import databases, session_paths
from hivemind.agents.json_document import is_document
from hivemind.agents.opencode import database, documents
from hivemind.agents.opencode.install import check_wiring, data_dir, detect, plan_install, plan_uninstall
from hivemind.agents.opencode.transcript import EDIT_TOOLS, SHELL_TOOLS, read_line, recognises

name = "opencode"
title = "OpenCode"
shell_tools = SHELL_TOOLS
edit_tools = EDIT_TOOLS


def default_root(machine: Machine) -> Path:
    """Give the folder that holds the database of every project."""
    return data_dir(machine)


def transcripts(root: Path) -> Iterator[Path]:
    """Yield the sessions of the databases, then those that only the files of old clients have."""
    # Development versions have databases of their own beside `opencode.db`.
    seen = set()
    for file in databases(root, "opencode*.db"):
        for path in session_paths(file, file_name=file.name, ids=database.session_ids):
            seen.add(path.name)
            yield path
    yield from (path for path in documents.session_files(root) if path.stem not in seen)


def companions(transcript: Path) -> Iterator[Path]:
    """Yield the sessions of a session's subagents."""
    if is_document(transcript):
        return documents.subagents(transcript)
    return database.subagents(transcript.parent, transcript.name)


def open_transcript(path: Path) -> AbstractContextManager[Transcript]:
    """Open a session; raise OSError where it cannot be read."""
    if is_document(path):
        return documents.open_document(path)
    return database.open_session(path.parent, path.name)


def size_bytes(path: Path) -> int:
    """Give the offset behind a session's last message; raise FileNotFoundError where there is none."""
    if not is_document(path):
        return database.size(path.parent, path.name)
    try:
        with documents.open_document(path) as session:
            return len(session.messages)
    except OSError as error:
        raise FileNotFoundError(str(error)) from error


def skill_folder(project_root: Path) -> Path:
    """Give the folder of a project whose skills OpenCode lists, and other agents beside it."""
    return project_root / ".agents" / "skills"
