"""Write Claude Code transcripts for tests, and look at what was stored of them."""

from __future__ import annotations

import json
import sqlite3
import uuid
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from hivemind import demo
from hivemind.agents.claude import agent
from hivemind.capture import ingest
from hivemind.capture.redaction import Redactor
from hivemind.store.database import Database

REDACTOR = Redactor()  # building it costs more than most tests
DEMO = Path(demo.__file__).parent / "sessions"
SESSION = "5f0a7c11-2222-4333-8444-555566667777"


def record(kind: str, *, session: str = SESSION, native: str = "", **more: Any) -> dict[str, Any]:
    """Give one record with what the client puts into each."""
    return {
        "type": kind,
        "uuid": native or str(uuid.uuid4()),
        "sessionId": session,
        "timestamp": "2026-11-03T10:00:00.000Z",
        "cwd": "/home/dev/shop",
        "gitBranch": "main",
        "version": "2.1.330",
        **more,
    }


def prompt(text: str, **more: Any) -> dict[str, Any]:
    """Give a person's request."""
    return record("user", message={"role": "user", "content": text}, **more)


def answer(text: str, **more: Any) -> dict[str, Any]:
    """Give what the agent said."""
    parts = [{"type": "text", "text": text}]
    return record("assistant", message={"model": "claude-opus-5-5", "content": parts}, **more)


def call(call_id: str, command: str, **more: Any) -> dict[str, Any]:
    """Give a call of the shell."""
    part = {"type": "tool_use", "id": call_id, "name": "Bash", "input": {"command": command}}
    message = {
        "id": f"msg_{call_id}",
        "model": "claude-opus-5-5",
        "content": [part],
        "usage": {"output_tokens": 7},
    }
    return record("assistant", message=message, **more)


def result(call_id: str, text: str, *, is_error: bool = False, **more: Any) -> dict[str, Any]:
    """Give a call's result."""
    part = {"type": "tool_result", "tool_use_id": call_id, "content": text, "is_error": is_error}
    return record("user", message={"role": "user", "content": [part]}, **more)


def turns(number: int, *, session: str = SESSION, words: int = 20) -> Iterator[dict[str, Any]]:
    """Give so many requests, each with a call, its result and an answer: five events each."""
    for n in range(number):
        yield prompt(f"Do step {n} of {session}.", session=session)
        yield call(f"toolu_{session[:8]}_{n}", f"make step-{n}", session=session)
        yield result(f"toolu_{session[:8]}_{n}", f"step {n} " + "done " * words, session=session)
        yield answer(f"Step {n} is done.", session=session)


def lines(*records: Any) -> bytes:
    """Write records as the client does."""
    return b"".join(json.dumps(r).encode() + b"\n" for r in records)


def store(database: Database, path: Path, **more: Any) -> ingest.Ingested:
    """Ingest a transcript into the default workspace."""
    return ingest.ingest(
        database,
        path,
        agent=agent,
        workspace_id="default",
        redactor=REDACTOR,
        **more,  # type: ignore[arg-type]
    )


def rows(database: Path | Database, query: str, *parameters: Any) -> list[tuple[Any, ...]]:
    """Query a database as it is on disk, or on the server."""
    if isinstance(database, Database) and database.engine.dialect.name != "sqlite":
        with database.engine.connect() as connection:
            return [tuple(row) for row in connection.exec_driver_sql(query.replace("?", "%s"), parameters)]
    path = database.path if isinstance(database, Database) else database
    with closing(sqlite3.connect(path, timeout=10)) as connection:
        return connection.execute(query, parameters).fetchall()


def texts(database: Path | Database) -> list[str]:
    """Give the texts of all events but usage, in order of session and event."""
    return [
        row[0]
        for row in rows(database, "SELECT text FROM events WHERE kind != 'usage' ORDER BY session_id, seq")
    ]


def assert_consistent(database: Path | Database) -> None:
    """Require that counts, order and search index agree with the events."""
    for session_id, next_seq, prompts, calls, results in rows(
        database, "SELECT session_id, next_seq, prompts, tool_calls, tool_results FROM sessions"
    ):
        found = rows(database, "SELECT seq, kind FROM events WHERE session_id = ? ORDER BY seq", session_id)
        kinds = [kind for _, kind in found]
        assert [seq for seq, _ in found] == list(range(next_seq))
        counted = (kinds.count("prompt"), kinds.count("tool_call"), kinds.count("tool_result"))
        assert counted == (prompts, calls, results)
    is_file = isinstance(database, Path) or database.engine.dialect.name == "sqlite"
    index = "event_documents" if is_file else "event_words"
    assert rows(database, "SELECT count(*) FROM events WHERE text != '' OR data IS NOT NULL") == rows(
        database,
        f"SELECT count(*) FROM {index}",  # noqa: S608 - a constant
    )
    if is_file:
        assert rows(database, "PRAGMA integrity_check") == [("ok",)]
