"""What an agent did, in order: sessions and their events."""

import hashlib
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from hivemind.domain.text import storable

#: A longer session id keeps its beginning and gets a checksum, in characters.
MAX_SESSION_ID_CHARS = 200


class EventKind(StrEnum):
    """Name the kinds of event; the value is what `events.kind` holds."""

    PROMPT = "prompt"  #: what a person asked
    ASSISTANT = "assistant"  #: what the agent said
    TOOL_CALL = "tool_call"  #: a tool the agent called, with its input
    TOOL_RESULT = "tool_result"  #: what the tool gave back, with its status
    USAGE = "usage"  #: tokens of one model message, counted once
    COMPACTION = "compaction"  #: the agent summarised its context
    INTERRUPT = "interrupt"  #: a person stopped the agent
    SYSTEM = "system"  #: text the client wrote itself (command output, notices)


class ResultStatus(StrEnum):
    """Name how a tool call ended; the value is what `events.status` holds."""

    OK = "ok"
    ERROR = "error"  #: the tool ran and failed, or refused its input
    DENIED = "denied"  #: a person or a permission rule refused it
    CANCELLED = "cancelled"  #: never ran: a sibling call failed or the turn was interrupted
    UNKNOWN = "unknown"  #: the agent does not say


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Count the tokens of one model message."""

    message_id: str
    input_tokens: int = 0
    output_tokens: int = 0
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Hold one event as an agent's transcript reader yields it, before redaction and storage.

    `native_id` is stable for the same event however often it is read; the store derives its key from it.
    `text` is what a person would read; for a tool call it is the command or the JSON of the input.
    """

    kind: EventKind
    native_id: str
    text: str = ""
    at: datetime | None = None
    agent_id: str = ""  #: the subagent's id, empty in the main conversation
    tool_name: str = ""
    tool_call_id: str = ""
    status: ResultStatus | None = None
    exit_code: int | None = None
    request_model: str = ""
    usage: Usage | None = None
    data: dict[str, Any] = field(default_factory=dict)  #: a tool call's input, JSON values only


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionFacts:
    """Describe a session as far as its transcript says; later facts fill what earlier ones left empty."""

    session_id: str
    agent: str
    agent_version: str = ""
    cwd: str = ""
    git_branch: str = ""
    title: str = ""


def session_key(session_id: str) -> str:
    """Give the store's key of a session: what the agent calls it, unless that cannot be stored."""
    cleaned = storable(session_id)
    if len(cleaned) <= MAX_SESSION_ID_CHARS and cleaned == session_id:
        return cleaned
    digest = hashlib.blake2b(session_id.encode("utf-8", "surrogatepass"), digest_size=10).hexdigest()
    return f"{cleaned[: MAX_SESSION_ID_CHARS - 21]}.{digest}"


def event_id(*, session_id: str, native_id: str, kind: str) -> str:
    """Derive the store's key of an event from what the agent calls it.

    A uuid that the agent gave is unique by itself, so a resumed session that copies its history into a new
    file does not double it; readers prefix native ids that are unique within their session only with `~`.
    """
    scope = session_id if native_id.startswith("~") else ""
    digest = hashlib.blake2b(f"{scope}\0{native_id}\0{kind}".encode("utf-8", "surrogatepass"), digest_size=15)
    return "e" + digest.hexdigest()
