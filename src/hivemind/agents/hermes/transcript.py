"""Read Hermes' sessions: the records that `database` makes of the rows of `state.db`.

Schemas 1 to 22 (0.19) were seen. The message columns hold what the API was told: prompts are clean there,
because what hooks inject is kept in a column of its own.
"""

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from hashlib import blake2b
from typing import Any, Final

from hivemind.agents import pending_calls, values
from hivemind.agents.base import LineResult, ReaderState
from hivemind.agents.hermes.database import KIND
from hivemind.agents.hermes.results import SHELL_TOOLS, outcome
from hivemind.agents.transcript_file import decode
from hivemind.agents.values import content_text, count, elements, get, text
from hivemind.domain.events import Event, EventKind, ResultStatus, SessionFacts, Usage

AGENT: Final = "hermes"
EDIT_TOOLS: Final = frozenset({"write_file", "patch"})

#: How the database marks content that is no text.
JSON_MARK: Final = "\0json:"
_INJECTED: Final = re.compile(r"<hivemind-skills\b[^>]*>.*?</hivemind-skills>", re.S)
_COMPACTED: Final = re.compile(r"\[(?:CONTEXT COMPACTION|CONTEXT SUMMARY\]|PRIOR CONTEXT )")
_CLIENT_TEXT: Final = re.compile(
    r"\[(?:System( note)?:|SYSTEM:|IMPORTANT:|Background process |ASYNC DELEGATION |Continuing toward )"
)
_SKILL: Final = re.compile(r'\[IMPORTANT: The user has invoked the "([^"]{1,200})" skill\b')
_SKILL_ASKED: Final = re.compile(
    r".*The user has provided the following instruction alongside the skill invocation: (.*)", re.S
)
_INTERRUPTED: Final = re.compile(r"Operation interrupted\b")
_PATCHED_FILE: Final = re.compile(r"^\*\*\* (?:Update|Add|Delete) File: (.+)$", re.M)
_SHOWN_KEYS: Final = ("path", "pattern", "query", "url", "goal", "name", "code", "prompt")


def recognises(first_lines: list[Any]) -> bool:
    """Say whether decoded records are those of a Hermes session."""
    return any(text(get(record, KIND)) in ("message", "usage") for record in first_lines)


def read_line(record: Any, *, line: bytes, state: ReaderState) -> LineResult:  # noqa: ARG001 - a record has its name
    """Turn one record into events; others, and malformed ones, yield none."""
    conversation = text(get(record, "session"))
    if not conversation or not text(get(record, KIND)):
        return LineResult()
    facts = SessionFacts(
        session_id=conversation,
        agent=AGENT,
        cwd=text(record.get("cwd")),
        git_branch=text(record.get("git_branch")),
    )
    events = _usage(record) if record[KIND] == "usage" else _message(record, state=state)
    return LineResult(events=tuple(events), facts=facts)


def _message(record: dict[str, Any], *, state: ReaderState) -> Iterator[Event]:
    agent_id, name = text(record.get("agent")), text(record.get("name"))
    if not name:
        return
    native = f"~{agent_id}:{name}" if agent_id else f"~{name}"
    at = values.epoch(record.get("timestamp"))
    said = _said(record.get("content"))
    match record.get("role"):
        case "user":
            yield from _user(said, record=record, native=native, at=at)
        case "assistant":
            yield from _assistant(said, record=record, native=native, at=at, state=state)
        case "tool":
            yield _tool_result(said, record=record, native=native, at=at, state=state)


def _said(content: Any) -> str:
    found = text(content)
    if not found.startswith(JSON_MARK):
        return found
    try:
        return content_text(decode(found.removeprefix(JSON_MARK).encode("utf-8", "replace")))
    except ValueError:
        return ""


def _user(said: str, *, record: dict[str, Any], native: str, at: datetime | None) -> Iterator[Event]:
    said = _INJECTED.sub("", said).strip()
    if not said:
        return
    kind = EventKind.PROMPT
    if _COMPACTED.match(said):
        kind = EventKind.COMPACTION
    elif skill := _SKILL.match(said):
        # The skill's text is between the two.
        asked = _SKILL_ASKED.match(said)
        said = f"/{skill.group(1)} {_without_note(asked.group(1)) if asked else ''}".strip()
    elif _CLIENT_TEXT.match(said) or record.get("observed") or record.get("agent"):
        # A subagent's task, and what others say in a chat, is not a person's request either.
        kind = EventKind.SYSTEM
    yield Event(kind=kind, native_id=native, text=said, at=at, agent_id=text(record.get("agent")))


def _without_note(asked: str) -> str:
    return asked.partition("\n\n[Runtime note:")[0].strip()


def _assistant(
    said: str, *, record: dict[str, Any], native: str, at: datetime | None, state: ReaderState
) -> Iterator[Event]:
    agent_id, model = text(record.get("agent")), text(record.get("model"))
    if said.strip():
        kind = EventKind.ASSISTANT
        if _COMPACTED.match(said):
            kind = EventKind.COMPACTION
        elif _INTERRUPTED.match(said) and not record.get("finish_reason"):
            kind = EventKind.INTERRUPT
        yield Event(kind=kind, native_id=native, text=said, at=at, agent_id=agent_id, request_model=model)
    for index, call in enumerate(_calls(record.get("tool_calls"))):
        name, call_id = text(get(call, "function", "name")), text(get(call, "id"))
        pending_calls.remember(state, call_id, name)
        data = _arguments(get(call, "function", "arguments"))
        yield Event(
            kind=EventKind.TOOL_CALL,
            native_id=f"{native}#{index}",
            text=_call_text(name, data),
            at=at,
            agent_id=agent_id,
            tool_name=name,
            tool_call_id=call_id,
            request_model=model,
            data=data,
        )


def _calls(column: Any) -> list[Any]:
    try:
        return elements(decode(text(column).encode("utf-8", "replace")))
    except ValueError:
        return []


def _arguments(given: Any) -> dict[str, Any]:
    try:
        found = decode(text(given).encode("utf-8", "replace")) if isinstance(given, str) else given
    except ValueError:
        found = given
    return found if isinstance(found, dict) else {"input": found}


def _call_text(name: str, data: dict[str, Any]) -> str:
    if name in SHELL_TOOLS:
        return text(data.get("command"))
    for key in _SHOWN_KEYS:
        if text(data.get(key)):
            return text(data.get(key))
    patched = _PATCHED_FILE.search(text(data.get("patch"))[:10_000])
    return patched.group(1).strip() if patched else ""


def _tool_result(
    said: str, *, record: dict[str, Any], native: str, at: datetime | None, state: ReaderState
) -> Event:
    call_id = text(record.get("tool_call_id"))
    called = pending_calls.take(state, call_id)
    tool_name = text(record.get("tool_name")) or called
    how = outcome(said, tool_name=tool_name)
    if record.get("finish_reason") == "error" and how.status is ResultStatus.OK:
        how = replace(how, status=ResultStatus.ERROR, exit_code=None)
    return Event(
        kind=EventKind.TOOL_RESULT,
        native_id=native,
        text=how.text,
        at=at,
        agent_id=text(record.get("agent")),
        tool_name=tool_name,
        tool_call_id=call_id,
        status=how.status,
        exit_code=how.exit_code,
    )


def _usage(record: dict[str, Any]) -> Iterator[Event]:
    """Yield what a session's model has used up to now: under the same id each time, so it is counted once."""
    model, of = text(record.get("model")), text(record.get("of"))
    # A URL may hold a password, and an id is stored as it is.
    billed = "\0".join(text(record.get(f"billing_{key}")) for key in ("provider", "base_url", "mode"))
    digest = blake2b(billed.encode("utf-8", "replace"), digest_size=6).hexdigest()
    message_id = "~" + ":".join((of, model, text(record.get("task")), digest))
    usage = Usage(
        message_id=message_id,
        input_tokens=count(record.get("input_tokens")),
        output_tokens=count(record.get("output_tokens")),
        cache_read_tokens=count(record.get("cache_read_tokens")),
        cache_write_tokens=count(record.get("cache_write_tokens")),
    )
    if usage != Usage(message_id=message_id):
        yield Event(
            kind=EventKind.USAGE,
            native_id=message_id,
            at=values.epoch(record.get("last_seen")),
            agent_id=text(record.get("agent")),
            request_model=model,
            usage=usage,
        )
