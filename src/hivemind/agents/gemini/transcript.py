"""Read Gemini CLI's chats: messages, which are written again when a tool has run, and changes to the whole.

Formats 0.1 to 0.61.0 were seen. A message's record repeats what an earlier one of the same message said; and
a compaction writes the history that it keeps under new ids. Both are told from what is new.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, Final

from hivemind.agents.base import LineResult, ReaderState
from hivemind.agents.client_blocks import without
from hivemind.agents.gemini import outcome
from hivemind.agents.gemini.chat_file import MAX_PATH_CHARS, PARENT_KEY, ROOT_KEY
from hivemind.agents.native_id import native
from hivemind.agents.values import content_text, count, elements, get, mapping, text, time
from hivemind.domain.events import Event, EventKind, SessionFacts, Usage

AGENT: Final = "gemini"
SHELL_TOOLS: Final = frozenset({"run_shell_command"})
EDIT_TOOLS: Final = frozenset({"write_file", "replace", "edit"})
#: Events that are known to have been given, at most; the store leaves out others that come twice.
MAX_SEEN: Final = 256
MAX_ID_CHARS: Final = 200

_FOLDERS = re.compile(r"Workspace Directories:\*\*\n\s*- (/[^\n]{1,4000})")
_FOLDER = re.compile(r"currently working in the director(?:y|ies): *\n? *-? *(/[^\n]{1,4000})")
_FILES = "\n--- Content from referenced files ---"
_CLIENT_TEXT = re.compile(
    r"(?:System: )?Please continue\.?$|Here is a summary of changes in the user's"
    r"|Here is the user's editor context"
    r"|This is the Gemini CLI\. We are setting up the context"
)
_INTERRUPTED = re.compile(r"Request cancell?ed")
_PATH_KEYS = (
    *("file_path", "absolute_path", "dir_path", "path", "pattern", "query", "url", "agent_name", "name"),
    *("prompt", "description"),
)


def recognises(first_lines: list[Any]) -> bool:
    """Say whether decoded lines are a chat of Gemini CLI, whatever the file is called."""
    return any(
        isinstance(record, dict)
        and isinstance(record.get("sessionId"), str)
        and isinstance(record.get("projectHash"), str)
        and "type" not in record
        for record in first_lines
    )


def read_line(record: Any, *, line: bytes, state: ReaderState) -> LineResult:  # noqa: ARG001
    """Turn one decoded record into events; records of other types, and malformed ones, yield none."""
    if not isinstance(record, dict):
        return LineResult()
    if isinstance(record.get("$set"), dict):
        copied = elements(record["$set"].get("messages"))
        return LineResult(events=_fresh(_compactions(copied), state), facts=_placed(copied, state))
    if isinstance(record.get("id"), str) and isinstance(record.get("type"), str):
        return LineResult(events=_fresh(_message(record, state), state), facts=_placed([record], state))
    facts = _header(record, state)
    messages = elements(record.get("messages")) if facts else []
    events = [e for m in messages if isinstance(m, dict) for e in _fresh(_message(m, state), state)]
    return LineResult(events=tuple(events), facts=facts)


def _header(record: dict[str, Any], state: ReaderState) -> SessionFacts | None:
    own_id = text(record.get("sessionId"))
    if not own_id or not isinstance(record.get("projectHash"), str):
        return None
    parent = text(record.get(PARENT_KEY))
    state.values["agent_id"] = own_id[:MAX_ID_CHARS] if record.get("kind") == "subagent" else ""
    session_id = parent or own_id
    folders = elements(record.get("directories"))
    cwd = text(record.get(ROOT_KEY)) or (text(folders[0]) if folders else "")
    state.values["session"] = session_id if len(session_id) <= MAX_ID_CHARS and not cwd else ""
    return SessionFacts(session_id=session_id, agent=AGENT, cwd=cwd[:MAX_PATH_CHARS])


def _placed(messages: list[Any], state: ReaderState) -> SessionFacts | None:
    """Give the folder that the client's first message names, where nothing else has named it."""
    session_id = text(state.values.get("session"))
    if not session_id:
        return None
    for message in messages[:1]:
        said = _joined(get(message, "content"))
        if found := _FOLDERS.search(said[:20_000]) or _FOLDER.search(said[:20_000]):
            state.values["session"] = ""
            return SessionFacts(session_id=session_id, agent=AGENT, cwd=found.group(1).strip())
    return None


def _fresh(events: Iterator[Event], state: ReaderState) -> tuple[Event, ...]:
    seen = state.values.get("seen")
    seen = state.values["seen"] = seen if isinstance(seen, dict) else {}
    fresh = []
    for event in events:
        name = f"{event.kind}\0{event.native_id}".encode("utf-8", "surrogatepass")
        key = blake2b(name, digest_size=8).hexdigest()
        if key not in seen:
            fresh.append(event)
        seen.pop(key, None)
        seen[key] = 1
    while len(seen) > MAX_SEEN:
        del seen[next(iter(seen))]
    return tuple(fresh)


def _compactions(copied: list[Any]) -> Iterator[Event]:
    """Find the summary in a history that was written anew; all else in it was said before."""
    for message in copied:
        said, native_id = _joined(get(message, "content")), native(get(message, "id"))
        if native_id and get(message, "type") == "user" and "<state_snapshot>" in said:
            yield Event(
                kind=EventKind.COMPACTION,
                native_id=native_id,
                text=said,
                at=time(message.get("timestamp")),
            )


def _message(message: dict[str, Any], state: ReaderState) -> Iterator[Event]:
    agent_id, native_id = text(state.values.get("agent_id")), native(message.get("id"))
    if not native_id:
        return
    match message.get("type"):
        case "user":
            yield from _user(message, native_id=native_id, agent_id=agent_id)
        case "gemini":
            yield from _gemini(message, native_id=native_id, agent_id=agent_id)
        case "info" | "error" | "warning":
            said = _joined(message.get("content"))
            kind = EventKind.INTERRUPT if _INTERRUPTED.match(said) else EventKind.SYSTEM
            if said:
                at = time(message.get("timestamp"))
                yield Event(kind=kind, native_id=native_id, text=said, at=at, agent_id=agent_id)


def _user(message: dict[str, Any], *, native_id: str, agent_id: str) -> Iterator[Event]:
    content = message.get("content")
    shown = message.get("displayContent")
    said = without(_joined(content if shown is None else shown), "hook_context", "hivemind-skills")
    said = said.partition(_FILES)[0].strip()
    if not said or said.startswith("<session_context>"):
        return
    if "<state_snapshot>" in said:
        kind = EventKind.COMPACTION
    elif agent_id or _CLIENT_TEXT.match(said):  # a subagent's task is not a person's request
        kind = EventKind.SYSTEM
    else:
        kind = EventKind.PROMPT
    at = time(message.get("timestamp"))
    yield Event(kind=kind, native_id=native_id, text=said, at=at, agent_id=agent_id)


def _gemini(message: dict[str, Any], *, native_id: str, agent_id: str) -> Iterator[Event]:
    at, model = time(message.get("timestamp")), text(message.get("model"))
    said = _joined(message.get("content"))
    if said.strip():
        yield Event(
            kind=EventKind.ASSISTANT,
            native_id=native_id,
            text=said,
            at=at,
            agent_id=agent_id,
            request_model=model,
        )
    if usage := _usage(message.get("tokens"), message_id=native_id):
        yield Event(
            kind=EventKind.USAGE,
            native_id=native_id,
            at=at,
            agent_id=agent_id,
            request_model=model,
            usage=usage,
        )
    for index, value in enumerate(elements(message.get("toolCalls"))):
        if isinstance(value, dict):
            call_id = text(value.get("id"))
            known_by = native(call_id) or f"{native_id}#{index}"
            yield from _Call(value, known_by, call_id=call_id, agent_id=agent_id, model=model).events()


def _usage(tokens: Any, *, message_id: str) -> Usage | None:
    if not isinstance(tokens, dict):
        return None
    cached = count(tokens.get("cached"))
    return Usage(
        message_id=message_id,
        input_tokens=max(0, count(tokens.get("input")) - cached) + count(tokens.get("tool")),
        output_tokens=count(tokens.get("output")) + count(tokens.get("thoughts")),
        cache_read_tokens=cached,
    )


@dataclass(frozen=True, slots=True)
class _Call:
    """Hold one tool call, which is recorded when it has ended."""

    value: dict[str, Any]
    native_id: str
    call_id: str
    agent_id: str
    model: str

    def events(self) -> Iterator[Event]:
        """Yield the call and, unless it is still running, its result."""
        name, at = text(self.value.get("name")), time(self.value.get("timestamp"))
        given = self.value.get("args")
        data = given if isinstance(given, dict) else {"args": given}
        yield Event(
            kind=EventKind.TOOL_CALL,
            native_id=self.native_id,
            text=_call_text(name, data),
            at=at,
            agent_id=self.agent_id,
            tool_name=name,
            tool_call_id=self.call_id,
            request_model=self.model,
            data=data,
        )
        said = _result_text(self.value, self.call_id)
        state = text(self.value.get("status"))
        if state not in outcome.ENDED and not said:
            return  # it is still running
        shown = outcome.unwrapped(said)
        ended = outcome.of(state, shown, is_shell=name in SHELL_TOOLS)
        yield Event(
            kind=EventKind.TOOL_RESULT,
            native_id=self.native_id,
            text=shown,
            at=at,
            agent_id=self.agent_id,
            tool_name=name,
            tool_call_id=self.call_id,
            status=ended.status,
            exit_code=ended.exit_code,
        )


def _call_text(name: str, data: dict[str, Any]) -> str:
    if name in SHELL_TOOLS:
        return text(data.get("command"))
    return next((text(data.get(key)) for key in _PATH_KEYS if text(data.get(key))), "")


def _result_text(value: dict[str, Any], call_id: str) -> str:
    result = value.get("result")
    if isinstance(result, str):
        return result
    responses = [mapping(get(part, "functionResponse")) for part in elements(result)]
    own = [r for r in responses if r.get("id") == call_id] or responses
    said = "\n".join(filter(None, (_response_text(r.get("response")) for r in own)))
    return said or text(value.get("resultDisplay"))


def _response_text(response: Any) -> str:
    if not isinstance(response, dict):
        return ""
    for key in ("output", "error", "content"):
        if found := content_text(response.get(key)):
            return found
    try:
        return json.dumps(response) if response else ""
    except (RecursionError, ValueError):
        return ""


def _joined(content: Any) -> str:
    """Join the texts of a message's parts; thoughts, calls and their results are none."""
    if isinstance(content, str):
        return content
    parts = [content] if isinstance(content, dict) else elements(content)
    texts = []
    for part in parts:
        if isinstance(part, str):
            texts.append(part)
        elif isinstance(part, dict) and part.get("thought") is not True:
            texts.append("[image]" if "inlineData" in part else text(part.get("text")))
    return "\n".join(t for t in texts if t and not _is_client_text(t)) or "\n".join(t for t in texts if t)


def _is_client_text(part: str) -> bool:
    return part.startswith("<hook_context>") or bool(_CLIENT_TEXT.match(part))
