"""Read OpenCode's sessions from its database, a record a message: `…/opencode.db/SESSION_ID`.

A message is changed in place while it is written: first without parts, then with parts whose state goes from
pending to completed. It is a record from when nothing will be added to it any more. The offset behind it is
the time at which it was begun, in milliseconds, by which OpenCode itself sorts a session.
"""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from hashlib import blake2b
from itertools import groupby
from pathlib import Path
from typing import Any, Final

import orjson

from hivemind.agents.database_session import MAX_RECORD_BYTES, DatabaseSession, columns, look, session_path
from hivemind.agents.values import get, mapping, text

#: A subagent can have subagents; a chain of parents that is longer is a mistake.
MAX_PARENTS: Final = 32
#: A message has a handful of parts; behind so many the rest is left out.
MAX_PARTS: Final = 20_000
#: A message that was begun so long ago is not written any more, in milliseconds.
ABANDONED_MS: Final = 24 * 3600 * 1000
_NEEDED: Final = {
    "session": {"id", "parent_id", "directory", "version", "time_created"},
    "message": {"id", "session_id", "time_created", "data"},
    "part": {"id", "message_id", "data"},
}


@dataclass(slots=True, kw_only=True)
class OpenCodeSession(DatabaseSession):
    """Give the messages of one session as records."""

    session_id: str

    def fingerprint(self, offset: int) -> str:
        """Hash which messages there are up to an offset: `/undo` removes some, a second window adds some."""
        return look(self.database, partial(self._prefix, offset=offset))

    def _prefix(self, connection: sqlite3.Connection, *, offset: int) -> str:
        digest = blake2b(digest_size=16)
        last = None
        for (last,) in connection.execute(
            "SELECT id FROM message WHERE session_id = ? AND time_created <= ? ORDER BY time_created, id",
            (self.session_id, offset),
        ):
            digest.update(f"{last}\n".encode("utf-8", "surrogatepass"))
        if last is not None and not _is_over(_data(connection, "message", last)):
            digest.update(b"open")
        return digest.hexdigest()


@contextmanager
def open_session(database: Path, session_id: str) -> Iterator[OpenCodeSession]:
    """Open a session; raise OSError where the database cannot be read or has no such session."""
    find = partial(_about, session_id=session_id)
    session = OpenCodeSession(
        database=database,
        session_id=session_id,
        rows=partial(_rows, session_id=session_id),
        head=lambda connection: text(find(connection)["id"]),
        last=partial(_last, session_id=session_id),
    )
    look(database, session.head)
    yield session


def size(database: Path, session_id: str) -> int:
    """Give when the session's last message was begun; raise FileNotFoundError where there is no session."""
    try:
        return look(database, partial(_last, session_id=session_id))
    except FileNotFoundError:
        raise
    except OSError as error:
        raise FileNotFoundError(str(error)) from error


def session_ids(connection: sqlite3.Connection) -> list[Any]:
    """List all sessions, those that a person began before those of subagents."""
    _require_schema(connection)
    query = "SELECT id FROM session ORDER BY parent_id IS NOT NULL, time_created, id"
    return [session_id for (session_id,) in connection.execute(query)]


def subagents(database: Path, session_id: str) -> Iterator[Path]:
    """Yield the sessions of a session's subagents, and of theirs."""
    with suppress(OSError):
        found = look(database, partial(_below, session_id=session_id))
        yield from filter(None, (session_path(database, child) for child in found))


def _below(connection: sqlite3.Connection, *, session_id: str) -> list[Any]:
    _require_schema(connection)
    found: dict[Any, None] = {}
    pending: list[Any] = [session_id]
    while pending:
        query = "SELECT id FROM session WHERE parent_id = ? ORDER BY time_created, id"
        children = [child for (child,) in connection.execute(query, (pending.pop(0),)) if child not in found]
        found.update(dict.fromkeys(children))
        pending.extend(children)
    return [child for child in found if child != session_id]


def _require_schema(connection: sqlite3.Connection) -> None:
    for table, needed in _NEEDED.items():
        if missing := needed - columns(connection, table):
            raise sqlite3.DatabaseError(f"its table {table} has no {', '.join(sorted(missing))}")


def _about(connection: sqlite3.Connection, *, session_id: str) -> dict[str, Any]:
    """Describe a session for the reader; `root` is the one that a person began."""
    _require_schema(connection)
    query = "SELECT id, parent_id, directory, version, time_created FROM session WHERE id = ?"
    row = connection.execute(query, (session_id,)).fetchone()
    if row is None:
        raise LookupError(f"there is no session {session_id}")
    root, parent = session_id, row[1]
    for _ in range(MAX_PARENTS):
        found = connection.execute("SELECT parent_id FROM session WHERE id = ?", (parent,)).fetchone()
        if found is None:
            break
        root, parent = parent, found[0]
    return {"id": row[0], "root": root, "directory": row[2], "version": row[3], "created": row[4]}


def _last(connection: sqlite3.Connection, *, session_id: str) -> int:
    _about(connection, session_id=session_id)
    query = "SELECT time_created FROM message WHERE session_id = ? ORDER BY time_created DESC LIMIT 1"
    row = connection.execute(query, (session_id,)).fetchone()
    return row[0] if row and isinstance(row[0], int) else 0


def _rows(
    connection: sqlite3.Connection, *, start: int, final: bool, session_id: str
) -> Iterator[tuple[int, dict[str, Any]]]:
    about = _about(connection, session_id=session_id)
    begun = connection.execute(
        "SELECT time_created, id FROM message WHERE session_id = ? AND time_created > ?"
        " ORDER BY time_created, id",
        (session_id, start),
    )
    for at, group in groupby(begun, key=lambda row: row[0]):
        if not isinstance(at, int):
            return
        messages = [(message_id, _data(connection, "message", message_id)) for _, message_id in group]
        later = partial(_roles_after, connection, session_id=session_id, at=at)
        # What stands behind a message that is still open waits for it: offsets only grow.
        left_behind = final or at < time.time() * 1000 - ABANDONED_MS
        if not left_behind and not all(_is_ready(info, later=later, among=messages) for _, info in messages):
            return
        for message_id, info in messages:
            info = {**info, "id": message_id}
            yield at, {"session": about, "info": info, "parts": _parts(connection, message_id)}


def _is_ready(info: dict[str, Any], *, later: Any, among: list[tuple[Any, dict[str, Any]]]) -> bool:
    if info.get("role") == "assistant":
        # A message that was never finished, because the client was killed, is left behind by the next one.
        return _is_over(info) or "assistant" in later()
    # A prompt's parts follow it; the answer is begun only behind them.
    return len(among) > 1 or next(later(), None) is not None


def _is_over(info: dict[str, Any]) -> bool:
    if info.get("role") != "assistant":
        return True
    return get(info, "time", "completed") is not None or info.get("error") is not None


def _roles_after(connection: sqlite3.Connection, *, session_id: str, at: int) -> Iterator[str]:
    query = "SELECT id FROM message WHERE session_id = ? AND time_created > ? ORDER BY time_created, id"
    for (message_id,) in connection.execute(query, (session_id, at)):
        yield text(_data(connection, "message", message_id).get("role"))


def _parts(connection: sqlite3.Connection, message_id: Any) -> list[dict[str, Any]]:
    parts: list[dict[str, Any]] = []
    left = MAX_RECORD_BYTES
    query = "SELECT id FROM part WHERE message_id = ? ORDER BY id LIMIT ?"
    for (part_id,) in connection.execute(query, (message_id, MAX_PARTS)).fetchall():
        content = _content(connection, "part", part_id)
        left -= len(content)
        if left < 0:
            break
        parts.append({**_decode(content), "id": part_id})
    return parts


def _data(connection: sqlite3.Connection, table: str, row_id: Any) -> dict[str, Any]:
    return _decode(_content(connection, table, row_id))


def _content(connection: sqlite3.Connection, table: str, row_id: Any) -> str:
    try:
        row = connection.execute(f"SELECT data FROM {table} WHERE id = ?", (row_id,)).fetchone()  # noqa: S608
    except sqlite3.DataError:  # too long to hold
        return ""
    return text(row[0]) if row else ""


def _decode(content: str) -> dict[str, Any]:
    try:
        return mapping(orjson.loads(content))
    except (orjson.JSONDecodeError, UnicodeEncodeError):
        return {}
