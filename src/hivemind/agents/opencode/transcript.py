"""Read OpenCode's messages: records of a message with its parts, as `database` and `documents` give them.

Seen: the database of 1.18.33, its exports, and the JSON files of clients before the database.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from hivemind.agents import pushed_remote, values
from hivemind.agents.base import LineResult, ReaderState
from hivemind.agents.client_blocks import without
from hivemind.agents.opencode.payload import unquoted
from hivemind.agents.values import count, elements, get, mapping, text
from hivemind.domain.events import Event, EventKind, ResultStatus, SessionFacts, Usage

AGENT: Final = "opencode"
SHELL_TOOLS: Final = frozenset({"bash", "shell"})
EDIT_TOOLS: Final = frozenset({"edit", "write", "multiedit", "patch", "apply_patch"})
#: The client puts a call that it cannot take under this name, as if it had gone well.
_REFUSED_TOOL: Final = "invalid"
#: What a person would read of a call's input, in the order in which it is looked for.
_PATH_KEYS: Final = ("filePath", "path", "pattern", "url", "query", "name", "description", "prompt")
_PATCHED: Final = re.compile(r"^\*\*\* (?:Update|Add|Delete) File: (.+)$", re.M)
_DENIED: Final = re.compile(r"The user rejected permission|The user has specified a rule which prevents")
_ABORTED: Final = "Tool execution aborted"
#: What the client writes below the output of a command that it killed.
_KILLED: Final = re.compile(
    r"<(?:(?:bash|shell)_)?metadata>[^<]{0,500}?(User aborted|terminated command after)", re.S
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Message:
    """Hold what the events of one message have in common."""

    message_id: str
    info: dict[str, Any]
    parts: list[Any]
    at: datetime | None
    agent_id: str

    @property
    def model(self) -> str:
        return text(self.info.get("modelID")) or text(get(self.info, "model", "modelID"))

    def event(self, kind: EventKind, *, native: str, **fields: Any) -> Event:
        fields = {"at": self.at, "agent_id": self.agent_id, **fields}
        # The ids are long and random; but a session that was imported or migrated keeps them.
        return Event(kind=kind, native_id=f"~{native}", **fields)


def recognises(first_lines: list[Any]) -> bool:
    """Say whether decoded lines are records of OpenCode's messages."""
    return any(
        isinstance(get(record, "session", "id"), str)
        and isinstance(get(record, "info", "role"), str)
        and isinstance(get(record, "parts"), list)
        for record in first_lines
    )


def read_line(record: Any, *, line: bytes, state: ReaderState) -> LineResult:  # noqa: ARG001
    """Turn one message into events; what is no message yields none."""
    session, info = mapping(get(record, "session")), mapping(get(record, "info"))
    session_id = text(session.get("root")) or text(session.get("id"))
    if not session_id:
        return LineResult()
    facts = SessionFacts(
        session_id=session_id,
        agent=AGENT,
        agent_version=text(session.get("version")),
        cwd=text(get(info, "path", "cwd")) or text(session.get("directory")),
    )
    created, begun = get(info, "time", "created"), session.get("created")
    if count(created) < count(begun):
        return LineResult(facts=facts)  # a fork copies the messages before it, under new ids
    message = _Message(
        message_id=text(info.get("id")),
        info=info,
        parts=elements(record.get("parts")),
        at=values.epoch(created, unit_s=0.001),
        agent_id=_subagent(session, session_id),
    )
    return LineResult(events=tuple(_events(message, state=state)), facts=facts)


def _subagent(session: dict[str, Any], session_id: str) -> str:
    own = text(session.get("id"))
    return own if own != session_id else ""


def _events(message: _Message, *, state: ReaderState) -> Iterator[Event]:
    if message.info.get("role") == "user":
        yield from _prompt(message)
    elif message.info.get("role") == "assistant":
        yield from _answer(message, state=state)


def _prompt(message: _Message) -> Iterator[Event]:
    typed: list[str] = []
    added: list[str] = []
    for part in message.parts:
        kind = get(part, "type")
        if kind == "text" and part.get("ignored") is not True:
            (added if part.get("synthetic") is True else typed).append(text(part.get("text")))
        elif kind in ("file", "subtask"):
            typed.append(f"[{kind}] {text(part.get('filename')) or text(part.get('description'))}".strip())
    if message.agent_id:
        return  # a subagent's task is no person's word
    if prompt := _said(typed):
        yield message.event(EventKind.PROMPT, native=message.message_id, text=prompt)
    elif note := _said(added):
        yield message.event(EventKind.SYSTEM, native=message.message_id, text=note)


def _said(texts: list[str]) -> str:
    return unquoted(without("\n".join(filter(None, texts)), "hivemind-skills"))


def _answer(message: _Message, *, state: ReaderState) -> Iterator[Event]:
    is_summary = message.info.get("summary") is True or message.info.get("mode") == "compaction"
    for index, part in enumerate(message.parts):
        native = text(get(part, "id")) or f"{message.message_id}#{index}"
        match get(part, "type"):
            case "text" if text(part.get("text")).strip():
                by_client = EventKind.SYSTEM if part.get("synthetic") is True else EventKind.ASSISTANT
                yield message.event(
                    EventKind.COMPACTION if is_summary else by_client,
                    native=native,
                    text=text(part.get("text")),
                    at=_started(part) or message.at,
                    request_model=message.model,
                )
            case "tool":
                yield from _tool(part, native=native, message=message, state=state)
    yield from _ended(message)
    if usage := _usage(message):
        yield message.event(
            EventKind.USAGE, native=message.message_id, request_model=message.model, usage=usage
        )


def _started(part: dict[str, Any]) -> datetime | None:
    return values.epoch(get(part, "time", "start"), unit_s=0.001)


def _ended(message: _Message) -> Iterator[Event]:
    error = mapping(message.info.get("error"))
    if not error:
        return
    name = text(error.get("name"))
    kind = EventKind.INTERRUPT if name == "MessageAbortedError" else EventKind.SYSTEM
    detail = text(get(error, "data", "message")) or text(error.get("message"))
    shown = ": ".join(filter(None, (name, detail)))
    if shown:
        yield message.event(kind, native=f"{message.message_id}!", text=shown)


def _tool(part: dict[str, Any], *, native: str, message: _Message, state: ReaderState) -> Iterator[Event]:
    outcome = mapping(part.get("state"))
    name, call_id = text(part.get("tool")), text(part.get("callID"))
    given = outcome.get("input")
    data = given if isinstance(given, dict) else {"input": given}
    if name == _REFUSED_TOOL:
        name = text(data.get("tool")) or name
    begun = _started(outcome) or message.at
    yield message.event(
        EventKind.TOOL_CALL,
        native=native,
        text=_call_text(name, data),
        at=begun,
        tool_name=name,
        tool_call_id=call_id,
        request_model=message.model,
        data=data,
    )
    status, code = _status(part, outcome)
    if status is None:
        return
    shown = text(outcome.get("output")) or text(outcome.get("error"))
    if name in SHELL_TOOLS:
        pushed_remote.note(shown, state)
    yield message.event(
        EventKind.TOOL_RESULT,
        native=native,
        text=shown,
        at=values.epoch(get(outcome, "time", "end"), unit_s=0.001) or begun,
        tool_name=name,
        tool_call_id=call_id,
        status=status,
        exit_code=code,
    )


def _status(part: dict[str, Any], outcome: dict[str, Any]) -> tuple[ResultStatus | None, int | None]:
    """Tell how a call ended; no status for one that has not."""
    match outcome.get("status"):
        case "error":
            return _failure(text(outcome.get("error")), outcome), None
        case "completed" | "success" if part.get("tool") in SHELL_TOOLS:
            return _shell_status(outcome)
        case "completed" | "success" if part.get("tool") == _REFUSED_TOOL:
            return ResultStatus.ERROR, None
        case "completed" | "success":
            return ResultStatus.OK, None
        case "pending" | "running":
            return None, None
    return ResultStatus.UNKNOWN, None


def _failure(error: str, outcome: dict[str, Any]) -> ResultStatus:
    if _DENIED.match(error):
        return ResultStatus.DENIED
    if error == _ABORTED or get(outcome, "metadata", "interrupted") is True:
        return ResultStatus.CANCELLED
    return ResultStatus.ERROR


def _shell_status(outcome: dict[str, Any]) -> tuple[ResultStatus, int | None]:
    """Tell how a command ended, which the client calls completed whatever its exit code."""
    code = values.exit_code(get(outcome, "metadata", "exit"))
    if code is not None:
        return (ResultStatus.ERROR if code else ResultStatus.OK), code
    killed = _KILLED.search(text(outcome.get("output"))[-2_000:])
    if killed is None:
        return ResultStatus.UNKNOWN, None
    return (ResultStatus.CANCELLED if killed.group(1) == "User aborted" else ResultStatus.ERROR), None


def _call_text(name: str, data: dict[str, Any]) -> str:
    if name in SHELL_TOOLS:
        return text(data.get("command"))
    patched = _PATCHED.search(text(data.get("patchText"))) if name in EDIT_TOOLS else None
    if patched:
        return patched.group(1).strip()
    return next((text(data[key]) for key in _PATH_KEYS if text(data.get(key))), "")


def _usage(message: _Message) -> Usage | None:
    """Count a message's tokens: of all its steps, as its own figures may be those of the last one."""
    steps = [mapping(part.get("tokens")) for part in message.parts if get(part, "type") == "step-finish"]
    counted = [tokens for tokens in steps or [mapping(message.info.get("tokens"))] if tokens]
    if not counted or not message.message_id:
        return None
    usage = Usage(
        message_id=message.message_id,
        input_tokens=sum(count(tokens.get("input")) for tokens in counted),
        output_tokens=sum(count(t.get("output")) + count(t.get("reasoning")) for t in counted),
        cache_read_tokens=sum(count(get(tokens, "cache", "read")) for tokens in counted),
        cache_write_tokens=sum(count(get(tokens, "cache", "write")) for tokens in counted),
    )
    is_empty = usage == Usage(message_id=message.message_id)
    return None if is_empty else usage
