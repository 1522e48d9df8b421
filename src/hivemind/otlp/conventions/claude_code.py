"""What Claude Code says of its sessions: events as log records, and beside them spans (a beta).

https://code.claude.com/docs/en/monitoring-usage (2026-11-23), and recorded of version 2.1.330. What was said,
run and used is in the records, and only there taken up: spans repeat some of it, and are kept as they are.
"""

from hivemind.otlp.conventions.base import Attributes, Message, Reading, Role, Tokens, ToolRun, Work, decoded
from hivemind.otlp.spans import Span

_SCOPE = "com.anthropic.claude_code."
#: How the names of its events and spans begin.
_PREFIX = "claude_code."
#: What stands in place of a text that is kept back.
_KEPT_BACK = "<REDACTED>"


def is_event(scope: str, name: str) -> bool:
    """Say whether a log record is one of its events that are about the work, and not about the program."""
    return scope.startswith(_SCOPE) and name.removeprefix(_PREFIX) in _READERS


def is_its(span: Span) -> bool:
    """Say whether a span, or what a record told, is of Claude Code."""
    return span.scope.startswith(_SCOPE)


def read(span: Span) -> Reading | None:
    """Read one of its events or spans; None for those of others."""
    if not is_its(span):
        return None
    a = Attributes(span)
    session = a.text("session.id", "gen_ai.conversation.id")
    a.note("content")  # a record's body is its name once more
    reader = _READERS.get(span.name.removeprefix(_PREFIX)) if span.log_id else None
    return (reader or _aside)(a, session)


def _prompt(a: Attributes, session: str) -> Reading:
    text = _told(a.text("prompt", "prompt_text"))
    said = (Message(role=Role.USER, text=text),) if text else ()
    a.note("prompt_length")
    return Reading(
        work=Work.CHAT,
        conversation_id=session,
        inputs=said,
        said_once=a.text("message.uuid", "prompt.id"),
        used=frozenset(a.used),
    )


def _response(a: Attributes, session: str) -> Reading:
    text = _told(a.text("response"))
    a.note("response_length")
    return Reading(
        work=Work.CHAT,
        conversation_id=session,
        provider="anthropic",
        model=a.text("model"),
        outputs=(Message(role=Role.ASSISTANT, text=text),) if text else (),
        said_once=a.text("message.uuid"),
        used=frozenset(a.used),
    )


def _request(a: Attributes, session: str) -> Reading:
    read, written = a.count("cache_read_tokens"), a.count("cache_creation_tokens")
    # It counts what came from a cache apart; by OpenTelemetry's conventions the input has it, too.
    whole = (a.count("input_tokens") or 0) + (read or 0) + (written or 0)
    return Reading(
        work=Work.CHAT,
        conversation_id=session,
        provider="anthropic",
        model=a.text("model"),
        response_id=a.text("request_id"),
        said_once=_moment(a),
        tokens=Tokens(input=whole, output=a.count("output_tokens"), cache_read=read, cache_write=written),
        used=frozenset(a.used),
    )


def _failure(a: Attributes, session: str) -> Reading:
    return Reading(
        work=Work.CHAT,
        conversation_id=session,
        provider="anthropic",
        model=a.text("model"),
        said_once=_moment(a),
        error=": ".join(part for part in (a.text("status_code"), a.text("error")) if part) or "error",
        used=frozenset(a.used),
    )


def _tool_result(a: Attributes, session: str) -> Reading:
    failed = a.text("success") == "false"
    error = ": ".join(part for part in (a.text("error_type"), a.text("error")) if part)
    given = a.take("tool_input")
    if given is None:
        given = a.take("tool_parameters")
    a.note("tool_parameters")
    return Reading(
        work=Work.TOOL,
        conversation_id=session,
        tool=ToolRun(name=a.text("tool_name"), call_id=a.text("tool_use_id"), arguments=decoded(given)),
        error=(error or "error") if failed else "",
        used=frozenset(a.used),
    )


def _aside(a: Attributes, session: str) -> Reading:
    return Reading(work=Work.ASIDE, conversation_id=session, used=frozenset(a.used))


def _moment(a: Attributes) -> str:
    """Name an event that has no id of its own: the records of a turn all name the turn's span."""
    return f"{a.text('event.timestamp')}.{a.text('event.sequence')}"


def _told(text: str) -> str:
    return "" if text == _KEPT_BACK else text


_READERS = {
    "user_prompt": _prompt,
    "assistant_response": _response,
    "api_request": _request,
    "api_error": _failure,
    "tool_result": _tool_result,
    "tool_decision": _aside,
}
