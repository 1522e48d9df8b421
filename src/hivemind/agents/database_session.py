"""Read a session that an agent keeps in an SQLite database as if it were a file with a record a line.

A session is named by a path below its database's: `…/state.db/SESSION`. The agent writes while we read, so
each look is short, from a connection of its own, and leaves no lock and no file behind.
"""

import os
import sqlite3
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatch
from functools import partial
from hashlib import blake2b
from pathlib import Path
from typing import Any, Final, Protocol, TypeVar

from hivemind.agents import json_document

_Found = TypeVar("_Found")

#: A longer value, and a longer record, is not held, in bytes.
MAX_RECORD_BYTES: Final = 64 << 20
#: A look at the database ends behind so many bytes of records, or so many records.
PAGE_BYTES: Final = 16 << 20
PAGE_RECORDS: Final = 5_000
#: How long to wait for a writer, in seconds.
BUSY_S: Final = 1.0
#: A single look takes no longer: a foreign database can hold a view without an end, in seconds.
LOOK_S: Final = 60.0
_STEPS_BETWEEN_CLOCKS: Final = 100_000
#: Where the header says whether there is a write-ahead log.
_HEADER: Final = b"SQLite format 3\0"
_READ_VERSION_AT: Final = 19
_WRITE_AHEAD: Final = 2


class Rows(Protocol):
    """Yield a session's records behind an offset, each with its own, in an order that offsets follow.

    Records with the same offset are read together. It is called again for each page, on a new connection.
    """

    def __call__(
        self, connection: sqlite3.Connection, *, start: int, final: bool
    ) -> Iterator[tuple[int, dict[str, Any]]]:
        """Yield what lies behind `start`; `final` says that nobody is writing the session any more."""


@dataclass(slots=True, kw_only=True)
class DatabaseSession:
    """Give the records of one session as the `Transcript` that ingestion reads."""

    database: Path
    rows: Rows
    head: Callable[[sqlite3.Connection], str]
    last: Callable[[sqlite3.Connection], int] | None
    problem: str = ""

    def size_bytes(self) -> int | None:
        """Give the last record's offset, None where it shows only by reading."""
        return look(self.database, self.last) if self.last else None

    def fingerprint(self, offset: int) -> str:
        """Hash what `head` gives: it stays the same for as long as the session only grows."""
        head = look(self.database, self.head) if offset else ""
        return blake2b(head.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()

    def lines(self, *, start: int = 0, final: bool) -> Iterator[tuple[bytes | None, int]]:
        """Yield each record as a line of JSON with its offset; None for one that is too long to hold."""
        position = start
        while True:
            try:
                page, ended = look(self.database, partial(self._page, start=position, final=final))
            except OSError as error:
                self.problem = str(error)
                return
            yield from page
            if ended or not page:
                return
            position = page[-1][1]

    def _page(
        self, connection: sqlite3.Connection, *, start: int, final: bool
    ) -> tuple[list[tuple[bytes | None, int]], bool]:
        page: list[tuple[bytes | None, int]] = []
        held = 0
        for offset, record in self.rows(connection, start=start, final=final):
            # Between two records of one offset nothing can be continued.
            if page and offset > page[-1][1] and (held > PAGE_BYTES or len(page) >= PAGE_RECORDS):
                return page, False
            line = _encode(record)
            held += len(line or b"")
            page.append((line, offset))
        return page, True


@contextmanager
def open_rows(
    database: Path,
    *,
    rows: Rows,
    head: Callable[[sqlite3.Connection], str],
    last: Callable[[sqlite3.Connection], int] | None = None,
) -> Iterator[DatabaseSession]:
    """Open a session; raise OSError where the database cannot be read or has no such session.

    `head` gives a text that changes only where the session was rewritten, and raises LookupError where there
    is no such session. `last` gives the offset of the last record, where that is known without reading.
    """
    session = DatabaseSession(database=database, rows=rows, head=head, last=last)
    look(database, head)
    yield session


def look(database: Path, read: Callable[[sqlite3.Connection], _Found]) -> _Found:
    """Give what `read` makes of the database; raise OSError where that cannot be had, whatever the reason."""
    before = _state(database)
    try:
        found = _read(database, read, unchanging=before.rests)
        # What was read without a lock holds only if nobody wrote meanwhile.
        if before.rests and _state(database) != before:
            found = _read(database, read, unchanging=False)
    except LookupError as error:
        raise FileNotFoundError(f"{database}: {error.args[0] if error.args else error}") from error
    except (sqlite3.Error, sqlite3.Warning, OverflowError) as error:
        raise OSError(f"{database} cannot be read: {error}") from error
    return found


def split(path: Path) -> tuple[Path, str]:
    """Take a session's path apart into its database and its id."""
    return path.parent, path.name


def session_path(database: Path, session_id: Any) -> Path | None:
    """Name a session below its database; None for an id that is no name of a file."""
    if not isinstance(session_id, str) or session_id in ("", ".", "..") or "/" in session_id:
        return None
    return None if "\0" in session_id or "\\" in session_id else database / session_id


def session_paths(
    root: Path, *, file_name: str, ids: Callable[[sqlite3.Connection], list[Any]]
) -> Iterator[Path]:
    """Yield the sessions of the databases of a folder, or of a database, or the session that a path names.

    A database that cannot be read holds none.
    """
    if root.parent.is_file():
        yield root
        return
    for database in databases(root, file_name):
        try:
            found = look(database, ids)
        except OSError:
            continue
        yield from filter(None, (session_path(database, session_id) for session_id in found))


def databases(root: Path, pattern: str) -> list[Path]:
    """Give the databases in a folder, else those anywhere below it, or the one that a path names.

    A link may lead out of the folder: whoever put it there chooses what would be read.
    """
    found = sorted(root.glob(pattern)) if root.is_dir() else [root]
    if not found:
        found = [Path(folder, name) for folder, name in _files(root) if fnmatch(name, pattern)]
    return [path for path in found if path.is_file() and not path.is_symlink()]


def _files(root: Path) -> Iterator[tuple[str, str]]:
    for folder, inside, names in os.walk(root):
        inside[:] = sorted(name for name in inside if name not in json_document.NO_SESSIONS)
        yield from ((folder, name) for name in sorted(names))


def columns(connection: sqlite3.Connection, table: str) -> frozenset[str]:
    """Give the names of a table's columns, none where there is no such table."""
    rows = connection.execute("SELECT name FROM pragma_table_info(?)", (table,))
    return frozenset(name for (name,) in rows if isinstance(name, str))


@dataclass(frozen=True, slots=True)
class _State:
    size_bytes: int
    modified_ns: int
    inode: int
    rests: bool  #: in write-ahead mode and opened by nobody


def _state(database: Path) -> _State:
    try:
        with open(database, "rb", opener=_no_block) as stream:
            about = os.fstat(stream.fileno())
            if not stat.S_ISREG(about.st_mode):
                raise OSError(f"{database} is not a file")
            header = stream.read(_READ_VERSION_AT + 1)
    except (IsADirectoryError, NotADirectoryError) as error:
        raise FileNotFoundError(f"{database} is no database") from error
    if not header.startswith(_HEADER) or len(header) <= _READ_VERSION_AT:
        raise OSError(f"{database} is no SQLite database")
    # Opened read-only, SQLite makes the log of a database that nobody has open, and leaves it there.
    rests = header[_READ_VERSION_AT] == _WRITE_AHEAD and not Path(f"{database}-wal").exists()
    return _State(about.st_size, about.st_mtime_ns, about.st_ino, rests)


def _no_block(path: str, flags: int) -> int:
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0))


def _read(database: Path, read: Callable[[sqlite3.Connection], _Found], *, unchanging: bool) -> _Found:
    uri = f"{database.absolute().as_uri()}?mode=ro{'&immutable=1' if unchanging else ''}"
    connection = sqlite3.connect(uri, uri=True, timeout=BUSY_S, isolation_level=None)
    try:
        connection.text_factory = _text
        connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, MAX_RECORD_BYTES)
        ends = time.monotonic() + LOOK_S
        connection.set_progress_handler(lambda: time.monotonic() > ends, _STEPS_BETWEEN_CLOCKS)
        connection.execute("PRAGMA query_only = ON")
        connection.execute("PRAGMA trusted_schema = OFF")
        connection.execute("BEGIN")
        return read(connection)
    finally:
        connection.close()


def _text(content: bytes) -> str:
    return content.decode("utf-8", "replace")


def _encode(record: dict[str, Any]) -> bytes | None:
    line = json_document.encode(record, default=_plain)
    return line if line is not None and len(line) <= MAX_RECORD_BYTES else None


def _plain(value: Any) -> Any:
    if isinstance(value, bytes | memoryview):
        return _text(bytes(value))
    raise TypeError(type(value).__name__)
