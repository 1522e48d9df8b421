"""Read the sessions of Hermes' `state.db`, of any version of its schema, as records.

A conversation can span several sessions: a compaction may go on in a new one, and a subagent has its own.
Their records name the session that the conversation began with.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

from hivemind.agents.database_session import (
    DatabaseSession,
    columns,
    look,
    open_rows,
    session_path,
    session_paths,
    split,
)
from hivemind.agents.hermes.copies import At, Copies
from hivemind.agents.transcript_file import decode
from hivemind.agents.values import get, text

FILE_NAME: Final = "state.db"
#: What a record says of its kind; no other agent's records have it.
KIND: Final = "hermes"
_MESSAGE: Final = (
    *("id", "role", "content", "tool_call_id", "tool_calls", "tool_name", "timestamp", "finish_reason"),
    "observed",
)
_USAGE: Final = ("model", "billing_provider", "billing_base_url", "billing_mode", "task")
_TOKENS: Final = ("input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens")
_SESSION: Final = (
    *("id", "source", "model", "model_config", "parent_session_id", "started_at", "end_reason"),
    *("cwd", "git_branch", *_TOKENS),
)
#: Sessions above a session, at most.
_MAX_ANCESTORS: Final = 64
_MAX_SUBAGENTS: Final = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Lineage:
    """Say which conversation a session belongs to."""

    session: dict[str, Any]
    conversation: str  #: the id of the session that it began with
    agent_id: str = ""  #: the session's own id where it is a subagent's
    cwd: str = ""
    git_branch: str = ""
    continues: tuple[str, ...] = ()  #: the sessions that were compacted into this one, the first first
    is_branch: bool = False


def transcripts(root: Path) -> Iterator[Path]:
    """Yield the sessions of a Hermes folder, or of one database, subagents last."""
    return session_paths(root, file_name=FILE_NAME, ids=_ids)


def companions(transcript: Path) -> Iterator[Path]:
    """Yield the sessions of the subagents that a session started, and of theirs."""
    database, session_id = split(transcript)
    try:
        found = look(database, lambda connection: _subagents(connection, session_id))
    except OSError:
        return
    yield from filter(None, (session_path(database, name) for name in found))


def size_bytes(path: Path) -> int:
    """Give a number that grows with the session; raise FileNotFoundError where there is none."""
    database, session_id = split(path)

    def last(connection: sqlite3.Connection) -> int:
        _session(connection, session_id)
        return _last_row(connection, session_id)

    return look(database, last)


def open_transcript(path: Path) -> AbstractContextManager[DatabaseSession]:
    """Open a session's records; raise OSError where it cannot be read."""
    database, session_id = split(path)

    def rows(
        connection: sqlite3.Connection, *, start: int, final: bool
    ) -> Iterator[tuple[int, dict[str, Any]]]:
        return _records(connection, session_id, start=start, final=final)

    return open_rows(
        database,
        rows=rows,
        head=lambda connection: str(_session(connection, session_id)["started_at"]),
        last=lambda connection: _last_row(connection, session_id),
    )


def _ids(connection: sqlite3.Connection) -> list[Any]:
    found = _select(connection, "sessions", _SESSION, "ORDER BY started_at, id")
    return [row["id"] for row in sorted(found, key=_is_subagent)]


def _subagents(connection: sqlite3.Connection, session_id: str) -> list[str]:
    found: list[str] = []
    wanted = [session_id]
    while wanted and len(found) < _MAX_SUBAGENTS:
        parent = wanted.pop(0)
        children = _select(
            connection, "sessions", _SESSION, "WHERE parent_session_id = ? ORDER BY id", parent
        )
        for child in children:
            if _is_subagent(child) and text(child["id"]) not in found:
                found.append(text(child["id"]))
                wanted.append(text(child["id"]))
    return found


def _is_subagent(session: dict[str, Any]) -> bool:
    return session["source"] == "subagent" or bool(_config(session, "_delegate_from"))


def _config(session: dict[str, Any], key: str) -> str:
    try:
        return text(get(decode(text(session["model_config"]).encode()), key))
    except ValueError:
        return ""


def _lineage(connection: sqlite3.Connection, session_id: str) -> Lineage:
    session = child = _session(connection, session_id)
    lineage = Lineage(
        session=session,
        conversation=session_id,
        cwd=text(session["cwd"]),
        git_branch=text(session["git_branch"]),
        is_branch=bool(_config(session, "_branched_from")),
    )
    for _ in range(_MAX_ANCESTORS):
        try:
            parent = _session(connection, text(child["parent_session_id"]))
        except LookupError:
            break
        lineage = replace(
            lineage,
            cwd=lineage.cwd or text(parent["cwd"]),
            git_branch=lineage.git_branch or text(parent["git_branch"]),
        )
        is_subagent = _is_subagent(child)
        if not is_subagent and (parent["end_reason"] != "compression" or _config(child, "_branched_from")):
            break
        lineage = replace(
            lineage,
            conversation=text(parent["id"]),
            agent_id=lineage.agent_id or (session_id if is_subagent else ""),
            # What a subagent was told is no copy of what its parent was told.
            continues=() if is_subagent else (text(parent["id"]), *lineage.continues),
        )
        child = parent
    return lineage


def _records(
    connection: sqlite3.Connection, session_id: str, *, start: int, final: bool
) -> Iterator[tuple[int, dict[str, Any]]]:
    lineage = _lineage(connection, session_id)
    copies = Copies()
    for ancestor in lineage.continues:
        copies.begin(at_s=_seconds(_session(connection, ancestor)["started_at"]))
        for _ in _named(connection, ancestor, copies):
            pass
    copies.begin(at_s=_seconds(lineage.session["started_at"]), is_branch=lineage.is_branch)
    last, any_new = start, False
    for name, message in _named(connection, session_id, copies):
        if not name or message["id"] <= start:
            continue
        last, any_new = message["id"], True
        kept = {key: value for key, value in message.items() if value not in (None, "", 0) and key != "id"}
        yield last, {**_about(lineage, "message"), "name": name, **kept}
    if any_new or final:
        for usage in _usage(connection, lineage.session):
            yield last, {**_about(lineage, "usage"), "of": session_id, **usage}


def _about(lineage: Lineage, kind: str) -> dict[str, Any]:
    about = {
        KIND: kind,
        "session": lineage.conversation,
        "agent": lineage.agent_id,
        "cwd": lineage.cwd,
        "git_branch": lineage.git_branch,
        "model": text(lineage.session["model"]),
    }
    return {key: value for key, value in about.items() if value}


def _named(
    connection: sqlite3.Connection, session_id: str, copies: Copies
) -> Iterator[tuple[str, dict[str, Any]]]:
    found = _select(connection, "messages", _MESSAGE, "WHERE session_id = ? ORDER BY id", session_id)
    for message, following in pairwise(_and_none(found)):
        at = _at(message) if message else None
        if message and at:
            yield copies.name(message, at=at, after=_at(following) if following else None), message


def _and_none(rows: Iterator[dict[str, Any]]) -> Iterator[dict[str, Any] | None]:
    yield from rows
    yield None


def _at(message: dict[str, Any]) -> At | None:
    row = message["id"]
    return At(row, _seconds(message["timestamp"])) if isinstance(row, int) else None


def _seconds(value: Any) -> float:
    return float(value) if isinstance(value, int | float) else 0.0


def _usage(connection: sqlite3.Connection, session: dict[str, Any]) -> list[dict[str, Any]]:
    """Give what a session's models used, each in all: Hermes does not say it of single messages."""
    names = (*_USAGE, *_TOKENS, "last_seen")
    found = _select(
        connection, "session_model_usage", names, "WHERE session_id = ? ORDER BY rowid", session["id"]
    )
    return list(found) or [{key: session[key] for key in ("model", *_TOKENS)}]


def _session(connection: sqlite3.Connection, session_id: str) -> dict[str, Any]:
    for found in _select(connection, "sessions", _SESSION, "WHERE id = ?", session_id):
        return found
    raise LookupError(f"no session {session_id!r}")


def _last_row(connection: sqlite3.Connection, session_id: str) -> int:
    (row,) = connection.execute("SELECT max(id) FROM messages WHERE session_id = ?", (session_id,)).fetchone()
    return row if isinstance(row, int) else 0


def _select(
    connection: sqlite3.Connection, table: str, names: tuple[str, ...], rest: str, *values: Any
) -> Iterator[dict[str, Any]]:
    """Yield rows with a value for each name, None where this version of the schema has no such column."""
    there = columns(connection, table)
    if not there:
        return
    wanted = ", ".join(name if name in there else f"NULL AS {name}" for name in names)
    for row in connection.execute(f"SELECT {wanted} FROM {table} {rest}", values):  # noqa: S608 - names of ours
        yield dict(zip(names, row, strict=True))
