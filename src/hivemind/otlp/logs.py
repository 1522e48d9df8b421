"""Read log records as what a span would have said: messages, evaluations and feedback.

By OpenTelemetry's conventions the contents of a request to a model may be log records beside its span. They
are read by the same conventions, and what both say is stored once, as it is known by its words.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from hivemind.otlp import conventions
from hivemind.otlp.conventions import claude_code
from hivemind.otlp.conventions.base import as_text, decoded
from hivemind.otlp.conventions.frameworks import OUTCOME_EVENTS
from hivemind.otlp.conventions.genai import DETAILS, EVALUATION, EXCEPTION, MESSAGES
from hivemind.otlp.conversation import Said, digest
from hivemind.otlp.spans import LogRecord, Span, SpanEvent, SpanStatus

_CONTENTS = frozenset({"gen_ai.input.messages", "gen_ai.output.messages"})
_OUTCOMES = frozenset({"hivemind.outcome", "hivemind.reward"})
_ANSWER, _CONVERSATION = "gen_ai.choice", "gen_ai.conversation.id"
#: What was asked stands before what was answered, also where one record tells both; stores know microseconds.
_MOMENT_NS = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """Hold what log records say, and count those that say nothing of an agent's work."""

    said: tuple[Said, ...]
    unmapped: Counter[str] = field(default_factory=Counter)  #: by instrumentation


def read(records: Sequence[LogRecord]) -> Told:
    """Read log records; those of one request to a model, a record a message, are read together."""
    unmapped: Counter[str] = Counter()
    groups: defaultdict[tuple[str, ...], list[LogRecord]] = defaultdict(list)
    said: dict[str, Said] = {}
    for record in records:
        if record.name in MESSAGES:
            conversation = as_text(record.attributes.get(_CONVERSATION))
            groups[record.trace_id, record.span_id, conversation, record.scope].append(record)
        else:
            one = _said(_span([record])) if _is_of_work(record) else None
            if one is None:
                unmapped[record.scope] += 1
            else:
                said.setdefault(one.span.log_id, one)
    for group in groups.values():
        for request in _requests(group):
            one = _said(_span(request), records=len(request))
            if one is None:
                unmapped[request[0].scope] += len(request)
            else:
                said.setdefault(one.span.log_id, one)
    return Told(said=tuple(said.values()), unmapped=unmapped)


def _is_of_work(record: LogRecord) -> bool:
    """Say whether a record is an event that says something; a line of a log may have any attributes."""
    if claude_code.is_event(record.scope, record.name):
        return True
    named = record.name in (DETAILS, EVALUATION, EXCEPTION) or record.name in OUTCOME_EVENTS
    return named or not (_CONTENTS | _OUTCOMES).isdisjoint(record.attributes)


def _said(span: Span, *, records: int = 1) -> Said | None:
    reading = conventions.read(span)
    if reading is None or (reading.work is None and not reading.verdicts):
        return None
    return Said(span=span, reading=reading, records=records)


def _requests(records: Iterable[LogRecord]) -> Iterator[list[LogRecord]]:
    """Part the messages of a span by request: what follows an answer is of the next one."""
    request: list[LogRecord] = []
    for record in sorted(records, key=lambda r: r.at_ns):
        if request and request[-1].name == _ANSWER and record.name != _ANSWER:
            yield request
            request = []
        request.append(record)
    if request:
        yield request


def _span(records: Sequence[LogRecord]) -> Span:
    """Give the span that would have said the same."""
    first, last = records[0], records[-1]
    whole = [[r.name, r.at_ns, dict(r.attributes), r.body] for r in records]
    told = json.dumps([first.trace_id, first.span_id, whole], default=str, sort_keys=True)
    log_id = digest(told)
    attributes: dict[str, Any] = {}
    for record in reversed(records):
        attributes.update(record.attributes)
    attributes.pop("event.name", None)
    is_whole = first.name not in MESSAGES and first.name not in OUTCOME_EVENTS
    if is_whole:
        attributes = {**_fields(first.body), **attributes}
    span = Span(
        trace_id=first.trace_id,
        span_id=first.span_id or log_id[:16],
        name=first.name,
        start_ns=min(first.at_ns, last.at_ns - _MOMENT_NS),
        end_ns=last.at_ns,
        attributes=attributes,
        # What a record says as an attribute, a span does, too; what it is by its name is an event.
        events=() if is_whole else tuple(_event(record) for record in records),
        resource=first.resource,
        scope=first.scope,
        log_id=log_id,
    )
    failed = attributes.get("error.type") or attributes.get("exception.type")
    if failed is None or not is_whole or first.name == EVALUATION:
        return span
    why = as_text(attributes.get("exception.message"))
    message = ": ".join(part for part in (as_text(failed), why) if part)
    return replace(span, status=SpanStatus.ERROR, status_message=message)


def _event(record: LogRecord) -> SpanEvent:
    return SpanEvent(
        name=record.name, at_ns=record.at_ns, attributes={**record.attributes, **_fields(record.body)}
    )


def _fields(body: Any) -> Mapping[str, Any]:
    """Give what a body says by name; a text is a message's content."""
    body = decoded(body)
    if isinstance(body, dict):
        return body
    return {} if body is None else {"content": body}
