"""Log records are read in both encodings alike, and none makes the reader raise anything but a refusal."""

from __future__ import annotations

import gzip
import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from otlp_stories import REDACTOR, SECOND_NS, START_NS, hex_id, log_document, record

from hivemind.otlp import logs, reading, receiver
from hivemind.otlp.conventions.base import Role, Work
from hivemind.otlp.conversation import conversations
from hivemind.otlp.mapping import Known, map_conversation
from hivemind.otlp.reading import JSON, PROTOBUF, Limits, RefusedError, Signal
from hivemind.otlp.spans import LogRecord
from hivemind.store.database import open_database

LIMITS = Limits()
VALUE = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text('aé{["\x00', max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab", max_size=3), inner, max_size=3),
    max_leaves=8,
)
NAMES = st.sampled_from(
    (
        *("gen_ai.user.message", "gen_ai.choice", "gen_ai.tool.message", "gen_ai.content.prompt", "", "else"),
        *("gen_ai.client.inference.operation.details", "gen_ai.evaluation.result", "user_feedback"),
        *("gen_ai.client.operation.exception", "hivemind.outcome", "gen_ai.evaluation.user_feedback"),
    )
)
KEYS = st.sampled_from(
    (
        *("gen_ai.input.messages", "gen_ai.output.messages", "gen_ai.operation.name", "gen_ai.response.id"),
        *("gen_ai.conversation.id", "gen_ai.evaluation.name", "gen_ai.evaluation.score.value", "error.type"),
        *("hivemind.reward", "session.id", "score", "label", "content", "role", "message", "tool_calls"),
    )
)


def read(document: Any, **named: Any) -> reading.Received:
    """Read a document of OTLP/JSON."""
    body = json.dumps(document).encode()
    limits = named.pop("limits", LIMITS)
    return reading.read(body, content_type=JSON, limits=limits, signal=Signal.LOGS, **named)


def protobuf(records: list[dict[str, Any]]) -> bytes:
    """Write log records in protobuf."""
    pytest.importorskip("opentelemetry.proto")
    from google.protobuf import json_format
    from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

    request = ExportLogsServiceRequest()
    json_format.ParseDict(log_document(records), request, ignore_unknown_fields=True)
    written = [one for r in request.resource_logs for s in r.scope_logs for one in s.log_records]
    for one, told in zip(written, records, strict=True):  # JSON has ids in hexadecimal
        one.trace_id, one.span_id = bytes.fromhex(told["traceId"]), bytes.fromhex(told["spanId"])
    return request.SerializeToString()


def test_both_encodings_say_the_same() -> None:
    """Protobuf and JSON of the same log records, packed or not, are the same."""
    records = [
        record("gen_ai.user.message", body={"content": "Hi", "parts": [1, 2.5, True]}, trace="t", span="s"),
        record("gen_ai.choice", {"gen_ai.system": "openai"}, body="text"),
        record("", {"event.name": "gen_ai.evaluation.result", "deep": {"a": [1]}}),
    ]
    said = read(log_document(records))
    packed = reading.read(
        gzip.compress(protobuf(records)),
        content_type=PROTOBUF,
        content_encoding="gzip",
        limits=LIMITS,
        signal=Signal.LOGS,
    )
    assert said.records == packed.records
    first, second, third = said.records
    assert first.body == {"content": "Hi", "parts": [1, 2.5, True]}
    assert (first.trace_id, first.span_id) == (hex_id("t", 32), hex_id("t/s", 16))
    assert (second.trace_id, second.span_id, second.body) == ("", "", "text")
    assert third.name == "gen_ai.evaluation.result"
    assert (said.spans, said.rejected) == ((), 0)


def test_limits_hold_for_log_records() -> None:
    """Too many are rejected and counted, long texts are cut."""
    found = read(
        log_document([record("a", body="x" * 500), record("b")]), limits=Limits(spans=1, text_chars=100)
    )
    assert (len(found.records), found.rejected) == (1, 1)
    assert len(found.records[0].body) == 100


@given(st.binary(max_size=200), st.sampled_from((JSON, PROTOBUF)), st.sampled_from(Signal))
def test_no_bytes_raise(body: bytes, content_type: str, signal: Signal) -> None:
    """Any body is read or refused, of every signal."""
    with suppress(RefusedError):
        reading.read(body, content_type=content_type, limits=LIMITS, signal=signal)


@given(VALUE, st.sampled_from(("resourceLogs", "scopeLogs", "logRecords")))
def test_no_json_raises(value: Any, where: str) -> None:
    """Any JSON in any place is read or passed over."""
    document: Any = log_document([record("gen_ai.user.message", body={"content": "x"})])
    if where == "resourceLogs":
        document[where] = value
    elif where == "scopeLogs":
        document["resourceLogs"][0][where] = value
    else:
        document["resourceLogs"][0]["scopeLogs"][0][where] = [value, {"body": value, "attributes": value}]
    body = json.dumps(document).encode("utf-8", "replace")
    with suppress(RefusedError):
        found = reading.read(body, content_type=JSON, limits=LIMITS, signal=Signal.LOGS)
        logs.read(found.records)


@given(
    st.lists(
        st.tuples(
            NAMES, st.dictionaries(KEYS, VALUE, max_size=4), st.dictionaries(KEYS, VALUE, max_size=3) | VALUE
        ),
        max_size=4,
    )
)
def test_no_records_raise(many: list[tuple[str, dict[str, Any], Any]]) -> None:
    """Whatever attributes and bodies of known events hold, they are mapped or passed over."""
    records = [
        LogRecord(name=name, attributes=attributes, body=body, at_ns=n, trace_id="a" * 32, span_id="b" * 16)
        for n, (name, attributes, body) in enumerate(many)
    ]
    told = logs.read(records)
    assert sum(one.records for one in told.said) + told.unmapped.total() <= len(records)
    for group in conversations(told.said, known={})[0]:
        map_conversation(group, known=Known())


def of_names(*names: str) -> list[LogRecord]:
    """Make log records of one span, a second each."""
    return [
        LogRecord(
            name=name,
            at_ns=START_NS + n * SECOND_NS,
            trace_id="a" * 32,
            span_id="b" * 16,
            body={"content": f"text {n}", "message": {"content": f"text {n}"}},
        )
        for n, name in enumerate(names)
    ]


def test_messages_of_a_request_are_read_together() -> None:
    """An answer ends a request: where a span has several, each is its own."""
    user, choice = "gen_ai.user.message", "gen_ai.choice"
    told = logs.read(of_names(user, choice, user, "gen_ai.assistant.message", user, choice, choice))
    first, second = sorted(told.said, key=lambda one: one.span.start_ns)
    assert [m.text for m in first.reading.inputs] == ["text 0"]
    assert [m.text for m in first.reading.outputs] == ["text 1"]
    assert [(m.role, m.text) for m in second.reading.inputs] == [
        (Role.USER, "text 2"),
        (Role.ASSISTANT, "text 3"),
        (Role.USER, "text 4"),
    ]
    assert len(second.reading.outputs) == 2
    assert (first.records, second.records) == (2, 5)
    assert {one.reading.work for one in told.said} == {Work.CHAT}


def test_lines_of_a_log_say_nothing() -> None:
    """A line with a session's id, or with attributes of a model, is no event of a conversation."""
    lines = [
        LogRecord(name="", body="GET /", attributes={"session.id": "s"}, scope="app"),
        LogRecord(name="codex.user_prompt", body="x", attributes={"gen_ai.system": "openai"}, scope="app"),
    ]
    told = logs.read(lines)
    assert (told.said, dict(told.unmapped)) == ((), {"app": 2})


@pytest.mark.parametrize("kind", ["gauge", "sum", "histogram", "exponentialHistogram", "summary"])
def test_metrics_are_counted_and_rejected(kind: str, tmp_path: Path) -> None:
    """An SDK that sends metrics, too, is told so, and has nothing to try again."""
    points = {"name": "m", kind: {"dataPoints": [{"count": "1"}, {"count": "2"}]}}
    document = {"resourceMetrics": [{"scopeMetrics": [{"metrics": [points, {"name": "empty"}]}]}]}
    bodies = {JSON: json.dumps(document).encode()}
    with suppress(ImportError):
        from google.protobuf import json_format
        from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
            ExportMetricsServiceRequest,
            ExportMetricsServiceResponse,
        )

        request = json_format.ParseDict(document, ExportMetricsServiceRequest(), ignore_unknown_fields=True)
        bodies[PROTOBUF] = request.SerializeToString()
    database = open_database(tmp_path / "x.db")
    for content_type, body in bodies.items():
        answer = receiver.receive(
            database,
            workspace_id="default",
            body=body,
            content_type=content_type,
            signal=Signal.METRICS,
            redactor=REDACTOR,
        )
        assert answer.status == 200
        if content_type == JSON:
            assert json.loads(answer.body)["partialSuccess"]["rejectedDataPoints"] == "2"
        else:
            said = ExportMetricsServiceResponse.FromString(answer.body).partial_success
            assert (said.rejected_data_points, "not stored" in said.error_message) == (2, True)
    database.close()
