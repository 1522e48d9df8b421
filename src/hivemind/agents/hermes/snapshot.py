"""Read the JSON snapshots of sessions, which Hermes wrote before it had a database, and writes on request.

Messages are called what the database's rows are called, so that the same session is not stored twice.
"""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from hivemind.agents import json_document, values
from hivemind.agents.hermes.copies import At, Copies
from hivemind.agents.hermes.database import KIND
from hivemind.agents.hermes.transcript import JSON_MARK
from hivemind.agents.json_document import RecordDocument
from hivemind.agents.values import elements, get, mapping, text

#: Where Hermes itself puts them, in its own folder.
_FOLDER: Final = "sessions"
_PREFIX: Final = "session_"
_HOME_FILES: Final = ("state.db", "config.yaml")
#: Where it is in what the model is told; below it, a project's own words follow.
_TOLD_CWD: Final = re.compile(r"^User home directory: .+\nCurrent working directory: (/.{0,4000})$", re.M)
_looks_right = json_document.having("session_id", "session_start", "last_updated", "model")


def transcripts(root: Path) -> Iterator[Path]:
    """Yield snapshots: those in Hermes' own folder, or all below any other."""
    is_home = any((root / name).is_file() for name in _HOME_FILES)
    yield from json_document.find(root / _FOLDER if is_home else root, _looks_right)


def session_id(path: Path) -> str:
    """Give the id that a snapshot's name says."""
    return path.name.partition(".")[0].removeprefix(_PREFIX)


@contextmanager
def open_snapshot(path: Path) -> Iterator[RecordDocument]:
    """Open a snapshot; raise OSError where it cannot be read or is none."""
    document = mapping(json_document.load(path))
    if not text(document.get("session_id")) or not isinstance(document.get("messages"), list):
        raise OSError(f"{path} is no snapshot of a session of Hermes")
    yield json_document.of_records(_records(document))


def _records(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    about, began_s = _about(document), _began_s(document.get("session_start"))
    copies = Copies()
    for row, message in enumerate(map(_row, elements(document["messages"]))):
        # A snapshot has each message once: to be told from copies they are put a second apart.
        name = copies.name(message, at=At(row, float(row)), after=At(row + 1, row + 1.0))
        at = message.get("timestamp")
        yield {**about, "name": name, **message, "timestamp": began_s if values.epoch(at) is None else at}


def _about(document: dict[str, Any]) -> dict[str, Any]:
    own_id = text(document["session_id"])
    about = {
        KIND: "message",
        "session": own_id,
        # Which session asked for it is not said.
        "agent": own_id if document.get("platform") == "subagent" else "",
        "cwd": _cwd(document),
        "model": text(document.get("model")),
    }
    return {key: value for key, value in about.items() if value}


def _cwd(document: dict[str, Any]) -> str:
    found = text(document.get("cwd")) or text(get(document, "model_config", "cwd"))
    told = None if found else _TOLD_CWD.search(text(document.get("system_prompt")))
    return told.group(1) if told else found


def _row(message: Any) -> dict[str, Any]:
    """Give a message the form that it has in the database."""
    message = mapping(message)
    content, calls = message.get("content"), elements(message.get("tool_calls"))
    row = {
        "role": text(message.get("role")),
        "content": text(content) or (f"{JSON_MARK}{_json(content)}" if content else ""),
        "tool_calls": _json(calls) if calls else "",
        "tool_call_id": text(message.get("tool_call_id")),
        "tool_name": text(message.get("tool_name")) or text(message.get("name")),
        "finish_reason": text(message.get("finish_reason")),
        "timestamp": message.get("timestamp"),
    }
    return {key: value for key, value in row.items() if value}


def _json(value: Any) -> str:
    try:
        return json.dumps(value)
    except (ValueError, RecursionError):
        return ""


def _began_s(start: Any) -> float | None:
    """Give seconds since 1970; a time without its zone was written in the zone of the machine."""
    try:
        at = datetime.fromisoformat(text(start)).astimezone(UTC)
    except (ValueError, OverflowError, OSError):
        return None
    return at.timestamp()
