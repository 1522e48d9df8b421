"""Read the rows of the other product's tables: events of sessions, and skills.

One row is one hook's message: `user_message` and `assistant_message` with `content`, `tool_call` with
`tool_name`, `tool_use_id`, `tool_input` and `tool_response`, the last two JSON in a string.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from hivemind.agents import values
from hivemind.domain.events import Event, EventKind, ResultStatus, SessionFacts
from hivemind.domain.skills import SkillDocument
from hivemind.library.document import render

SESSION_COLUMNS = ("id", "path", "message", "author", "project", "agent", "creation_date")
SESSION_ORDER = ("creation_date", "id")
SKILL_COLUMNS = (
    "id", "name", "project", "description", "trigger_text", "body", "author", "version", "created_at",
)  # fmt: skip
SKILL_ORDER = ("version", "created_at", "id")
#: The other product's names of agents that are called otherwise here.
AGENTS = {"claude_code": "claude", "claude-code": "claude", "codex_cli": "codex", "": "unknown"}
_EXIT = re.compile(r"(?:exit(?:ed with)? (?:code|status)|Exit code)[: ]+(-?\d{1,9})\b")
_PATH = re.compile(r"_([^_/]+)\.jsonl\Z")
_UNSAFE = re.compile(r"[^a-z0-9]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """Hold what one row says: the session it is of, and its events."""

    facts: SessionFacts
    author: str
    events: tuple[Event, ...]


def session_row(row: Mapping[str, Any]) -> Told | None:
    """Read a row of `sessions`; None where it is of no session."""
    message = _decoded(row.get("message"))
    message = message if isinstance(message, dict) else {}
    session_id = values.text(message.get("session_id")) or _from_path(values.text(row.get("path")))
    if not session_id:
        return None
    agent = values.text(row.get("agent"))
    facts = SessionFacts(
        session_id=session_id, agent=AGENTS.get(agent, agent)[:32], cwd=values.text(message.get("cwd"))
    )
    at = values.time(message.get("timestamp")) or values.time(row.get("creation_date"))
    native = values.text(row.get("id")) or values.text(message.get("id"))
    events = tuple(_events(message, native=f"deeplake:{native}", at=at)) if native else ()
    return Told(facts=facts, author=values.text(row.get("author")), events=events)


def _from_path(path: str) -> str:
    found = _PATH.search(path)
    return found[1] if found else ""


def _events(message: dict[str, Any], *, native: str, at: datetime | None) -> list[Event]:
    kind, content = values.text(message.get("type")), values.content_text(message.get("content"))
    match kind:
        case "user_message":
            return [Event(kind=EventKind.PROMPT, native_id=native, text=content, at=at)] if content else []
        case "assistant_message" | "assistant_stop" | "stop":
            return [Event(kind=EventKind.ASSISTANT, native_id=native, text=content, at=at)] if content else []
        case "tool_call":
            return _call(message, native=native, at=at)
        case _:
            return []


def _call(message: dict[str, Any], *, native: str, at: datetime | None) -> list[Event]:
    name, given = values.text(message.get("tool_name")), _decoded(message.get("tool_input"))
    data = given if isinstance(given, dict) else {"input": given} if given else {}
    call_id = values.text(message.get("tool_use_id")) or native
    command = data.get("command")
    shown = command if isinstance(command, str) else json.dumps(data, ensure_ascii=False)
    response = _decoded(message.get("tool_response"))
    said = _said(response)
    status, exit_code = _ended(message, response, said)
    return [
        Event(
            kind=EventKind.TOOL_CALL,
            native_id=f"{native}:call",
            tool_name=name,
            tool_call_id=call_id,
            data=data,
            text=shown,
            at=at,
        ),
        Event(
            kind=EventKind.TOOL_RESULT,
            native_id=f"{native}:result",
            tool_name=name,
            tool_call_id=call_id,
            text=said,
            status=status,
            exit_code=exit_code,
            at=at,
        ),
    ]


def _said(response: Any) -> str:
    if isinstance(response, dict):
        parts = [values.text(response.get(key)) for key in ("stdout", "stderr", "output", "error", "text")]
        if any(parts):
            return "\n".join(filter(None, parts))
        return values.content_text(response.get("content")) or json.dumps(response, ensure_ascii=False)
    return response if isinstance(response, str) else values.content_text(response)


def _ended(message: dict[str, Any], response: Any, said: str) -> tuple[ResultStatus, int | None]:
    """Tell how a call ended, as far as the message says so; the other product keeps no outcome."""
    found = response if isinstance(response, dict) else {}
    codes = [values.exit_code(found.get(key)) for key in ("exit_code", "exitCode", "returncode")]
    code = next((each for each in codes if each is not None), None)
    if code is None and (match := _EXIT.search(said[-500:])):
        code = int(match[1])
    flags = [message.get("is_error"), found.get("is_error"), found.get("isError")]
    failed = any(flag is True for flag in flags) or found.get("success") is False or bool(code)
    if failed or (found.get("error") and not found.get("stdout")):
        return ResultStatus.ERROR, code
    is_known = code == 0 or any(flag is False for flag in flags) or found.get("success") is True
    return (ResultStatus.OK if is_known else ResultStatus.UNKNOWN), code


def _decoded(value: Any) -> Any:
    """Read JSON that may be in a string; what is no JSON stays as it is."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return value


@dataclass(frozen=True, slots=True, kw_only=True)
class SkillRow:
    """Hold the newest version of one of its skills, as the text of a SKILL.md."""

    name: str
    project: str
    author: str
    version: int
    text: str


def skill_row(row: Mapping[str, Any]) -> SkillRow | None:
    """Read a row of `skills`; None where it has no name or says nothing."""
    name = _UNSAFE.sub("-", values.text(row.get("name")).lower()).strip("-")[:64].strip("-")
    body = values.text(row.get("body")).strip()
    if not name or not body:
        return None
    parts = (values.text(row.get("description")).strip(), values.text(row.get("trigger_text")).strip())
    description = " ".join(dict.fromkeys(" ".join(part.split()) for part in parts if part))
    return SkillRow(
        name=name,
        project=values.text(row.get("project")),
        author=values.text(row.get("author")),
        version=values.count(row.get("version")),
        text=render(SkillDocument(name=name, description=description, body=body + "\n")),
    )
