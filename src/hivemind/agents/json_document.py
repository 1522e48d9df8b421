"""Read a session that an agent keeps as one JSON document, and find such documents among other JSON files."""

import gzip
import json
import os
import re
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any, Final

import orjson

from hivemind.agents import transcript_file
from hivemind.agents.transcript_file import TranscriptFile, decode

MAX_DOCUMENT_BYTES: Final = 64 << 20
#: So much of a file's beginning and of its end says what it is; a document has its messages between them.
EDGE_BYTES: Final = 4 << 10
SUFFIXES: Final = (".json", ".json.gz")
#: Folders of installed packages and of git, with JSON files by the thousand and no session.
NO_SESSIONS: Final = frozenset({"node_modules", "site-packages", "__pycache__", ".git", ".venv"})
_NO_BLOCK: Final = getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOFOLLOW", 0)
_GZIP_FORMAT: Final = 31


@dataclass(slots=True)
class RecordDocument:
    """Give records as lines; offsets are those that a file of these lines would have."""

    content: bytes = b""
    problem: str = ""

    def size_bytes(self) -> int | None:
        """Give the offset behind the last record."""
        return len(self.content)

    def fingerprint(self, offset: int) -> str:
        """Hash all before an offset: a message that was changed in its place is read again."""
        return blake2b(self.content[:offset], digest_size=16).hexdigest()

    def lines(self, *, start: int = 0, final: bool) -> Iterator[tuple[bytes | None, int]]:  # noqa: ARG002
        """Yield each record with the offset behind it."""
        while 0 <= start < len(self.content):
            end = self.content.find(b"\n", start)
            yield self.content[start:end], end + 1
            start = end + 1


def of_records(records: Iterable[Any]) -> RecordDocument:
    """Make a document of records; one that cannot be written as JSON again is left out."""
    lines = filter(None, map(encode, records))
    return RecordDocument(b"".join(line + b"\n" for line in lines))


def encode(record: Any, *, default: Callable[[Any], Any] | None = None) -> bytes | None:
    """Write a decoded record as a line; None where that cannot be done."""
    try:
        return orjson.dumps(record, default=default)
    except TypeError:
        # Half an emoji, a number beyond 64 bits, or deep nesting.
        try:
            return json.dumps(record, default=default).encode()
        except (TypeError, ValueError, RecursionError):
            return None


def is_document(path: Path) -> bool:
    """Say whether a session's path names a JSON file, and no session in a database."""
    return path.name.endswith(SUFFIXES) and not path.parent.is_file()


def load(path: Path) -> Any:
    """Decode a file; raise OSError where it cannot be read, is too large, or is not JSON."""
    with transcript_file.open_transcript(path) as file:
        return read(file)


def read(file: TranscriptFile) -> Any:
    """Decode an opened file; raise OSError as `load` does."""
    try:
        file.stream.seek(0)  # of an archive, the beginning has been read
        content = file.stream.read(MAX_DOCUMENT_BYTES + 1)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise OSError(f"{file.path} is a broken archive: {error}") from error
    if len(content) > MAX_DOCUMENT_BYTES:
        raise OSError(f"{file.path} is over {MAX_DOCUMENT_BYTES} bytes")
    try:
        return decode(content)
    except ValueError as error:
        raise OSError(f"{file.path} is not JSON: {error}") from error


def find(root: Path, looks_right: Callable[[bytes], object]) -> Iterator[Path]:
    """Yield the documents below a folder, or the file itself, whose edges look right; no link is followed.

    Only the edges are read, so that thousands of other JSON files cost little and are not mentioned.
    """
    if root.is_file():
        if root.name.endswith(SUFFIXES) and looks_right(_edges(str(root.resolve()))):
            yield root
        return
    for folder, inside, names in os.walk(root):
        inside[:] = sorted(name for name in inside if name not in NO_SESSIONS)
        for name in sorted(names):
            if name.endswith(SUFFIXES) and looks_right(_edges(f"{folder}/{name}")):
                yield Path(folder, name)


def having(*members: str) -> Callable[[bytes], bool]:
    """Make a test of a file's edges: do all these members occur, at whatever depth?"""
    patterns = [re.compile(rb'"%s"\s*:' % re.escape(name).encode()) for name in members]
    return lambda edges: all(pattern.search(edges) for pattern in patterns)


def _edges(path: str) -> bytes:
    try:
        fd = os.open(path, os.O_RDONLY | _NO_BLOCK)
    except OSError:
        return b""
    try:
        head = os.read(fd, EDGE_BYTES)
        if path.endswith(".gz"):
            return zlib.decompressobj(_GZIP_FORMAT).decompress(head, EDGE_BYTES)
        if len(head) == EDGE_BYTES:
            head += os.pread(fd, EDGE_BYTES, max(EDGE_BYTES, os.fstat(fd).st_size - EDGE_BYTES))
    except (OSError, zlib.error):
        return b""
    else:
        return head
    finally:
        os.close(fd)
