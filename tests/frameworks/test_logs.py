"""OpenTelemetry's own SDK sends events, spans and metrics to one address, and each message is stored once."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from tests.frameworks import running

from hivemind import config
from hivemind.store import episodes, problems, sessions
from hivemind.store.database import open_database
from hivemind.worker.traces import Listener

pytestmark = [pytest.mark.frameworks, pytest.mark.slow]
NEEDS = "opentelemetry.sdk._logs, opentelemetry.exporter.otlp.proto.http._log_exporter"
#: An instrumentation that has the conversation on its spans and the contents in events, batched as SDKs do.
PROGRAM = """
import logging
import sys

logging.basicConfig(level="WARNING", stream=sys.stderr)

from opentelemetry import metrics, trace
from opentelemetry._logs import LogRecord, set_logger_provider
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

resource = Resource.create({"service.name": "shop-bot"})
spans, logs = TracerProvider(resource=resource), LoggerProvider(resource=resource)
spans.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
logs.add_log_record_processor(BatchLogRecordProcessor(OTLPLogExporter()))
meters = MeterProvider([PeriodicExportingMetricReader(OTLPMetricExporter())], resource=resource)
meters.get_meter("shop").create_counter("gen_ai.calls").add(1)
tracer, logger = spans.get_tracer("shop"), logs.get_logger("shop")


def event(name, attributes, body=None):
    logger.emit(LogRecord(event_name=name, attributes=attributes, body=body))


history = []
for asked, answered in (("Where is order A11?", "On its way."), ("And B7?", "It is late.")):
    history.append({"role": "user", "parts": [{"type": "text", "content": asked}]})
    answer = {"role": "assistant", "parts": [{"type": "text", "content": answered}], "finish_reason": "stop"}
    attributes = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "m-1"}
    with tracer.start_as_current_span("chat m-1", attributes=attributes) as span:
        span.set_attribute("gen_ai.conversation.id", "a-conversation-of-the-sdk-test")
        told = {**attributes, "gen_ai.input.messages": list(history), "gen_ai.output.messages": [answer]}
        event("gen_ai.client.inference.operation.details", told)
        logs.force_flush()
        label = {"gen_ai.evaluation.name": "resolved", "gen_ai.evaluation.score.label": "pass"}
        event("gen_ai.evaluation.result", label)
        event("app.answered", {"ms": 12}, "a line of the log")
    history.append(answer)
    spans.force_flush()
spans.shutdown()
logs.shutdown()
meters.shutdown()
"""


def test_the_sdk_has_nothing_to_complain_of(tmp_path: Path) -> None:
    """Logs come before the spans that name the conversation; all of it is one session."""
    if subprocess.run(
        [running.python(), "-c", f"import {NEEDS}"], capture_output=True, check=False
    ).returncode:
        pytest.skip(f"{running.python()} has no {NEEDS}")
    database = open_database(tmp_path / "x.db")
    listener = Listener(
        database,
        address=("127.0.0.1", 0),
        token="token",
        workspace_id="default",
        settings=config.Settings,
        stored=lambda _: None,
        failed=lambda error: pytest.fail(str(error)),
    )
    done = subprocess.run(
        [running.python(), "-c", PROGRAM],
        env={
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{listener.port}",
            "OTEL_EXPORTER_OTLP_HEADERS": "Authorization=Bearer%20token",
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    listener.close()
    assert done.returncode == 0, done.stderr
    assert "rror" not in done.stderr.replace("rejected", "")
    with database.read() as workspace:
        (session,) = sessions.recent(workspace, limit=5)
        rows = [row for row in sessions.events_of(workspace, session.session_id) if row.text]
        reports = episodes.reports(workspace, session.session_id)
        (unmapped,) = problems.recent(workspace)
    assert session.session_id == "otel.a-conversation-of-the-sdk-test"
    assert [(row.kind, row.text) for row in rows] == [
        ("prompt", "Where is order A11?"),
        ("assistant", "On its way."),
        ("prompt", "And B7?"),
        ("assistant", "It is late."),
    ]
    assert [report.score_label for report in reports] == ["success", "success"]
    assert {report.event_id for report in reports} == {row.event_id for row in rows if row.kind == "prompt"}
    assert (unmapped.slug, unmapped.count) == ("otlp-unmapped", 2)
    database.close()
