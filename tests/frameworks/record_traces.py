"""Record the traces of the examples' frameworks as fixtures: `python -m tests.frameworks.record_traces`."""

from __future__ import annotations

import gzip
import json
import re
import tempfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from google.protobuf import json_format
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from tests.e2e.model import ScriptedModel
from tests.frameworks import running

TRACES = Path(__file__).parents[1] / "fixtures" / "otlp"
#: Folders of the machine that recorded, and ports.
_PLACES = (
    (re.compile(r'/[^\s"\\]*?/site-packages/'), "/app/lib/"),
    (re.compile(r'/[^\s"\\]*?/examples/'), "/app/"),
)
_PORT = re.compile(r"127\.0\.0\.1:\d+")


class Sink:
    """Keep what is sent to it."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        sink = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                """Keep one request."""
                body = self.rfile.read(int(self.headers["Content-Length"]))
                sink.bodies.append(gzip.decompress(body) if self.headers.get("Content-Encoding") else body)
                self.send_response(200)
                self.send_header("Content-Type", "application/x-protobuf")
                self.end_headers()

            def log_message(self, *_args: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()


def as_json(body: bytes) -> dict[str, Any]:
    """Write a request as OTLP/JSON, whose ids are hexadecimal."""
    request = ExportTraceServiceRequest()
    request.ParseFromString(body)
    told: dict[str, Any] = json_format.MessageToDict(request)
    spans = [s for r in request.resource_spans for c in r.scope_spans for s in c.spans]
    written = [s for r in told["resourceSpans"] for c in r["scopeSpans"] for s in c["spans"]]
    for span, one in zip(spans, written, strict=True):
        one["traceId"], one["spanId"] = span.trace_id.hex(), span.span_id.hex()
        one["kind"] = int(span.kind)
        if span.parent_span_id:
            one["parentSpanId"] = span.parent_span_id.hex()
        if "status" in one:
            one["status"] = {"code": int(span.status.code), "message": span.status.message}
    return told


def main() -> None:
    """Record every example that sends traces."""
    TRACES.mkdir(parents=True, exist_ok=True)
    for name, asked in running.TRACED.items():
        sink = Sink()
        with ScriptedModel() as model, tempfile.TemporaryDirectory() as home:
            running.script(model)
            variables = {"OTEL_EXPORTER_OTLP_ENDPOINT": sink.url}
            running.run(name, *asked, model_url=model.url, home=Path(home), variables=variables)
        text = json.dumps([as_json(body) for body in sink.bodies], ensure_ascii=False, separators=(",", ":"))
        for pattern, place in _PLACES:
            text = pattern.sub(place, text)
        (TRACES / f"{name}.json").write_text(_PORT.sub("127.0.0.1:8000", text) + "\n", "utf-8")
        print(name, len(sink.bodies), "requests", len(text), "characters")  # noqa: T201


if __name__ == "__main__":
    main()
