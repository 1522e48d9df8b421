"""Read the transcripts that the hook keeps for Cursor: a line for each hook, with its payload.

A payload's fields are those of Cursor SDK 1.0.18; events that are not known here yield nothing and no error.
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
from hivemind.agents.cursor.payload import MOMENTS
from hivemind.agents.values import content_text, count, mapping, text
from hivemind.domain.events import Event, EventKind, ResultStatus, SessionFacts, Usage

AGENT: Final = "cursor"
SHELL_TOOLS: Final = frozenset({"Shell"})

_EXIT_CODE: Final = re.compile(r"Command failed with exit code (-?\d{1,9})\b")
_REJECTED: Final = re.compile(r"\w+ rejected\Z")
_SUBJECT_KEYS: Final = ("file_path", "path", "pattern", "url", "query", "uri", "description", "prompt")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Line:
    """Hold what all events of one line have in common."""

    payload: dict[str, Any]
    at: datetime | None
    conversation: str
    unnamed: str  #: the id of an event to which Cursor gives none: with the time in it, each is another

    def named(self, *names: str) -> str:
        """Give an id of Cursor's, unique among all conversations; else the line's."""
        return ":".join((self.conversation, *names)) if self.conversation and all(names) else self.unnamed


def recognises(first_lines: list[Any]) -> bool:
    """Say whether decoded lines are what the hook keeps for Cursor."""
    return any(
        isinstance(line, dict)
        and text(line.get("event")) in MOMENTS
        and "cursor_version" in mapping(line.get("payload"))
        for line in first_lines
    )


def read_line(record: Any, *, line: bytes, state: ReaderState) -> LineResult:
    """Turn one kept line into events; malformed ones yield none."""
    if not isinstance(record, dict):
        return LineResult()
    event, payload = text(record.get("event")), mapping(record.get("payload"))
    common = _Line(
        payload=payload,
        at=values.epoch(record.get("at")),
        conversation=text(payload.get("conversation_id")) or text(payload.get("session_id")),
        unnamed="~" + blake2b(line, digest_size=12).hexdigest(),
    )
    events = tuple(_events(event, common))
    for result in (e for e in events if e.kind is EventKind.TOOL_RESULT and e.tool_name in SHELL_TOOLS):
        pushed_remote.note(result.text, state)
    return LineResult(events=events, facts=_facts(event, payload))


def _events(event: str, line: _Line) -> Iterator[Event]:
    match event:
        case "beforeSubmitPrompt":
            yield from _prompt(line)
        case "postToolUse" | "postToolUseFailure":
            yield from _tool(event, line)
        case "afterAgentResponse":
            yield from _said(line, "text")
            yield from _usage(line)
        case "stop":
            yield from _stopped(line)
            yield from _usage(line)
        case "subagentStop":
            yield from _said(line, "summary", agent_id=text(line.payload.get("subagent_id")) or "subagent")
        case "preCompact":
            trigger = text(line.payload.get("trigger"))
            yield Event(kind=EventKind.COMPACTION, native_id=line.unnamed, text=trigger, at=line.at)


def _facts(event: str, payload: dict[str, Any]) -> SessionFacts | None:
    parent = text(payload.get("parent_conversation_id")) if event == "subagentStop" else ""
    session_id = parent or text(payload.get("session_id")) or text(payload.get("conversation_id"))
    if not session_id:
        return None
    return SessionFacts(
        session_id=session_id,
        agent=AGENT,
        agent_version=text(payload.get("cursor_version")),
        cwd=text(payload.get("cwd")),
        git_branch=text(payload.get("git_branch")),
    )


def _prompt(line: _Line) -> Iterator[Event]:
    said = client_blocks.without(text(line.payload.get("prompt")), "hivemind-skills").strip()
    if said:
        # A generation may have more than one prompt, where a hook at its end asks for more.
        digest = blake2b(said.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()
        native = line.named(text(line.payload.get("generation_id")), digest)
        yield Event(kind=EventKind.PROMPT, native_id=native, text=said, at=line.at)


def _said(line: _Line, key: str, *, agent_id: str = "") -> Iterator[Event]:
    said = text(line.payload.get(key))
    if said.strip():
        yield Event(
            kind=EventKind.ASSISTANT,
            native_id=line.unnamed,
            text=said,
            at=line.at,
            agent_id=agent_id,
            request_model=text(line.payload.get("model")),
        )


def _stopped(line: _Line) -> Iterator[Event]:
    status = text(line.payload.get("status"))
    kind = {"aborted": EventKind.INTERRUPT, "error": EventKind.SYSTEM}.get(status)
    if kind:
        yield Event(kind=kind, native_id=line.unnamed, text=status, at=line.at)


def _usage(line: _Line) -> Iterator[Event]:
    """Yield the tokens of a generation, which may be told with its answer and at its end."""
    names = ("input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens")
    counted = [count(line.payload.get(name)) for name in names]
    if not any(counted):
        return
    native = line.named(text(line.payload.get("generation_id")))
    usage = Usage(
        message_id=native,
        input_tokens=counted[0],
        output_tokens=counted[1],
        cache_read_tokens=counted[2],
        cache_write_tokens=counted[3],
    )
    model = text(line.payload.get("model"))
    yield Event(kind=EventKind.USAGE, native_id=native, at=line.at, request_model=model, usage=usage)


def _tool(event: str, line: _Line) -> Iterator[Event]:
    payload = line.payload
    name, call_id = text(payload.get("tool_name")), text(payload.get("tool_use_id"))
    given = payload.get("tool_input")
    data = given if isinstance(given, dict) else {"input": given}
    keys = ("command",) if name in SHELL_TOOLS else _SUBJECT_KEYS
    native = line.named(call_id)
    yield Event(
        kind=EventKind.TOOL_CALL,
        native_id=native,
        text=next((text(data.get(key)) for key in keys if text(data.get(key))), ""),
        at=line.at,
        tool_name=name,
        tool_call_id=call_id,
        request_model=text(payload.get("model")),
        data=data,
    )
    said, status, exit_code = (
        _failure(payload, name) if event == "postToolUseFailure" else _result(payload, name)
    )
    yield Event(
        kind=EventKind.TOOL_RESULT,
        native_id=native,
        text=said,
        at=line.at,
        tool_name=name,
        tool_call_id=call_id,
        status=status,
        exit_code=exit_code,
    )


def _failure(payload: dict[str, Any], name: str) -> tuple[str, ResultStatus, int | None]:
    said = text(payload.get("error_message"))
    if payload.get("failure_type") == "permission_denied" or _REJECTED.match(said):
        return said, ResultStatus.DENIED, None
    if payload.get("is_interrupt") is True:
        return said, ResultStatus.CANCELLED, None
    # A command with output is told by its output alone, and its exit code is lost.
    code = _EXIT_CODE.match(said) if name in SHELL_TOOLS else None
    return said, ResultStatus.ERROR, int(code.group(1)) if code else None


def _result(payload: dict[str, Any], name: str) -> tuple[str, ResultStatus, int | None]:
    given = payload.get("tool_output")
    decoded = mapping(_decoded(given))
    said = given if isinstance(given, str) else json.dumps(given) if given else ""
    if name in SHELL_TOOLS:
        exit_code = values.exit_code(decoded.get("exitCode"))
        said = text(decoded.get("output")) if "output" in decoded else said
        if exit_code is None:  # a command in the background, or one that was cut out of the middle
            return said, ResultStatus.UNKNOWN, None
        return said, ResultStatus.ERROR if exit_code else ResultStatus.OK, exit_code
    if name.startswith("MCP:"):
        return content_text(decoded.get("content")) or said, _mcp_status(decoded), None
    return said, ResultStatus.OK, None  # Cursor reports every other failure as one


def _mcp_status(decoded: dict[str, Any]) -> ResultStatus:
    if decoded.get("rejected") is True or decoded.get("permissionDenied") is True:
        return ResultStatus.DENIED
    if decoded.get("isError") is True or "error" in decoded:
        return ResultStatus.ERROR
    return ResultStatus.OK if decoded.get("isError") is False else ResultStatus.UNKNOWN


def _decoded(given: Any) -> Any:
    if not isinstance(given, str):
        return given
    try:
        return json.loads(given)
    except (ValueError, RecursionError):
        return None
