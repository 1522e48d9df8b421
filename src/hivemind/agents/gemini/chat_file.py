"""Find and open Gemini CLI's chats: JSON Lines, and in old versions a JSON document, written anew each time.

What a chat does not say about itself, and its place says, is added to its first record: the session that a
subagent belongs to, and the project's folder.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from hivemind.agents import json_document, transcript_file
from hivemind.agents.base import Transcript
from hivemind.agents.json_document import RecordDocument
from hivemind.agents.transcript_file import TranscriptFile, decode
from hivemind.agents.values import elements, text

#: Keys that reading adds to a chat's first record.
PARENT_KEY: Final = "hivemindParent"
ROOT_KEY: Final = "hivemindProjectRoot"
#: The file in which Gemini CLI notes a project's folder, beside its chats.
_ROOT_FILE: Final = ".project_root"
MAX_PATH_CHARS: Final = 4_096
_looks_right = json_document.having("sessionId", "projectHash")


def transcripts(root: Path) -> Iterator[Path]:
    """Yield chats below a folder, of either format and whatever they are called, subagents last."""
    found = {*transcript_file.transcripts(root), *json_document.find(root, _looks_right)}
    yield from sorted(found, key=lambda path: (len(path.parts), path))


def companions(transcript: Path) -> Iterator[Path]:
    """Yield the chats of subagents, in a folder called after the session: a chat's name has its beginning."""
    _, _, started = transcript.name.partition(".")[0].rpartition("-")
    if not started:
        return
    for folder in sorted(transcript.parent.glob(f"{started}*")):
        if folder.is_dir() and not folder.is_symlink():
            yield from sorted(folder.glob("*.jsonl"))


@contextmanager
def open_transcript(path: Path) -> Iterator[Transcript]:
    """Open a chat; raise OSError where it cannot be read or is no file."""
    with transcript_file.open_transcript(path) as file:
        if json_document.is_document(path):
            yield _document(file)
        else:
            yield ChatFile(file)


@dataclass(slots=True)
class ChatFile:
    """Read a chat that grows by lines."""

    file: TranscriptFile
    problem: str = ""

    def size_bytes(self) -> int | None:
        """Give the size, None where it shows only by unpacking."""
        return self.file.size_bytes()

    def fingerprint(self, offset: int) -> str:
        """Hash enough of what lies before an offset to notice that it was rewritten."""
        return self.file.fingerprint(offset)

    def lines(self, *, start: int = 0, final: bool) -> Iterator[tuple[bytes | None, int]]:
        """Yield each complete line with the offset behind it, the first with what its place says."""
        for number, (line, end) in enumerate(self.file.lines(start=start, final=final)):
            yield (_placed(line, self.file.path) if start == 0 and number == 0 and line else line), end
        self.problem = self.file.problem


def _document(file: TranscriptFile) -> RecordDocument:
    try:
        value = json_document.read(file)
    except OSError as error:
        return RecordDocument(problem=str(error))
    if not isinstance(value, dict):
        return RecordDocument(problem="the chat is no object")
    # What changes with each message would make the first record differ, and all be read again.
    header = {key: value[key] for key in ("sessionId", "projectHash", "startTime", "kind") if key in value}
    return json_document.of_records([_place(header, file.path), *elements(value.get("messages"))])


def _placed(line: bytes, path: Path) -> bytes:
    try:
        record = decode(line)
    except ValueError:
        return line
    if not isinstance(record, dict) or "sessionId" not in record or "type" in record:
        return line
    return json.dumps(_place(record, path)).encode()


def _place(record: dict[str, Any], path: Path) -> dict[str, Any]:
    """Add what a chat's place says, unless somebody wrote it into the file."""
    added = {PARENT_KEY: "", ROOT_KEY: _project_root(path)}
    if record.get("kind") == "subagent" and path.parent.parent.name == "chats":
        added[PARENT_KEY] = path.parent.name
    return {**record, **added}


def _project_root(path: Path) -> str:
    for folder in path.parents[1:3]:
        try:
            with transcript_file.open_transcript(folder / _ROOT_FILE) as file:
                found = text(file.head.decode("utf-8", "replace")).strip()
        except OSError:
            continue
        return found if found.startswith("/") and len(found) < MAX_PATH_CHARS else ""
    return ""
