"""Requests are read within limits, in both encodings alike, and none makes the reader raise anything else."""

from __future__ import annotations

import gzip
import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from otlp_stories import Trace, cancelling, document

from hivemind.otlp import conventions, reading
from hivemind.otlp.conversation import conversations, read_all
from hivemind.otlp.mapping import Known, map_conversation
from hivemind.otlp.reading import JSON, PROTOBUF, Limits, RefusedError
from hivemind.otlp.spans import Span

LIMITS = Limits()
SMALL = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=20,
)


def read(document: Any, **named: Any) -> reading.Received:
    """Read a document of OTLP/JSON."""
    return reading.read(
        json.dumps(document).encode(), content_type=JSON, limits=named.pop("limits", LIMITS), **named
    )


def refused(body: bytes, **named: Any) -> int:
    """Give the status with which a body is refused."""
    named = {"content_type": JSON, "limits": LIMITS, **named}
    with pytest.raises(RefusedError) as found:
        reading.read(body, **named)
    return found.value.status


def protobuf(spans: list[dict[str, Any]]) -> bytes:
    """Write spans in protobuf."""
    pytest.importorskip("opentelemetry.proto")
    from google.protobuf import json_format
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

    request = ExportTraceServiceRequest()
    json_format.ParseDict(document(spans), request, ignore_unknown_fields=True)
    written = [s for r in request.resource_spans for c in r.scope_spans for s in c.spans]
    for span, told in zip(
        written, spans, strict=True
    ):  # JSON has ids in hexadecimal, which it reads as base64
        span.trace_id, span.span_id = bytes.fromhex(told["traceId"]), bytes.fromhex(told["spanId"])
        span.parent_span_id = bytes.fromhex(told["parentSpanId"])
    return request.SerializeToString()


def test_both_encodings_say_the_same() -> None:
    """Protobuf and JSON of one trace, packed or not, are the same spans."""
    trace = cancelling("a", careful=False)
    trace.span("odd", {"gen_ai.x": [1, 2.5, {"deep": [True]}], "session.id": "s"})
    said = read(document(trace.spans))
    packed = reading.read(
        gzip.compress(protobuf(trace.spans)), content_type=PROTOBUF, content_encoding="gzip", limits=LIMITS
    )
    assert said.spans == packed.spans
    assert len(said.spans) == len(trace.spans)


def test_integers_are_read_as_numbers_or_texts() -> None:
    """OTLP/JSON writes 64-bit integers as texts, and some senders as numbers."""
    span = Trace().span("x", {})
    span["attributes"] = [{"key": "a", "value": {"intValue": 5}}, {"key": "b", "value": {"intValue": "5"}}]
    span["startTimeUnixNano"] = 1_790_000_000_000_000_000
    (found,) = read(document([span])).spans
    assert (found.attributes["a"], found.attributes["b"]) == (5, 5)
    assert found.start_ns == 1_790_000_000_000_000_000


def test_spans_without_ids_are_rejected_and_counted() -> None:
    """The rest of the request is taken."""
    trace = cancelling("a", careful=True)
    bad = [{**trace.spans[0], "traceId": "0" * 32}, {**trace.spans[0], "spanId": "zz"}]
    found = read(document([*bad, *trace.spans]))
    assert (len(found.spans), found.rejected) == (len(trace.spans), 2)
    assert "hexadecimal" in found.reason


@pytest.mark.parametrize(
    ("body", "named", "status"),
    [
        (b"{", {}, 400),
        (b"[]", {}, 400),
        (b"[" * 100_000, {}, 400),
        (b"{}", {"content_type": "text/plain"}, 415),
        (b"{}", {"content_encoding": "br"}, 415),
        (b"not gzip", {"content_encoding": "gzip"}, 400),
        (gzip.compress(b"{}", mtime=0)[:-12], {"content_encoding": "gzip"}, 400),
        (b" " * 2_000, {"limits": Limits(body_bytes=1_000)}, 413),
        (
            gzip.compress(b" " * 10_000_000, mtime=0),
            {"content_encoding": "gzip", "limits": Limits(unpacked_bytes=1 << 20)},
            413,
        ),
        (b"\x0a\xff\xff", {"content_type": PROTOBUF}, 400),
    ],
)
def test_what_cannot_be_taken_is_refused(body: bytes, named: dict[str, Any], status: int) -> None:
    """Each kind of bad request has its status."""
    assert refused(body, **named) == status


def test_values_are_bounded() -> None:
    """Long texts, deep values and too many spans or attributes are cut."""
    deep: Any = "end"
    for _ in range(100):
        deep = [deep]
    trace = Trace()
    trace.span("x", {"long": "x" * 500, "deep": deep, **{f"a{n}": n for n in range(50)}})
    trace.span("y", {})
    found = read(document(trace.spans), limits=Limits(text_chars=100, attributes=10, spans=1))
    assert (len(found.spans), found.rejected) == (1, 1)
    assert len(found.spans[0].attributes) == 10
    assert len(found.spans[0].attributes["long"]) == 100
    assert "end" not in json.dumps(found.spans[0].attributes["deep"])


@given(SMALL)
def test_no_json_raises(value: Any) -> None:
    """Any document is read or refused."""
    bodies = [
        value,
        {"resourceSpans": value},
        document([{"traceId": "a" * 32, "spanId": "b" * 16, "attributes": value}]),
    ]
    for body in bodies:
        with suppress(RefusedError):
            read(body)


@given(st.binary(max_size=200))
def test_no_bytes_raise(body: bytes) -> None:
    """Any bytes are read or refused, as protobuf and as an archive."""
    for named in ({"content_type": PROTOBUF}, {"content_type": JSON, "content_encoding": "gzip"}):
        with suppress(RefusedError):
            reading.read(body, limits=LIMITS, **named)


NAMES = st.sampled_from(
    (
        *("gen_ai.operation.name", "gen_ai.input.messages", "gen_ai.output.messages", "gen_ai.tool.name"),
        *("gen_ai.system_instructions", "gen_ai.tool.call.arguments", "gen_ai.prompt.0.content"),
        *("gen_ai.completion.0.tool_calls.0.name", "llm.input_messages.0.message.role", "session.id"),
        *(
            "llm.input_messages.0.message.tool_calls.0.tool_call.function.arguments",
            "llm.tools.0.tool.json_schema",
        ),
        *(
            "openinference.span.kind",
            "input.value",
            "output.value",
            "metadata",
            "events",
            "all_messages_events",
        ),
        *("pydantic_ai.all_messages", "ai.prompt.messages", "ai.response.toolCalls", "ai.operationId"),
        *(
            "traceloop.span.kind",
            "traceloop.entity.input",
            "logfire.feedback.name",
            "request_data",
            "response_data",
        ),
        *("langfuse.observation.type", "langfuse.observation.input", "hivemind.outcome", "hivemind.reward"),
        *(
            "hivemind.project",
            "gen_ai.conversation.id",
            "gen_ai.usage.input_tokens",
            "gen_ai.tool.definitions",
        ),
    )
)
WORDS = st.sampled_from(
    (
        "chat",
        "execute_tool",
        "invoke_agent",
        "LLM",
        "TOOL",
        "CHAIN",
        "EVALUATOR",
        "tool",
        "generation",
        "user",
    )
)
MESSAGE = st.dictionaries(
    st.sampled_from(
        ("role", "content", "parts", "tool_calls", "type", "id", "name", "arguments", "kwargs", "text")
    ),
    SMALL | WORDS,
    max_size=5,
)
VALUES = SMALL | WORDS | st.lists(MESSAGE, max_size=3) | st.lists(MESSAGE, max_size=3).map(json.dumps)


@given(st.lists(st.dictionaries(NAMES, VALUES, max_size=8), max_size=4))
def test_no_attributes_raise(many: list[dict[str, Any]]) -> None:
    """Whatever attributes of known names hold, spans are mapped or passed over."""
    spans = [
        Span(trace_id="a" * 32, span_id=f"{n + 1:016x}", parent_id=f"{n:016x}", attributes=one, start_ns=n)
        for n, one in enumerate(many)
    ]
    for span in spans:
        conventions.read(span)
    groups, _ = conversations(read_all(spans), known={})
    for group in groups:
        map_conversation(group, known=Known())
