"""Tell the spans of an agent's work, in OTLP/JSON."""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from hivemind.capture.redaction import Redactor
from hivemind.otlp import receiver
from hivemind.otlp.reading import JSON, Signal
from hivemind.otlp.receiver import Answer
from hivemind.store.database import Database

START_NS = 1_790_000_000_000_000_000
SECOND_NS = 1_000_000_000
REDACTOR = Redactor()


def value(given: Any) -> dict[str, Any]:
    """Write a value as OTLP/JSON has it."""
    match given:
        case bool():
            return {"boolValue": given}
        case int():
            return {"intValue": str(given)}
        case float():
            return {"doubleValue": given}
        case list():
            return {"arrayValue": {"values": [value(item) for item in given]}}
        case dict():
            return {"kvlistValue": {"values": attributes(given)}}
    return {"stringValue": str(given)}


def attributes(given: dict[str, Any]) -> list[dict[str, Any]]:
    """Write attributes as OTLP/JSON has them."""
    return [{"key": key, "value": value(one)} for key, one in given.items()]


def hex_id(name: str, digits: int) -> str:
    """Make an id of a name."""
    return hashlib.sha256(name.encode()).hexdigest()[:digits]


@dataclass
class Trace:
    """Write down a trace, a second for each step."""

    name: str = "t1"
    conversation: str = ""
    at: int = 0
    spans: list[dict[str, Any]] = field(default_factory=list)
    history: list[dict[str, Any]] = field(default_factory=list)

    @property
    def trace_id(self) -> str:
        """Give the trace's id."""
        return hex_id(self.name, 32)

    def span(
        self,
        name: str,
        given: dict[str, Any],
        *,
        parent: str = "",
        failed: str = "",
        events: Sequence[tuple[str, dict[str, Any]]] = (),
        start: int | None = None,
    ) -> dict[str, Any]:
        """Write down a span that takes one step."""
        begun = self.at if start is None else start
        self.at += 1
        if self.conversation:
            given = {**given, "gen_ai.conversation.id": self.conversation}
        span = {
            "traceId": self.trace_id,
            "spanId": hex_id(f"{self.name}/{len(self.spans)}", 16),
            "parentSpanId": parent,
            "name": name,
            "startTimeUnixNano": str(START_NS + begun * SECOND_NS),
            "endTimeUnixNano": str(START_NS + self.at * SECOND_NS - 1_000_000),
            "attributes": attributes(given),
            "status": {"code": 2, "message": failed} if failed else {},
            "events": [
                {"name": n, "timeUnixNano": str(START_NS + self.at * SECOND_NS), "attributes": attributes(e)}
                for n, e in events
            ],
        }
        self.spans.append(span)
        return span

    def asks(self, text: str) -> Trace:
        """A person asks something."""
        self.history.append({"role": "user", "parts": [{"type": "text", "content": text}]})
        return self

    def model(
        self, text: str = "", *calls: tuple[str, str, dict[str, Any]], parent: str = ""
    ) -> dict[str, Any]:
        """The model answers with a text and calls, as (id, tool, input)."""
        parts: list[dict[str, Any]] = [{"type": "text", "content": text}] if text else []
        parts += [{"type": "tool_call", "id": i, "name": n, "arguments": a} for i, n, a in calls]
        answer = {"role": "assistant", "parts": parts}
        span = self.span(
            "chat m",
            {
                "gen_ai.operation.name": "chat",
                "gen_ai.provider.name": "openai",
                "gen_ai.request.model": "m-1",
                "gen_ai.usage.input_tokens": 100 + len(self.history),
                "gen_ai.usage.output_tokens": 10,
                "gen_ai.input.messages": json.dumps(self.history),
                "gen_ai.output.messages": json.dumps([answer]),
                "custom.attribute": "kept",
            },
            parent=parent,
        )
        self.history.append(answer)
        return span

    def tool(
        self,
        call_id: str,
        name: str,
        given: dict[str, Any],
        result: str,
        *,
        failed: bool = False,
        parent: str = "",
    ) -> dict[str, Any]:
        """A tool runs."""
        span = self.span(
            f"execute_tool {name}",
            {
                "gen_ai.operation.name": "execute_tool",
                "gen_ai.tool.name": name,
                "gen_ai.tool.call.id": call_id,
                "gen_ai.tool.call.arguments": json.dumps(given),
                "gen_ai.tool.call.result": result,
            },
            failed=result if failed else "",
            parent=parent,
        )
        self.history.append(
            {"role": "tool", "parts": [{"type": "tool_call_response", "id": call_id, "response": result}]}
        )
        return span


def cancelling(name: str, *, careful: bool, conversation: str = "", service: str = "shop-bot") -> Trace:
    """Tell a run of a bot that cancels an order; one that looks first works."""
    del service
    trace = Trace(name=name, conversation=conversation)
    trace.asks(f"Please cancel the order of customer {name}.")
    order = {"order": name}
    if careful:
        trace.model("", (f"{name}-1", "get_order", order))
        trace.tool(f"{name}-1", "get_order", order, "order is open")
    trace.model("", (f"{name}-2", "cancel_order", order))
    if careful:
        trace.tool(f"{name}-2", "cancel_order", order, "cancelled")
    else:
        trace.tool(f"{name}-2", "cancel_order", order, "order was not looked up", failed=True)
    trace.model("It is cancelled." if careful else "I could not do that.")
    trace.span(
        "request",
        {"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "shop-bot"},
        start=0,
        events=[
            (
                "gen_ai.evaluation.result",
                {
                    "gen_ai.evaluation.name": "resolved",
                    "gen_ai.evaluation.score.label": "pass" if careful else "fail",
                },
            )
        ],
    )
    return trace


def document(
    spans: Iterable[dict[str, Any]], *, service: str = "shop-bot", scope: str = "a.tracer"
) -> dict[str, Any]:
    """Write the body of a request."""
    return {
        "resourceSpans": [
            {
                "resource": {"attributes": attributes({"service.name": service, "service.version": "1.2"})},
                "scopeSpans": [{"scope": {"name": scope}, "spans": list(spans)}],
            }
        ]
    }


def send(
    database: Database, spans: Iterable[dict[str, Any]], *, packed: bool = False, **named: Any
) -> Answer:
    """Send spans to the receiver."""
    body = json.dumps(document(spans, **named)).encode()
    return receiver.receive(
        database,
        workspace_id="default",
        body=gzip.compress(body) if packed else body,
        content_type=JSON,
        content_encoding="gzip" if packed else "",
        redactor=REDACTOR,
    )


def record(
    name: str,
    given: dict[str, Any] | None = None,
    *,
    body: Any = None,
    trace: str = "",
    span: str = "",
    at: float = 0,
) -> dict[str, Any]:
    """Write a log record; `span` is named within its trace, by its number where it is one of a story."""
    return {
        "traceId": hex_id(trace, 32) if trace else "",
        "spanId": hex_id(f"{trace}/{span}", 16) if span else "",
        "eventName": name,
        "timeUnixNano": str(START_NS + int(at * SECOND_NS)),
        "attributes": attributes(given or {}),
        **({} if body is None else {"body": value(body)}),
    }


def log_document(
    records: Iterable[dict[str, Any]], *, service: str = "shop-bot", scope: str = "a.logger"
) -> dict[str, Any]:
    """Write the body of a request with log records."""
    return {
        "resourceLogs": [
            {
                "resource": {"attributes": attributes({"service.name": service, "service.version": "1.2"})},
                "scopeLogs": [{"scope": {"name": scope}, "logRecords": list(records)}],
            }
        ]
    }


def log(database: Database, records: Iterable[dict[str, Any]], **named: Any) -> Answer:
    """Send log records to the receiver."""
    rules = named.pop("rules", None)
    return receiver.receive(
        database,
        workspace_id="default",
        body=json.dumps(log_document(records, **named)).encode(),
        content_type=JSON,
        signal=Signal.LOGS,
        redactor=REDACTOR,
        rules=rules,
    )
