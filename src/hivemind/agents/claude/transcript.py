"""Read Claude Code's transcripts: JSONL records of the main conversation and of subagents.

Formats 2.0.64 to 2.1.330 were seen; what the client adds that is not known here yields no event and no error.
"""

import re
from collections.abc import Iterator
from datetime import datetime
from hashlib import blake2b
from pathlib import Path
from typing import Any

from hivemind.agents import pending_calls, pushed_remote, values
from hivemind.agents.base import LineResult, ReaderState
from hivemind.agents.values import content_text, count
from hivemind.agents.values import text as _text
from hivemind.domain.events import Event, EventKind, ResultStatus, SessionFacts, Usage

AGENT = "claude"
SHELL_TOOLS = frozenset({"Bash", "PowerShell"})

_RECORD_TYPES = frozenset(
    {"user", "assistant", "system", "attachment", "progress", "queue-operation", "summary"}
)
_REMINDER = re.compile(r"<(system-reminder|hivemind-skills)\b[^>]*>.*?</\1>", re.S)
_COMMAND = re.compile(r"<command-name>(.*?)</command-name>", re.S)
_COMMAND_ARGS = re.compile(r"<command-args>(.*?)</command-args>", re.S)
_CLIENT_TEXT = re.compile(
    r"<(task-notification|local-command|bash-input|bash-stdout|bash-stderr|user-prompt-submit-hook|new-diagnostics)"
    r"|Base directory for this skill:|Caveat: The messages below|Stop hook feedback:|\[SYSTEM NOTIFICATION"
)
_INTERRUPTED = re.compile(r"\[Request interrupted by user")
_DENIED = re.compile(
    r"The user doesn't want to (?:proceed|take this action)|Permission to use|This command requires approval"
    r"|(?:Claude )?requested permissions? to|PreToolUse:\S+ hook error|\[Request interrupted by user"
)
_CANCELLED = re.compile(r"<tool_use_error>(?:Sibling|Cancelled)|Tool use was cancelled")
_EXIT_CODE = re.compile(r"(?:Error: )?Exit code (-?\d{1,9})\b")
_PATH_KEYS = (
    "file_path",
    "notebook_path",
    "path",
    "pattern",
    "url",
    "query",
    "skill",
    "description",
    "prompt",
)


def companions(transcript: Path) -> Iterator[Path]:
    """Yield the subagents' files, which lie in a folder called after the session."""
    yield from sorted((transcript.parent / transcript.stem / "subagents").glob("agent-*.jsonl"))


def recognises(first_lines: list[Any]) -> bool:
    """Say whether decoded lines are Claude Code records, whatever the file is called."""
    for record in first_lines:
        if not isinstance(record, dict):
            continue
        if isinstance(record.get("sessionId"), str) and isinstance(record.get("type"), str):
            return True
        if record.get("type") in ("file-history-snapshot", "summary") and (
            "messageId" in record or "leafUuid" in record
        ):
            return True
    return False


def read_line(record: Any, *, line: bytes, state: ReaderState) -> LineResult:
    """Turn one decoded record into events; records of other types, and malformed ones, yield none."""
    if not isinstance(record, dict):
        return LineResult()
    kind = _text(record.get("type"))
    if kind == "pr-link":
        pushed_remote.name(f"https://github.com/{_text(record.get('prRepository'))}", state)
    if kind not in _RECORD_TYPES:
        return LineResult(facts=_facts(record))
    agent_id = _text(record.get("agentId")) or ("sidechain" if record.get("isSidechain") is True else "")
    if kind == "progress":
        return LineResult(events=tuple(_progress(record, line=line, state=state)))
    events = tuple(_events(record, line=line, state=state, agent_id=agent_id))
    return LineResult(events=events, facts=_facts(record))


def _events(record: dict[str, Any], *, line: bytes, state: ReaderState, agent_id: str) -> Iterator[Event]:
    at = values.time(record.get("timestamp"))
    native = _text(record.get("uuid")) or "~" + blake2b(line, digest_size=12).hexdigest()
    match record["type"]:
        case "user":
            yield from _user(record, native=native, at=at, agent_id=agent_id, state=state)
        case "assistant":
            yield from _assistant(record, native=native, at=at, agent_id=agent_id, state=state)
        case "system":
            yield from _system(record, native=native, at=at, agent_id=agent_id)
        case "attachment":
            yield from _queued_prompt(record, native=native, at=at, agent_id=agent_id)


def _facts(record: dict[str, Any]) -> SessionFacts | None:
    session_id = _text(record.get("sessionId"))
    if not session_id:
        return None
    return SessionFacts(
        session_id=session_id,
        agent=AGENT,
        agent_version=_text(record.get("version")),
        cwd=_text(record.get("cwd")),
        git_branch=_text(record.get("gitBranch")),
    )


def _user(
    record: dict[str, Any], *, native: str, at: datetime | None, agent_id: str, state: ReaderState
) -> Iterator[Event]:
    content = _message(record).get("content")
    parts = content if isinstance(content, list) else [{"type": "text", "text": content}]
    texts: list[str] = []
    for index, part in enumerate(parts):
        if not isinstance(part, dict):
            continue
        if part.get("type") == "tool_result":
            yield _tool_result(part, native=f"{native}#{index}", at=at, agent_id=agent_id, state=state)
        elif part.get("type") == "text":
            texts.append(_text(part.get("text")))
        elif part.get("type") in ("image", "document"):
            texts.append(f"[{part['type']}]")
    text = "\n".join(t for t in texts if t)
    if text:
        kind, shown = _classify(text, record)
        if shown:
            yield Event(kind=kind, native_id=native, text=shown, at=at, agent_id=agent_id)


def _classify(text: str, record: dict[str, Any]) -> tuple[EventKind, str]:
    if record.get("isCompactSummary") is True:
        return EventKind.COMPACTION, text
    if _INTERRUPTED.match(text):
        return EventKind.INTERRUPT, text
    text = _REMINDER.sub("", text).strip()
    command = _COMMAND.search(text)
    if command and "<local-command" not in text:
        arguments = _COMMAND_ARGS.search(text)
        return (
            EventKind.PROMPT,
            f"{command.group(1).strip()} {arguments.group(1).strip() if arguments else ''}".strip(),
        )
    if record.get("isMeta") is True or _CLIENT_TEXT.match(text) or command:
        return EventKind.SYSTEM, text
    return EventKind.PROMPT, text


def _tool_result(
    part: dict[str, Any], *, native: str, at: datetime | None, agent_id: str, state: ReaderState
) -> Event:
    text = content_text(part.get("content"))
    call_id = _text(part.get("tool_use_id"))
    tool_name = pending_calls.take(state, call_id)
    if tool_name in SHELL_TOOLS:
        pushed_remote.note(text, state)
    status = ResultStatus.OK
    exit_code = 0 if tool_name in SHELL_TOOLS else None
    if part.get("is_error") is True:
        status, exit_code = _failure(text)
    elif text.startswith("<tool_use_error>"):
        status, exit_code = ResultStatus.ERROR, None
    return Event(
        kind=EventKind.TOOL_RESULT,
        native_id=native,
        text=text,
        at=at,
        agent_id=agent_id,
        tool_name=tool_name,
        tool_call_id=call_id,
        status=status,
        exit_code=exit_code,
    )


def _failure(text: str) -> tuple[ResultStatus, int | None]:
    if _CANCELLED.match(text):
        return ResultStatus.CANCELLED, None
    if _DENIED.match(text):
        return ResultStatus.DENIED, None
    code = _EXIT_CODE.match(text)
    return ResultStatus.ERROR, int(code.group(1)) if code else None


def _assistant(
    record: dict[str, Any], *, native: str, at: datetime | None, agent_id: str, state: ReaderState
) -> Iterator[Event]:
    message = _message(record)
    model = _text(message.get("model"))
    content = message.get("content")
    parts = content if isinstance(content, list) else [{"type": "text", "text": content}]
    for index, part in enumerate(parts):
        if not isinstance(part, dict):
            continue
        if part.get("type") == "text" and _text(part.get("text")).strip():
            yield Event(
                kind=EventKind.SYSTEM if record.get("isApiErrorMessage") is True else EventKind.ASSISTANT,
                native_id=f"{native}#{index}",
                text=_text(part.get("text")),
                at=at,
                agent_id=agent_id,
                request_model=model,
            )
        elif part.get("type") == "tool_use":
            yield _tool_call(
                part, native=f"{native}#{index}", at=at, agent_id=agent_id, model=model, state=state
            )
    usage = _usage(message)
    if usage is not None and model != "<synthetic>":
        yield Event(
            kind=EventKind.USAGE,
            native_id=usage.message_id,
            at=at,
            agent_id=agent_id,
            request_model=model,
            usage=usage,
        )


def _tool_call(
    part: dict[str, Any], *, native: str, at: datetime | None, agent_id: str, model: str, state: ReaderState
) -> Event:
    name, call_id = _text(part.get("name")), _text(part.get("id"))
    given = part.get("input")
    data = given if isinstance(given, dict) else {"input": given}
    pending_calls.remember(state, call_id, name)
    return Event(
        kind=EventKind.TOOL_CALL,
        native_id=native,
        text=_call_text(name, data),
        at=at,
        agent_id=agent_id,
        tool_name=name,
        tool_call_id=call_id,
        request_model=model,
        data=data,
    )


def _call_text(name: str, data: dict[str, Any]) -> str:
    if name in SHELL_TOOLS:
        return _text(data.get("command"))
    for key in _PATH_KEYS:
        if _text(data.get(key)):
            return _text(data.get(key))
    return ""


def _system(record: dict[str, Any], *, native: str, at: datetime | None, agent_id: str) -> Iterator[Event]:
    subtype, text = record.get("subtype"), _text(record.get("content"))
    if subtype == "compact_boundary":
        yield Event(kind=EventKind.COMPACTION, native_id=native, text=text, at=at, agent_id=agent_id)
    elif subtype in ("api_error", "local_command"):
        yield Event(
            kind=EventKind.SYSTEM, native_id=native, text=text or str(subtype), at=at, agent_id=agent_id
        )


def _queued_prompt(
    record: dict[str, Any], *, native: str, at: datetime | None, agent_id: str
) -> Iterator[Event]:
    """Yield what a person typed while the agent was busy: the client attaches it instead of a user record."""
    attachment = record.get("attachment")
    if not isinstance(attachment, dict) or attachment.get("type") != "queued_command":
        return
    text = _REMINDER.sub("", content_text(attachment.get("prompt"))).strip()
    if text and not _CLIENT_TEXT.match(text):
        yield Event(kind=EventKind.PROMPT, native_id=native, text=text, at=at, agent_id=agent_id)


def _progress(record: dict[str, Any], *, line: bytes, state: ReaderState) -> Iterator[Event]:
    """Yield a subagent's messages, which clients before 2.1.60 keep in the main transcript."""
    data = record.get("data")
    if not isinstance(data, dict) or data.get("type") != "agent_progress":
        return
    inner = data.get("message")
    if not isinstance(inner, dict) or inner.get("type") not in ("user", "assistant"):
        return
    agent_id = _text(data.get("agentId")) or "subagent"
    if inner["type"] == "user" and not isinstance(_message(inner).get("content"), list):
        return
    for event in _events(inner, line=line, state=state, agent_id=agent_id):
        # The task that the parent gave is not a person's request.
        if event.kind is not EventKind.PROMPT:
            yield event


def _usage(message: dict[str, Any]) -> Usage | None:
    usage, message_id = message.get("usage"), _text(message.get("id"))
    if not isinstance(usage, dict) or not message_id:
        return None
    return Usage(
        message_id=message_id,
        input_tokens=count(usage.get("input_tokens")),
        output_tokens=count(usage.get("output_tokens")),
        cache_read_tokens=count(usage.get("cache_read_input_tokens")),
        cache_write_tokens=count(usage.get("cache_creation_input_tokens")),
    )


def _message(record: dict[str, Any]) -> dict[str, Any]:
    message = record.get("message")
    return message if isinstance(message, dict) else {}
