"""The server that plays the script on a port of this machine."""

from __future__ import annotations

import gzip
import json
import re
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

from .parts import JSON, Wire, tokens
from .request import Request, model_turns
from .script import MAX_TURNS, Step, StepLike, fail, reply, say

MODELS = ("claude-opus-5-5", "claude-sonnet-4-5", "claude-haiku-4-5", "gpt-5.5", "scripted-1")

_COUNTS = {"/messages/count_tokens": "input_tokens", ":countTokens": "totalTokens"}


@dataclass
class ScriptedModel:
    """The server; a context manager. Rules may be added while it runs."""

    rules: list[tuple[str, tuple[StepLike, ...]]] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)
    _server: ThreadingHTTPServer | None = field(default=None, repr=False)

    def when(self, pattern: str, *steps: StepLike) -> None:
        """Take these steps at a prompt that matches; the first rule that matches wins."""
        self.rules.append((pattern, steps))

    @property
    def url(self) -> str:
        if self._server is None:
            raise RuntimeError("the scripted model is not running")
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    @property
    def turns(self) -> list[Request]:
        """The requests in which the model was asked to speak, oldest first."""
        return [request for request in self.requests if request.wire]

    @property
    def working_turns(self) -> list[Request]:
        """Those with tools on offer: no titles, no summaries."""
        return [request for request in self.turns if request.tools]

    def choose(self, request: Request) -> Step:
        """Return the step that the script has for this request."""
        if model_turns(request.items) >= MAX_TURNS:
            return say(f"Stopped after {MAX_TURNS} turns.")
        prompt, turn = request.prompt, request.turn
        steps = next((steps for pattern, steps in self.rules if re.search(pattern, prompt, re.DOTALL)), ())
        if turn >= len(steps):
            return say("Done.")
        chosen = steps[turn]
        try:
            step = chosen if isinstance(chosen, Step) else chosen(request)
        except Exception as error:  # noqa: BLE001  # an error of the test must end the run, not be tried again
            step = fail(400, f"The script failed: {error!r}")
        # A request without tools (a title, a summary) cannot be answered with a call.
        return say("Done.") if step.calls and not request.tools else step

    def __enter__(self) -> Self:
        handler = type("Handler", (_Handler,), {"model": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *exc: object) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    model: ScriptedModel

    def do_HEAD(self) -> None:
        self._send(200, "application/json", b"")

    def do_GET(self) -> None:
        request = self._record({})
        if request.endpoint == "/models":
            data = [
                {"type": "model", "object": "model", "id": name, "display_name": name, "created": 1}
                for name in MODELS
            ]
            return self._json(200, {"object": "list", "data": data, "has_more": False})
        return self._error(404, "nothing here")

    def do_POST(self) -> None:
        request = self._record(self._body())
        for ending, name in _COUNTS.items():
            if request.endpoint.endswith(ending):
                return self._json(200, {name: tokens(request.body)})
        if request.wire is None:
            return self._error(404, "nothing here")
        step = self.model.choose(request)
        time.sleep(step.delay)
        if step.error:
            return self._error(step.error, step.text)
        answer = request.wire.answer(request.body, reply(request, step))
        return self._stream(request, request.wire, answer) if request.streams else self._json(200, answer)

    def log_message(self, *args: object) -> None:
        """Stay silent."""

    def _record(self, body: JSON) -> Request:
        request = Request(self.command, self.path, dict(self.headers), body)
        self.model.requests.append(request)
        return request

    def _body(self) -> JSON:
        if "chunked" in self.headers.get("transfer-encoding", ""):
            raw = b"".join(self._chunks())
        else:
            raw = self.rfile.read(int(self.headers.get("content-length") or 0))
        if self.headers.get("content-encoding") == "gzip":
            raw = gzip.decompress(raw)
        body = json.loads(raw or b"{}")
        return body if isinstance(body, dict) else {"body": body}

    def _chunks(self) -> Iterator[bytes]:
        while size := int(self.rfile.readline().split(b";")[0], 16):
            yield self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()

    def _stream(self, request: Request, wire: Wire, answer: JSON) -> None:
        if request.endpoint.endswith(":streamGenerateContent") and "alt=sse" not in request.path:
            return self._json(200, [data for _, data in wire.events(answer)])
        lines = []
        for name, data in wire.events(answer):
            text = data if isinstance(data, str) else json.dumps(data)
            lines.append((f"event: {name}\n" if name else "") + f"data: {text}\n\n")
        return self._send(200, "text/event-stream", "".join(lines).encode())

    def _json(self, status: int, value: Any) -> None:
        self._send(status, "application/json", json.dumps(value).encode())

    def _error(self, status: int, message: str) -> None:
        # The fields that the four formats read, in one body.
        error = {"type": "api_error", "code": status, "status": "UNKNOWN", "message": message}
        self._json(status, {"type": "error", "error": error})

    def _send(self, status: int, kind: str, data: bytes) -> None:
        try:
            self.send_response(status)
            self.send_header("content-type", kind)
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)
        except (BrokenPipeError, ConnectionResetError):
            pass  # a test that kills its agent cuts the line
