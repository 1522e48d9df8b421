"""Make events of the spans of one conversation, in order, with ids that are the same however often they come.

A request to a model repeats all that was said before. A message is therefore known by its words and by how
many equal ones stand before it: it is one event, whichever spans have it and in which order they came.
"""

import json
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from hivemind.domain.events import Event, EventKind, ResultStatus, Usage, event_id
from hivemind.otlp.conventions.base import (
    Call,
    Message,
    Role,
    Tokens,
    Verdict,
    Work,
    as_text,
    decoded,
    mapping,
)
from hivemind.otlp.conventions.messages import messages_of
from hivemind.otlp.conversation import Conversation, Said, digest
from hivemind.otlp.spans import Span, SpanStatus, moment
from hivemind.otlp.talk import Talk, native, opening

#: What is kept of a span's other attributes: so many, of so many characters each.
MAX_KEPT, MAX_KEPT_CHARS = 200, 4_000
#: So many calls of a tool are compared with a run that names none.
MAX_COMPARED = 100
#: Under these keys the record of what log records told has which events they told, and what was asked first.
TOLD, OPENING = "told", "opening"
#: Under this key a tool's input is kept that is no object.
INPUT = "input"
_ASKED_KEYS = ("input", "question", "query", "prompt", "message", "text", "user_input", "task")


@dataclass(slots=True, kw_only=True)
class Placed:
    """Hold an event with its time in nanoseconds; `exact` where it was said then, and not repeated then."""

    event: Event
    at_ns: int
    exact: bool
    trace_id: str


@dataclass(slots=True, kw_only=True)
class Known:
    """Answer what is stored of a session; nothing is, where nobody says otherwise."""

    #: The data of a stored event, None where it is not stored.
    data: Callable[[str], Mapping[str, Any] | None] = lambda _event_id: None
    #: Calls without a result, as (tool, id, input).
    unanswered: Callable[[], Sequence[tuple[str, str, Any]]] = tuple
    #: Whether a person asked for something.
    is_asked: Callable[[], bool] = lambda: False


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """Pair a verdict with the event that it is about."""

    verdict: Verdict
    at_ns: int
    event_id: str  #: empty where it is about whatever was asked last


@dataclass(frozen=True, slots=True, kw_only=True)
class Mapped:
    """Hold the events of one conversation, and what was said of how it went."""

    events: tuple[tuple[str, Placed], ...]  #: with the id under which each is stored
    judged: tuple[Judged, ...]


def record_event_id(span: Span) -> str:
    """Give the id of the event that says a span, or what log records told of one, was taken up."""
    return event_id(session_id="", native_id=_record_native(span), kind=EventKind.SYSTEM)


def span_event_id(span: Span) -> str:
    """Give the id of the event that says the span itself was taken up."""
    return record_event_id(replace(span, log_id=""))


def _record_native(span: Span) -> str:
    return f"otel.log.{span.log_id}" if span.log_id else f"otel.{span.trace_id}.{span.span_id}"


def map_conversation(conversation: Conversation, *, known: Known) -> Mapped:
    """Give the events of a conversation's spans, the earliest first."""
    mapper = _Mapper(conversation, known)
    by_work: dict[Work | None, list[Said]] = {}
    for one in conversation.said:
        by_work.setdefault(one.reading.work, []).append(one)
    # Requests tell most exactly who said what when; what spans around them tell is filled in.
    for one in by_work.get(Work.CHAT, ()):
        mapper.chat(one)
    for one in by_work.get(Work.TOOL, ()):
        mapper.tool(one)
    for one in by_work.get(Work.AGENT, ()):
        mapper.around(one)
    for one in conversation.said:
        mapper.record(one)
    return mapper.result()


@dataclass(slots=True)
class _Mapper:
    conversation: Conversation
    known: Known
    placed: dict[str, Placed] = field(default_factory=dict)
    judged: list[Judged] = field(default_factory=list)
    _scopes: dict[tuple[str, str], str] = field(default_factory=dict)
    _made: dict[str, str] = field(default_factory=dict)  #: the trace that made each prompt, in this batch
    _waits: dict[str, list["_Waiting"]] | None = None  #: by tool
    _run: set[str] = field(default_factory=set)  #: calls of which the run is known
    _by_logs: defaultdict[str, list[str]] = field(default_factory=lambda: defaultdict(list))  #: by log_id

    def result(self) -> Mapped:
        events = sorted(self.placed.items(), key=lambda pair: pair[1].at_ns)
        return Mapped(events=tuple(events), judged=tuple(sorted(self.judged, key=lambda j: j.at_ns)))

    def key(self, kind: EventKind, native_id: str) -> str:
        return event_id(session_id=self.conversation.session_id, native_id=native_id, kind=kind)

    def put(
        self, one: Said, kind: EventKind, native_id: str, *, at_ns: int, exact: bool, **values: Any
    ) -> str:
        """Place an event; of one that is there already keep what is known best."""
        key = self.key(kind, native_id)
        held = self.placed.get(key)
        if held is None:
            event = Event(kind=kind, native_id=native_id, agent_id=one.agent_id, **values)
            self.placed[key] = Placed(event=event, at_ns=at_ns, exact=exact, trace_id=one.span.trace_id)
            if one.span.log_id:
                self._by_logs[one.span.log_id].append(native_id)
            return key
        if exact and (not held.exact or at_ns < held.at_ns):
            held.at_ns, held.exact = at_ns, True
        if values.get("status") and held.event.status in (None, ResultStatus.UNKNOWN):
            held.event = replace(held.event, status=values["status"], text=values["text"] or held.event.text)
        return key

    # -- requests to a model

    def chat(self, one: Said) -> None:
        """Place what a request held, what came back, and what it cost."""
        span, reading = one.span, one.reading
        inputs = reading.inputs or messages_of(reading.asked)
        outputs = reading.outputs or messages_of(reading.answered, default=Role.ASSISTANT)
        self._talk(one, inputs, outputs)
        if reading.tokens is not None and not one.is_inner:
            self._usage(one, reading.tokens)
        if reading.tools:
            told = as_text(reading.tools)
            data = {"tools": list(reading.tools)}
            at_ns = span.start_ns
            self.put(one, EventKind.SYSTEM, f"~tools.{digest(told)}", at_ns=at_ns, exact=True, data=data)
        if reading.error:
            self.put(
                one,
                EventKind.SYSTEM,
                f"~error.{reading.said_once or span.span_id}",
                at_ns=_end(span),
                exact=True,
                text=f"the request to the model failed: {reading.error}",
            )

    def _talk(self, one: Said, inputs: Sequence[Message], outputs: Sequence[Message]) -> None:
        scope = self._scope(one, inputs)
        said = Talk(scope)
        start, end = one.span.start_ns, _end(one.span)
        last = max((n for n, m in enumerate(inputs) if m.role is Role.ASSISTANT), default=-1)
        for n, message in enumerate(inputs):
            # What stands behind the last answer is new here; the rest is repeated.
            exact = n > last and message.role is not Role.TOOL
            self._message(one, message, said=said, at_ns=start, exact=exact)
        for message in outputs:
            self._message(one, message, said=said, at_ns=end, exact=True)

    def _scope(self, one: Said, inputs: Sequence[Message]) -> str:
        """Say by which trace this talk's messages are told apart from equal ones; empty for none.

        What another trace of the conversation opened with, word by word, and nothing behind it, was asked
        again, and not repeated from what was said before.
        """
        if one.reading.said_once:
            return one.reading.said_once
        trace_id = one.span.trace_id
        if self.conversation.session_id.endswith(trace_id):
            return ""
        answered = next(
            (n for n, m in enumerate(inputs) if m.role in (Role.ASSISTANT, Role.TOOL)), len(inputs)
        )
        opening = [m for m in inputs[:answered] if m.role is Role.USER]
        if not opening:
            return ""
        asked = digest("\n\0".join(m.text.strip() for m in opening))
        found = self._scopes.get((trace_id, asked))
        if found is not None:
            return found
        first = digest(opening[-1].text.strip())
        count = sum(m.text.strip() == opening[-1].text.strip() for m in opening) - 1
        plain = self.key(EventKind.PROMPT, native("", Role.USER, first, count))
        scoped = self.key(EventKind.PROMPT, native(trace_id, Role.USER, first, count))
        maker = self._maker(plain)
        again = maker is not None and maker != trace_id and answered == len(inputs)
        scope = trace_id if self._maker(scoped) is not None or again else ""
        self._scopes[trace_id, asked] = scope
        self._made.setdefault(scoped if scope else plain, trace_id)
        return scope

    def _maker(self, key: str) -> str | None:
        if key in self._made:
            return self._made[key]
        data = self.known.data(key)
        return None if data is None else as_text(data.get("trace"))

    def _message(self, one: Said, message: Message, *, said: Talk, at_ns: int, exact: bool) -> None:
        model, text = one.reading.model, message.text.strip()
        put = partial(self.put, one, at_ns=at_ns, exact=exact)
        match message.role:
            case Role.SYSTEM:
                if text:
                    native = f"~system.{digest(text)}"
                    put(EventKind.SYSTEM, native, text=text, data={"role": "system"})
            case Role.USER if text:
                data = (
                    {"trace": one.span.trace_id}
                    if one.span.trace_id not in self.conversation.session_id
                    else {}
                )
                put(EventKind.PROMPT, said.native(Role.USER, text), text=text, data=data)
            case Role.ASSISTANT:
                if text:
                    native = said.native(Role.ASSISTANT, text)
                    put(EventKind.ASSISTANT, native, text=text, request_model=model)
                for call in message.calls:
                    call_id = call.call_id or said.unnamed(call)
                    said.asked.append((call_id, call.name))
                    self._call(one, call, call_id=call_id, at_ns=at_ns, exact=exact)
            case Role.TOOL:
                self._answer(one, message, said=said, at_ns=at_ns, exact=exact)

    def _call(self, one: Said, call: Call, *, call_id: str, at_ns: int, exact: bool) -> None:
        data = input_of(call.arguments)
        self.put(
            one,
            EventKind.TOOL_CALL,
            f"~call.{call_id}",
            at_ns=at_ns,
            exact=exact,
            text=_call_text(call.arguments, data),
            data=data,
            tool_name=call.name,
            tool_call_id=call_id,
            request_model=one.reading.model,
        )

    def _answer(self, one: Said, message: Message, *, said: Talk, at_ns: int, exact: bool) -> None:
        call_id = message.call_id or said.waiting(message.name)
        names = dict(said.asked)
        said.answered.add(call_id)
        self.put(
            one,
            EventKind.TOOL_RESULT,
            f"~result.{call_id}" if call_id else said.native(Role.TOOL, message.text),
            at_ns=at_ns,
            exact=exact,
            text=message.text,
            tool_name=message.name or names.get(call_id, ""),
            tool_call_id=call_id,
            status=ResultStatus.UNKNOWN,
        )

    def _usage(self, one: Said, tokens: Tokens) -> None:
        read, written = tokens.cache_read or 0, tokens.cache_write or 0
        whole = tokens.input or 0
        native = f"~usage.{one.reading.said_once or one.span.span_id}"
        self.put(
            one,
            EventKind.USAGE,
            native,
            at_ns=_end(one.span),
            exact=True,
            request_model=one.reading.model,
            usage=Usage(
                message_id=one.reading.response_id or one.span.span_id,
                # By the conventions the input counts what came from a cache, too.
                input_tokens=whole - read - written if whole >= read + written else whole,
                output_tokens=tokens.output or 0,
                cache_read_tokens=read,
                cache_write_tokens=written,
            ),
        )

    # -- tools

    def tool(self, one: Said) -> None:
        """Place a tool's call and its result."""
        run, span = one.reading.tool, one.span
        if run is None or one.is_inner:
            return
        data = input_of(run.arguments)
        call_id = run.call_id or self._waiting(run.name, data, span.start_ns) or f"span.{span.span_id}"
        self._run.add(call_id)
        call = Call(
            name=run.name, arguments=run.arguments if run.arguments is not None else {}, call_id=call_id
        )
        self._call(one, call, call_id=call_id, at_ns=span.start_ns, exact=True)
        failed = span.status is SpanStatus.ERROR or bool(one.reading.error)
        self.put(
            one,
            EventKind.TOOL_RESULT,
            f"~result.{call_id}",
            at_ns=_end(span),
            exact=True,
            text=run.result or one.reading.error,
            tool_name=run.name,
            tool_call_id=call_id,
            # Who instruments a tool sets the status where it failed, and most leave it alone where it worked.
            status=ResultStatus.ERROR if failed else ResultStatus.OK,
        )

    def _waiting(self, name: str, data: dict[str, Any], start_ns: int) -> str:
        """Give the call that a tool's span ran, for a span that does not name it: one of the same input."""
        free = [
            call for call in self._calls_of(name) if call.call_id not in self._run and call.at_ns <= start_ns
        ][:MAX_COMPARED]
        # LangChain gives the only argument of a tool without its name.
        same = [c for c in free if c.data == data or [*c.data.values()] == [*data.values()]]
        return same[0].call_id if same else free[0].call_id if len(free) == 1 else ""

    def _calls_of(self, name: str) -> list["_Waiting"]:
        """Give the calls of a tool, the earliest first; requests were read before any tool."""
        if self._waits is None:
            self._waits = {}
            for its_name, call_id, its_data in self.known.unanswered():
                held = self._waits.setdefault(its_name, [])
                held.append(_Waiting(call_id=call_id, data=its_data or {}, at_ns=0))
            for placed in sorted(self.placed.values(), key=lambda p: p.at_ns):
                event = placed.event
                if event.kind is EventKind.TOOL_CALL:
                    held = self._waits.setdefault(event.tool_name, [])
                    call_id, data = event.tool_call_id, event.data
                    held.append(_Waiting(call_id=call_id, data=data, at_ns=placed.at_ns))
        # What ran is not looked at again.
        left = [call for call in self._waits.get(name, ()) if call.call_id not in self._run]
        self._waits[name] = left
        return left

    # -- what stands around them

    def around(self, one: Said) -> None:
        """Place what an agent's span repeats, where no request has told it."""
        reading, span = one.reading, one.span
        if reading.inputs or reading.outputs:
            self._told(one, [*reading.inputs, *reading.outputs])
        has_prompt = any(p.event.kind is EventKind.PROMPT for p in self.placed.values())
        if one.agent_id or has_prompt or self.known.is_asked():
            return
        asked = _asked(reading.asked)
        if asked:
            talk = Talk("")
            for message in asked:
                self._message(one, message, said=talk, at_ns=span.start_ns, exact=True)
            for message in messages_of(reading.answered, default=Role.ASSISTANT):
                self._message(one, message, said=talk, at_ns=_end(span), exact=True)

    def _told(self, one: Said, messages: Sequence[Message]) -> None:
        scope = self._scope(one, messages)
        said, start, end = Talk(scope), one.span.start_ns, _end(one.span)
        begun = False
        for message in messages:
            begun = begun or message.role is Role.ASSISTANT
            self._message(one, message, said=said, at_ns=end if begun else start, exact=False)

    def record(self, one: Said) -> None:
        """Place that a span was taken up, with what else it says, and what it says of how the work went."""
        span = one.span
        kept = {k: _cut(v) for k, v in list(_left(one))[:MAX_KEPT]}
        told: dict[str, Any] = {
            "trace_id": span.trace_id,
            "span_id": span.span_id,
            "parent_id": span.parent_id,
            "name": span.name[:300],
            "scope": span.scope,
            "work": one.reading.work.value if one.reading.work else "",
            "provider": one.reading.provider[:100],
            "duration_ms": max(0, (span.end_ns - span.start_ns) // 1_000_000),
            "attributes": kept,
            "events": [
                _cut({"name": e.name, **e.attributes})
                for e in span.events
                if not e.name.startswith("gen_ai.")
            ],
        }
        if span.log_id and span.trace_id and self.conversation.session_id.endswith(span.trace_id):
            told |= {
                TOLD: [*self._by_logs[span.log_id], _record_native(span)],
                OPENING: opening(one.reading.inputs),
            }
        data = {"span": {name: value for name, value in told.items() if value not in ("", {}, [])}}
        self.put(one, EventKind.SYSTEM, _record_native(span), at_ns=_end(span), exact=True, data=data)
        for verdict in one.reading.verdicts:
            about = one.about or self._asked_before(one)
            self.judged.append(Judged(verdict=verdict, at_ns=_end(span), event_id=about))

    def _asked_before(self, one: Said) -> str:
        """Give the prompt that was last when a span ended, of its trace first; empty where none is here."""
        before = [
            (p.trace_id == one.span.trace_id, p.at_ns, key)
            for key, p in self.placed.items()
            if p.event.kind is EventKind.PROMPT and not p.event.agent_id and p.at_ns <= _end(one.span)
        ]
        return max(before)[2] if before else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Waiting:
    """Hold a call of which the run is not known yet."""

    call_id: str
    data: dict[str, Any]
    at_ns: int


def input_of(arguments: Any) -> dict[str, Any]:
    """Give a call's input as an object."""
    given = decoded(arguments)
    if isinstance(given, dict):
        return given
    return {} if given in (None, "", []) else {INPUT: given}


def _call_text(arguments: Any, data: dict[str, Any]) -> str:
    for key in ("command", "cmd"):
        if isinstance(data.get(key), str):
            return str(data[key])
    return json.dumps(data, ensure_ascii=False, default=str) if data else as_text(arguments or "")


def _asked(text: str) -> tuple[Message, ...]:
    """Read what a whole run was given, of which only a text or some JSON is known."""
    given = decoded(text)
    if isinstance(given, dict) and not {"messages", "contents", "role"} & set(given):
        inner = mapping(given.get("kwargs")) or mapping(given.get("inputs")) or given
        said = next((inner[key] for key in _ASKED_KEYS if isinstance(inner.get(key), str | list)), None)
        return messages_of(said) if said is not None else ()
    return messages_of(text)


def _left(one: Said) -> list[tuple[str, Any]]:
    return [(k, v) for k, v in one.span.attributes.items() if k not in one.reading.used]


def _cut(value: Any) -> Any:
    if isinstance(value, str):
        return value if len(value) <= MAX_KEPT_CHARS else value[:MAX_KEPT_CHARS] + "…"
    if isinstance(value, dict | list):
        text = as_text(value)
        return value if len(text) <= MAX_KEPT_CHARS else text[:MAX_KEPT_CHARS] + "…"
    return value


def _end(span: Span) -> int:
    return max(span.start_ns, span.end_ns)


def timed(placed: Placed) -> Event:
    """Give an event with its time."""
    return replace(placed.event, at=moment(placed.at_ns))
