"""Read Copilot CLI's sessions: JSON Lines of typed events, subagents among them.

Formats 0.0.420 to 1.0.102 were seen. What was put into a prompt for the model stands beside what the person
wrote, and what a hook put in stands in the hook's own events, which are left out.
"""

import re
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import orjson

from hivemind.agents import pending_calls, transcript_file
from hivemind.agents.base import LineResult, ReaderState
from hivemind.agents.client_blocks import without
from hivemind.agents.copilot import usage
from hivemind.agents.native_id import native
from hivemind.agents.values import content_text, elements, exit_code, get, mapping, text, time
from hivemind.domain.events import Event, EventKind, ResultStatus, SessionFacts
from hivemind.domain.projects import normalise_remote

AGENT: Final = "copilot"
SHELL_TOOLS: Final = frozenset({"bash", "powershell", "shell", "local_shell"})
EDIT_TOOLS: Final = frozenset({"create", "edit", "str_replace", "apply_patch", "str_replace_editor"})
#: Tools that give what a command in the background has printed so far, with its exit code once it has one.
_READING_TOOLS = frozenset({"read_bash", "write_bash", "read_powershell", "write_powershell"})
#: So much of an id or a tool's name is remembered, in characters.
MAX_ID_CHARS: Final = 200

_EXIT_CODE = re.compile(r"(?:completed|exited) with exit code (-?\d{1,10})>|^exit code: (-?\d{1,10})$", re.M)
_REPOSITORY = re.compile(r"[\w.-]{1,200}(?:/[\w.-]{1,200}){2,5}", re.ASCII)
_GUIDANCE = re.compile(r"\n\nTool \"[^\"\n]{1,200}\" \w+\. Additional guidance from postToolUse hooks:\n")
_DENIED = frozenset({"denied", "rejected"})
_CANCELLED = frozenset({"cancelled", "canceled", "aborted", "interrupted"})
_DENIAL = re.compile(
    r"Permission (?:denied|to run this tool was denied)|The user rejected this tool call"
    r"|Command not executed\."
)
_PATH_KEYS = ("path", "file_path", "pattern", "url", "query", "skill", "description", "prompt", "command")
#: So much of a result's end is searched for an exit code, in characters.
_END_CHARS = 4_000


def transcripts(root: Path) -> Iterator[Path]:
    """Yield sessions below a folder; a session's folder also holds what the agent made, which is none."""
    for path in transcript_file.transcripts(root):
        inside = path.parts[::-1]
        depth = inside.index("session-state") if "session-state" in inside else 0
        if depth < 2 or (depth == 2 and path.name.startswith("events.jsonl")):
            yield path


def companions(transcript: Path) -> Iterator[Path]:  # noqa: ARG001
    """Yield nothing: a subagent's events are in its session's file."""
    yield from ()


def recognises(first_lines: list[Any]) -> bool:
    """Say whether decoded lines are a session of Copilot CLI, whatever the file is called."""
    return any(
        get(record, "type") in ("session.start", "session.resume") and isinstance(record.get("data"), dict)
        for record in first_lines
    )


def read_line(record: Any, *, line: bytes, state: ReaderState) -> LineResult:  # noqa: ARG001
    """Turn one decoded record into events; records of other types, and malformed ones, yield none."""
    data = get(record, "data")
    native_id = native(get(record, "id"))
    if not isinstance(data, dict) or not native_id:
        return LineResult()
    kind = text(record.get("type"))
    facts = _facts(kind, data, state)
    reader = _Record(data, record, native_id=native_id, state=state)
    return LineResult(events=tuple(reader.events(kind)), facts=facts)


def _facts(kind: str, data: dict[str, Any], state: ReaderState) -> SessionFacts | None:
    if kind == "session.start":
        state.values["session"] = text(data.get("sessionId"))[:MAX_ID_CHARS]
    elif kind not in ("session.resume", "session.context_changed"):
        return None
    session_id = text(data.get("sessionId")) or text(state.values.get("session"))
    context = data if kind == "session.context_changed" else mapping(data.get("context"))
    _note_remote(context, state)
    if not session_id:
        return None
    return SessionFacts(
        session_id=session_id,
        agent=AGENT,
        agent_version=text(data.get("copilotVersion")),
        cwd=text(context.get("cwd")),
        git_branch=text(context.get("branch")),
    )


def _note_remote(context: dict[str, Any], state: ReaderState) -> None:
    place = f"{text(context.get('repositoryHost')) or 'github.com'}/{text(context.get('repository'))}"
    # Names only: the state is stored, and no password may come into it.
    if "remote" not in state.values and _REPOSITORY.fullmatch(place):
        state.values["remote"] = f"https://{normalise_remote(f'https://{place}')}"


class _Record:
    """Give the events of one record."""

    def __init__(
        self, data: dict[str, Any], record: dict[str, Any], *, native_id: str, state: ReaderState
    ) -> None:
        self.data = data
        self.native_id = native_id
        self.at: datetime | None = time(record.get("timestamp"))
        self.agent_id = text(record.get("agentId")) or text(data.get("parentToolCallId"))
        self.state = state

    def events(self, kind: str) -> Iterator[Event]:
        """Yield what a record of this type holds."""
        match kind:
            case "user.message":
                yield from self._user()
            case "assistant.message":
                yield from self._assistant()
            case "tool.execution_start":
                yield from self._call(
                    self.data, name=text(self.data.get("toolName")), native_id=self.native_id
                )
            case "tool.execution_complete":
                yield self._result()
            case "session.usage_record" | "session.shutdown":
                yield from self._usage(kind)
            case "session.compaction_complete":
                yield from self._compaction()
            case "abort":
                yield self._event(EventKind.INTERRUPT, text(self.data.get("reason")))
            case "system.notification":
                yield self._event(EventKind.SYSTEM, text(self.data.get("content")))
            case "session.error" | "session.warning":
                yield self._event(EventKind.SYSTEM, text(self.data.get("message")))

    def _event(self, kind: EventKind, said: str, *, model: str = "") -> Event:
        return Event(
            kind=kind,
            native_id=self.native_id,
            text=said,
            at=self.at,
            agent_id=self.agent_id,
            request_model=model,
        )

    def _user(self) -> Iterator[Event]:
        said = without(text(self.data.get("content")), "hivemind-skills", "system_reminder").strip()
        if not said:
            return
        # `source` names who wrote it where that was not the person: a skill, another agent, the client.
        by_client = bool(text(self.data.get("source")) not in ("", "user") or self.agent_id)
        by_client = by_client or self.data.get("isAutopilotContinuation") is True
        by_client = by_client or said.startswith("<system_notification>")
        yield self._event(EventKind.SYSTEM if by_client else EventKind.PROMPT, said)

    def _assistant(self) -> Iterator[Event]:
        model, said = text(self.data.get("model")), text(self.data.get("content"))
        if said.strip():
            yield self._event(EventKind.ASSISTANT, said, model=model)
        for index, request in enumerate(elements(self.data.get("toolRequests"))):
            if isinstance(request, dict):
                native_id = f"{self.native_id}#{index}"
                yield from self._call(request, name=text(request.get("name")), native_id=native_id)
        if found := usage.of_message(self.data, native_id=self.native_id, state=self.state):
            yield self._counted(found)

    def _usage(self, kind: str) -> Iterator[Event]:
        read = usage.of_record if kind == "session.usage_record" else usage.of_shutdown
        for found in read(self.data, native_id=self.native_id, state=self.state):
            yield self._counted(found)

    def _counted(self, found: usage.Counted) -> Event:
        return Event(
            kind=EventKind.USAGE,
            native_id=found.usage.message_id,
            at=self.at,
            agent_id=self.agent_id or found.agent_id,
            request_model=found.model,
            usage=found.usage,
        )

    def _compaction(self) -> Iterator[Event]:
        if self.data.get("success") is True:
            yield self._event(EventKind.COMPACTION, text(self.data.get("summaryContent")))
        if found := usage.of_compaction(self.data, native_id=self.native_id):
            yield self._counted(found)

    def _call(self, call: dict[str, Any], *, name: str, native_id: str) -> Iterator[Event]:
        call_id = text(call.get("toolCallId"))
        if pending_calls.is_known(self.state, call_id):
            return  # both the message that asks for a call and the call's start tell of it
        pending_calls.remember(self.state, call_id, name)
        data = _arguments(call.get("arguments"))
        yield Event(
            kind=EventKind.TOOL_CALL,
            native_id=native_id,
            text=_call_text(name, data),
            at=self.at,
            agent_id=self.agent_id,
            tool_name=name,
            tool_call_id=call_id,
            request_model=text(call.get("model")) or text(self.data.get("model")),
            data=data,
        )

    def _result(self) -> Event:
        call_id = text(self.data.get("toolCallId"))
        name = pending_calls.take(self.state, call_id)
        said = _result_text(self.data)
        code = None
        if name in SHELL_TOOLS or name in _READING_TOOLS or get(self.data, "shellExecution"):
            code = _stated_exit_code(self.data, said)
        return Event(
            kind=EventKind.TOOL_RESULT,
            native_id=self.native_id,
            text=said,
            at=self.at,
            agent_id=self.agent_id,
            tool_name=name,
            tool_call_id=call_id,
            status=_status(self.data, said, code=code, is_shell=name in SHELL_TOOLS),
            exit_code=code,
        )


def _arguments(given: Any) -> dict[str, Any]:
    if isinstance(given, str):  # up to 1.0.77 some models' arguments are JSON in a string
        try:
            parsed = orjson.loads(given)
        except orjson.JSONDecodeError:
            parsed = None
        given = parsed if isinstance(parsed, dict) else given
    return given if isinstance(given, dict) else {"arguments": given}


def _call_text(name: str, data: dict[str, Any]) -> str:
    if name in SHELL_TOOLS:
        return text(data.get("command"))
    return next((text(data.get(key)) for key in _PATH_KEYS if text(data.get(key))), "")


def _result_text(data: dict[str, Any]) -> str:
    said = text(get(data, "result", "content")) or content_text(get(data, "result", "contents"))
    said = said or text(get(data, "error", "message"))
    guidance = _GUIDANCE.search(said)
    return said[: guidance.start()] if guidance else said


def _stated_exit_code(data: dict[str, Any], said: str) -> int | None:
    """Read the exit code of a command: from its field, since 1.0.9x, else from the end of its output."""
    code = exit_code(get(data, "shellExecution", "exitCode"))
    if code is not None:
        return code
    measured = get(data, "toolTelemetry", "metrics", "exit_code")
    if isinstance(measured, float) and measured.is_integer():
        measured = int(measured)
    if (code := exit_code(measured)) is not None:
        return code
    stated = None
    for found in _EXIT_CODE.finditer(said[-_END_CHARS:]):
        stated = found
    return int(stated.group(1) or stated.group(2)) if stated else None


def _status(data: dict[str, Any], said: str, *, code: int | None, is_shell: bool) -> ResultStatus:
    failure = text(get(data, "error", "code"))
    if failure in _DENIED or (data.get("success") is False and _DENIAL.match(said)):
        return ResultStatus.DENIED
    if failure in _CANCELLED:
        return ResultStatus.CANCELLED
    if data.get("success") is False or code:
        return ResultStatus.ERROR
    if data.get("success") is not True or (is_shell and code is None):
        return ResultStatus.UNKNOWN  # a command that failed is a success of its tool
    return ResultStatus.OK
