"""Read pi's sessions: JSONL entries that form a tree by their parents; what is on any branch did happen.

Formats 1 (2025, without ids) to 3 were seen; entries that are not known here yield no event and no error.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b
from typing import Any, Final

from hivemind.agents import client_blocks, pushed_remote, values
from hivemind.agents.base import LineResult, ReaderState
from hivemind.agents.pi.payload import typed
from hivemind.agents.values import content_text, count, elements, mapping, text
from hivemind.domain.events import Event, EventKind, ResultStatus, SessionFacts, Usage

AGENT: Final = "pi"
SHELL_TOOLS: Final = frozenset({"bash"})

#: Behind the output; an extension may have written more behind it.
_EXIT_CODE: Final = re.compile(r"^Command exited with code (-?\d{1,9})$", re.M)
_ABORTED: Final = re.compile(
    r"^(?:Command aborted|Operation aborted|Skipped due to queued user message\.?)$", re.M
)
_BLOCKED: Final = re.compile(
    r"(?:Tool execution was blocked$|Extension failed, blocking execution: |Blocked by user)"
)
_PATH_KEYS: Final = ("path", "file_path", "pattern", "url", "query", "description", "prompt")


@dataclass(frozen=True, slots=True)
class _Entry:
    """Hold what all events of one entry have in common."""

    native: str
    at: datetime | None


def recognises(first_lines: list[Any]) -> bool:
    """Say whether decoded lines are a pi session, whatever the file is called."""
    return any(
        isinstance(line, dict)
        and line.get("type") == "session"
        and all(isinstance(line.get(key), str) for key in ("id", "cwd", "timestamp"))
        for line in first_lines
    )


def read_line(record: Any, *, line: bytes, state: ReaderState) -> LineResult:  # noqa: ARG001  # a format with ids needs no line
    """Turn one decoded entry into events; entries of other types, and malformed ones, yield none."""
    if not isinstance(record, dict):
        return LineResult()
    match record.get("type"):
        case "session":
            return LineResult(facts=_session(record, state))
        case "session_info":
            return LineResult(facts=_title(record, state))
        case "message":
            return LineResult(events=tuple(_message(record, state)))
        case "compaction":
            return LineResult(events=tuple(_said(EventKind.COMPACTION, record, "summary", state)))
        case "branch_summary":
            return LineResult(events=tuple(_said(EventKind.SYSTEM, record, "summary", state)))
        case "custom_message" if record.get("customType") != "hivemind":
            return LineResult(events=tuple(_said(EventKind.SYSTEM, record, "content", state)))
    return LineResult()


def _session(record: dict[str, Any], state: ReaderState) -> SessionFacts | None:
    session_id = text(record.get("id"))
    if not session_id:
        return None
    state.values["session"] = session_id[:200]
    # pi gave the entries of a session in the first format new ids when it was resumed; its header tells.
    state.values["by_content"] = "version" not in record or "modelId" in record
    return SessionFacts(session_id=session_id, agent=AGENT, cwd=text(record.get("cwd")))


def _title(record: dict[str, Any], state: ReaderState) -> SessionFacts | None:
    session_id, title = text(state.values.get("session")), text(record.get("name"))
    return SessionFacts(session_id=session_id, agent=AGENT, title=title) if session_id and title else None


def _entry(record: dict[str, Any], state: ReaderState) -> _Entry:
    """Name an entry alike in every file that it is copied to: a fork keeps its id and its time."""
    entry_id, said_at = text(record.get("id")), text(record.get("timestamp"))
    message = mapping(record.get("message"))
    at = values.time(said_at) or values.epoch(message.get("timestamp"), unit_s=0.001)
    if entry_id and said_at and state.values.get("by_content") is not True:
        return _Entry(f"{entry_id}@{said_at}", at)
    said = message or record.get("summary") or record.get("content")
    content = json.dumps([said_at, said], sort_keys=True, default=str).encode("utf-8", "surrogatepass")
    return _Entry(("" if said_at else "~") + blake2b(content, digest_size=12).hexdigest(), at)


def _said(kind: EventKind, record: dict[str, Any], key: str, state: ReaderState) -> Iterator[Event]:
    entry, said = _entry(record, state), content_text(record.get(key)).strip()
    if said:
        yield Event(kind=kind, native_id=entry.native, text=said, at=entry.at)


def _message(record: dict[str, Any], state: ReaderState) -> Iterator[Event]:
    message, entry = mapping(record.get("message")), _entry(record, state)
    match message.get("role"):
        case "user":
            said = typed(
                client_blocks.without(content_text(message.get("content")), "hivemind-skills").strip()
            )
            if said:
                yield Event(kind=EventKind.PROMPT, native_id=entry.native, text=said, at=entry.at)
        case "assistant":
            yield from _assistant(message, entry)
        case "toolResult":
            yield _tool_result(message, entry, state)
        case "bashExecution":
            yield from _typed_command(message, entry)
        case "custom" | "hookMessage" if message.get("customType") != "hivemind":
            said = content_text(message.get("content")).strip()
            if said:
                yield Event(kind=EventKind.SYSTEM, native_id=entry.native, text=said, at=entry.at)


def _assistant(message: dict[str, Any], entry: _Entry) -> Iterator[Event]:
    model, stopped = text(message.get("model")), message.get("stopReason")
    content = message.get("content")
    parts = [{"type": "text", "text": content}] if isinstance(content, str) else elements(content)
    for index, part in enumerate(parts):
        native = f"{entry.native}#{index}"
        kind, said = mapping(part).get("type"), text(mapping(part).get("text"))
        if kind == "text" and said.strip():
            yield Event(
                kind=EventKind.ASSISTANT, native_id=native, text=said, at=entry.at, request_model=model
            )
        elif kind == "toolCall":
            yield (call := _tool_call(part, native=native, at=entry.at, model=model))
            if stopped in ("aborted", "error"):
                yield _never_ran(call)
    reason = text(message.get("errorMessage")) or text(stopped)
    if stopped == "aborted":
        yield Event(kind=EventKind.INTERRUPT, native_id=entry.native, text=reason, at=entry.at)
    elif stopped == "error":
        yield Event(kind=EventKind.SYSTEM, native_id=entry.native, text=reason, at=entry.at)
    usage = _usage(mapping(message.get("usage")), entry.native)
    if usage is not None:
        yield Event(
            kind=EventKind.USAGE, native_id=entry.native, at=entry.at, request_model=model, usage=usage
        )


def _tool_call(part: dict[str, Any], *, native: str, at: datetime | None, model: str) -> Event:
    name, given = text(part.get("name")), part.get("arguments")
    data = given if isinstance(given, dict) else {"input": given}
    keys = ("command",) if name in SHELL_TOOLS else _PATH_KEYS
    return Event(
        kind=EventKind.TOOL_CALL,
        native_id=native,
        text=next((text(data.get(key)) for key in keys if text(data.get(key))), ""),
        at=at,
        tool_name=name,
        tool_call_id=text(part.get("id")),
        request_model=model,
        data=data,
    )


def _never_ran(call: Event) -> Event:
    """Answer a call of a message that was cut short: pi runs none of its calls, and says nothing of it."""
    return Event(
        kind=EventKind.TOOL_RESULT,
        native_id=call.native_id,
        at=call.at,
        tool_name=call.tool_name,
        tool_call_id=call.tool_call_id,
        status=ResultStatus.CANCELLED,
    )


def _tool_result(message: dict[str, Any], entry: _Entry, state: ReaderState) -> Event:
    said, name = content_text(message.get("content")), text(message.get("toolName"))
    if name in SHELL_TOOLS:
        pushed_remote.note(said, state)
    status, exit_code = ResultStatus.UNKNOWN, None
    if message.get("isError") is False:
        status, exit_code = ResultStatus.OK, 0 if name in SHELL_TOOLS else None
    elif message.get("isError") is True:
        status, exit_code = _failure(said, is_shell=name in SHELL_TOOLS)
    return Event(
        kind=EventKind.TOOL_RESULT,
        native_id=entry.native,
        text=said,
        at=entry.at,
        tool_name=name,
        tool_call_id=text(message.get("toolCallId")),
        status=status,
        exit_code=exit_code,
    )


def _failure(said: str, *, is_shell: bool) -> tuple[ResultStatus, int | None]:
    codes = _EXIT_CODE.findall(said[-4_000:]) if is_shell else []
    if codes:
        return ResultStatus.ERROR, int(codes[-1])
    if _ABORTED.search(said[-4_000:]):
        return ResultStatus.CANCELLED, None
    return (ResultStatus.DENIED if _BLOCKED.match(said) else ResultStatus.ERROR), None


def _typed_command(message: dict[str, Any], entry: _Entry) -> Iterator[Event]:
    """Yield a command that a person ran with `!`; one run with `!!` was to be kept from the model."""
    command = text(message.get("command"))
    if not command or message.get("excludeFromContext") is True:
        return
    yield Event(
        kind=EventKind.TOOL_CALL,
        native_id=entry.native,
        text=command,
        at=entry.at,
        tool_name="bash",
        tool_call_id=entry.native,
        data={"command": command, "typed": True},
    )
    exit_code, status = values.exit_code(message.get("exitCode")), ResultStatus.UNKNOWN
    if message.get("cancelled") is True:
        status = ResultStatus.CANCELLED
    elif exit_code is not None:
        status = ResultStatus.OK if exit_code == 0 else ResultStatus.ERROR
    yield Event(
        kind=EventKind.TOOL_RESULT,
        native_id=entry.native,
        text=text(message.get("output")),
        at=entry.at,
        tool_name="bash",
        tool_call_id=entry.native,
        status=status,
        exit_code=exit_code,
    )


def _usage(usage: dict[str, Any], native: str) -> Usage | None:
    found = Usage(
        message_id=native,
        input_tokens=count(usage.get("input")),
        output_tokens=count(usage.get("output")),
        cache_read_tokens=count(usage.get("cacheRead")),
        cache_write_tokens=count(usage.get("cacheWrite")),
    )
    # Nothing was counted for a request that failed, or was stopped before its answer.
    return found if found != Usage(message_id=native) else None
