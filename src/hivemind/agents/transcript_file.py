"""Open transcripts and give their lines in bounded memory, whatever is in the file."""

import gzip
import json
import os
import stat
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import IO, Any

import orjson

READ_BYTES = 1 << 20
#: A longer line is counted as bad and left out, in bytes.
MAX_LINE_BYTES = 64 << 20
#: So much of the beginning, and of what was read last, is hashed: a rewritten file is read anew, in bytes.
HASHED_BYTES = 1024


@dataclass(slots=True)
class TranscriptFile:
    """Read one transcript, plain or gzipped."""

    path: Path
    stream: IO[bytes]
    packed: bool
    head: bytes  #: what the file begins with
    problem: str = ""  #: why reading stopped before the end of the file

    def size_bytes(self) -> int | None:
        """Give the size, None where it shows only by unpacking."""
        return None if self.packed else os.fstat(self.stream.fileno()).st_size

    def fingerprint(self, offset: int) -> str:
        """Hash the beginning and the end of the first `offset` bytes."""
        wanted = min(HASHED_BYTES, offset)
        digest = blake2b(self.head[:wanted], digest_size=16)
        if not self.packed:  # an archive would have to be unpacked again
            digest.update(os.pread(self.stream.fileno(), wanted, offset - wanted))
        return digest.hexdigest()

    def lines(self, *, start: int = 0, final: bool) -> Iterator[tuple[bytes | None, int]]:
        """Yield each complete line with the offset behind it; None for a line that is too long to hold.

        `final` gives a last line without its newline, too.
        """
        rest: list[bytes] = []
        held, position, too_long = 0, start, False
        for block in self._blocks(start):
            # A long line arrives in many blocks: they are joined once, and searched once.
            first, *others = block.split(b"\n")
            rest.append(first)
            held += len(first)
            if held > MAX_LINE_BYTES:
                too_long, rest = True, []
            if not others:
                continue
            position += held + 1
            yield (None if too_long else b"".join(rest)), position
            for line in others[:-1]:
                position += len(line) + 1
                yield line, position
            rest, held, too_long = [others[-1]], len(others[-1]), False
        if held and final:
            yield (None if too_long else b"".join(rest)), position + held

    def _blocks(self, start: int) -> Iterator[bytes]:
        position = start
        while True:
            try:
                if position == start:
                    self.stream.seek(start)
                block = self.stream.read1(READ_BYTES)  # type: ignore[attr-defined]  # both kinds of file have it
            except (EOFError, zlib.error, gzip.BadGzipFile) as error:
                self.problem = f"the archive is broken behind its first {position} bytes: {error}"
                return
            if not block:
                return
            position += len(block)
            yield block


def transcripts(root: Path) -> Iterator[Path]:
    """Yield files (`.jsonl`, or `.jsonl.gz` of an archive) below a folder, the deeper ones last."""
    if root.is_file():
        yield root
        return
    found = (p for p in root.rglob("*.jsonl*") if _is_transcript(p))
    yield from sorted(found, key=lambda p: (len(p.parts), p))


def _is_transcript(path: Path) -> bool:
    # A link may lead out of the folder: whoever put it there chooses what would be read.
    return path.name.endswith((".jsonl", ".jsonl.gz")) and path.is_file() and not path.is_symlink()


def size_bytes(path: Path) -> int:
    """Give the size of a transcript; raise FileNotFoundError where there is none."""
    return path.stat().st_size


@contextmanager
def open_transcript(path: Path) -> Iterator[TranscriptFile]:
    """Open a transcript; raise OSError where it cannot be read or is no file: a pipe would block."""
    with _no_block(path) as stream:
        if path.suffix != ".gz":
            yield TranscriptFile(path, stream, packed=False, head=os.pread(stream.fileno(), HASHED_BYTES, 0))
            return
        with gzip.open(stream) as unpacked:
            try:
                head = unpacked.read1(HASHED_BYTES)
            except (EOFError, zlib.error) as error:
                raise OSError(f"{path} is a broken archive: {error}") from error
            yield TranscriptFile(path, unpacked, packed=True, head=head)  # type: ignore[arg-type]


def _no_block(path: Path) -> IO[bytes]:
    fd = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0))
    try:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            raise OSError(f"{path} is not a file")
        return os.fdopen(fd, "rb")
    except BaseException:
        os.close(fd)
        raise


def decode(line: bytes) -> Any:
    """Parse one line; raise ValueError where it is not JSON."""
    try:
        return orjson.loads(line)
    except orjson.JSONDecodeError:
        # JavaScript writes half an emoji, cut from a text, as a lone surrogate; the slower parser takes it.
        try:
            return json.loads(line)
        except RecursionError as error:
            raise ValueError("nested too deeply") from error
