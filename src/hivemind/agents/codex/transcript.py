"""Read Codex's rollouts: JSONL of what went to and came from the model, among the client's own events.

Formats from early 2025 (records without an envelope) to 0.169 were seen; what the client adds that is not
known here yields no event and no error. Messages and calls are taken from the `response_item` records, of
which the events are copies; of the events only what no item says.
"""

import re
from collections.abc import Iterator
from datetime import datetime
from hashlib import blake2b
from pathlib import Path
from typing import Any, Final

from hivemind.agents import pushed_remote, values
from hivemind.agents.base import LineResult, ReaderState
from hivemind.agents.codex import calls, copies, prompts, tokens
from hivemind.agents.values import content_text, get, text
from hivemind.domain.events import Event, EventKind, SessionFacts
from hivemind.domain.projects import normalise_remote

AGENT: Final = "codex"
SESSION_FOLDERS: Final = ("sessions", "archived_sessions")
#: Shorter ids than this are counters of some provider, and not unique.
_MIN_UNIQUE_ID_CHARS: Final = 16
_MAX_ID_CHARS: Final = 200
_ENVELOPES: Final = frozenset(
    {"session_meta", "response_item", "event_msg", "turn_context", "compacted", "token_usage_record"}
)
#: Logs that lie beside the rollouts of the earliest clients.
_OTHER_FILES: Final = frozenset({"history.jsonl", "session_index.jsonl"})
_ROLLOUT = re.compile(r"[^.].*\.jsonl(?:\.gz)?")


def transcripts(root: Path) -> Iterator[Path]:
    """Yield rollouts below Codex's folder, or below any other; their names begin with the time."""
    if root.is_file():
        yield root
        return
    folders = [root / name for name in SESSION_FOLDERS if (root / name).is_dir()]
    found = (path for folder in folders or [root] for path in folder.rglob("*.jsonl*") if _is_rollout(path))
    yield from sorted(found, key=lambda path: (path.name, path))


def _is_rollout(path: Path) -> bool:
    # A link may lead out of the folder: whoever put it there chooses what would be read.
    named = _ROLLOUT.fullmatch(path.name) is not None and path.name not in _OTHER_FILES
    return named and path.is_file() and not path.is_symlink()


def companions(transcript: Path) -> Iterator[Path]:  # noqa: ARG001
    """Yield nothing: a subagent's rollout lies beside the others, and hooks announce it."""
    yield from ()


def recognises(first_lines: list[Any]) -> bool:
    """Say whether decoded lines are Codex records, whatever the file is called."""
    for record in first_lines:
        if not isinstance(record, dict):
            continue
        if text(record.get("type")) in _ENVELOPES and isinstance(record.get("payload"), dict):
            return True
        if record.get("record_type") == "state" or _is_first_header(record):
            return True
    return False


def _is_first_header(record: dict[str, Any]) -> bool:
    return "type" not in record and {"id", "timestamp", "instructions"} <= record.keys()


def read_line(record: Any, *, line: bytes, state: ReaderState) -> LineResult:
    """Turn one decoded record into events; records of other types, and malformed ones, yield none."""
    if not isinstance(record, dict):
        return LineResult()
    kind, payload = text(record.get("type")), record.get("payload")
    if _is_first_header(record):
        kind, payload = "session_meta", record
    elif kind not in _ENVELOPES and "payload" not in record:
        kind, payload = "response_item", record
    if not isinstance(payload, dict):
        return LineResult()
    held = state.values
    if kind == "session_meta":
        _open(payload, held)
    copied = copies.note(kind, payload, at=text(record.get("timestamp")), held=held)
    if kind == "turn_context":
        _turn(payload, held)
    if copied:
        return LineResult()
    reader = _Line(payload, line=line, at=values.time(record.get("timestamp")), held=held)
    events = tuple(reader.events(kind))
    for event in events:
        if event.kind is EventKind.TOOL_RESULT and event.tool_name in calls.SHELL_TOOLS:
            pushed_remote.note(event.text, state)
    return LineResult(events=events, facts=_facts(held) if events or kind == "session_meta" else None)


def _open(meta: dict[str, Any], held: dict[str, Any]) -> None:
    """Take up what a session says of itself; one that stands further on belongs to copied history."""
    thread = text(meta.get("id"))[:_MAX_ID_CHARS]
    if held.get("thread", thread) != thread:
        return
    source = meta.get("source")
    subagent = get(source, "subagent")
    parent = text(get(subagent, "thread_spawn", "parent_thread_id")) or text(meta.get("parent_thread_id"))
    # A subagent's own word for the session is the main conversation's, in clients that have it.
    session = text(meta.get("session_id")) or (parent if subagent else "") or thread
    held.update(thread=thread, session=session[:_MAX_ID_CHARS], cwd=text(meta.get("cwd"))[:4_096])
    held["version"] = text(meta.get("cli_version"))[:_MAX_ID_CHARS]
    held["branch"] = text(get(meta, "git", "branch"))[:_MAX_ID_CHARS]
    if subagent is not None or session != thread:
        held["agent"] = thread
    # Normalised at once: the state is stored, and a URL may carry a password.
    if remote := normalise_remote(text(get(meta, "git", "repository_url"))[:1_000]):
        held["remote"] = f"https://{remote}"


def _turn(context: dict[str, Any], held: dict[str, Any]) -> None:
    held["model"] = text(context.get("model"))[:_MAX_ID_CHARS]
    if cwd := text(context.get("cwd")):
        held["cwd"] = cwd[:4_096]


def _facts(held: dict[str, Any]) -> SessionFacts | None:
    if not held.get("session"):
        return None
    return SessionFacts(
        session_id=held["session"],
        agent=AGENT,
        agent_version=text(held.get("version")),
        cwd=text(held.get("cwd")),
        git_branch=text(held.get("branch")),
    )


class _Line:
    """Turn the payload of one record into events."""

    __slots__ = ("agent_id", "at", "held", "line", "model", "payload")

    def __init__(
        self, payload: dict[str, Any], *, line: bytes, at: datetime | None, held: dict[str, Any]
    ) -> None:
        self.payload, self.line, self.at, self.held = payload, line, at, held
        self.agent_id, self.model = text(held.get("agent")), text(held.get("model"))

    def events(self, kind: str) -> Iterator[Event]:
        """Yield what the record says."""
        if kind == "response_item":
            yield from self._item()
        elif kind == "event_msg":
            yield from self._event()
        elif kind == "compacted":
            yield self._made(EventKind.COMPACTION, text=text(self.payload.get("message")))
        elif kind == "token_usage_record":
            yield from self._used(tokens.of_record(self.payload, self.held))

    def _item(self) -> Iterator[Event]:
        # The earliest clients left the type of a message out.
        kind = text(self.payload.get("type")) or ("message" if "role" in self.payload else "")
        if kind == "message":
            yield from self._message()
        elif call := calls.read_call(kind, self.payload, held=self.held):
            yield self._made(
                EventKind.TOOL_CALL,
                text=call.text,
                tool_name=call.tool,
                tool_call_id=call.call_id,
                request_model=self.model,
                data=call.data,
            )
        if result := calls.read_result(kind, self.payload, held=self.held):
            yield self._made(
                EventKind.TOOL_RESULT,
                text=result.outcome.text,
                tool_name=result.tool,
                tool_call_id=result.call_id,
                status=result.outcome.status,
                exit_code=result.outcome.exit_code,
            )

    def _message(self) -> Iterator[Event]:
        role = self.payload.get("role")
        if role == "user" and (typed := prompts.typed(self.payload)):
            # What a subagent is told comes from the agent that called it.
            yield self._made(EventKind.SYSTEM if self.agent_id else EventKind.PROMPT, text=typed)
        elif role == "assistant" and (said := content_text(self.payload.get("content"))).strip():
            yield self._made(EventKind.ASSISTANT, text=said, request_model=self.model)

    def _event(self) -> Iterator[Event]:
        kind = text(self.payload.get("type"))
        if kind == "token_count":
            yield from self._used(tokens.of_count(self.payload, self.held, line=self.line))
        elif kind == "turn_aborted" and self.payload.get("reason") == "interrupted":
            turn = text(self.payload.get("turn_id"))
            native = f"{turn}:aborted" if len(turn) >= _MIN_UNIQUE_ID_CHARS else self._native(self.payload)
            yield self._made(EventKind.INTERRUPT, text="interrupted", native=native)
        elif kind in ("error", "stream_error") and text(self.payload.get("message")):
            yield self._made(EventKind.SYSTEM, text=text(self.payload.get("message")))
        else:
            calls.note_end(kind, self.payload, held=self.held)

    def _used(self, usage: tokens.Used | None) -> Iterator[Event]:
        if usage is not None:
            yield self._made(
                EventKind.USAGE, native=usage.native, request_model=self.model, usage=usage.usage
            )

    def _made(self, kind: EventKind, *, native: str = "", **fields: Any) -> Event:
        native = native or self._native(self.payload)
        return Event(kind=kind, native_id=native, at=self.at, agent_id=self.agent_id, **fields)

    def _native(self, payload: dict[str, Any]) -> str:
        for key in ("id", "call_id"):
            given = payload.get(key)
            if isinstance(given, str) and len(given) >= _MIN_UNIQUE_ID_CHARS:
                return given[:_MAX_ID_CHARS]
        return "~" + blake2b(self.line, digest_size=12).hexdigest()
