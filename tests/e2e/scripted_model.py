"""A model server that plays a script, so that a real agent runs without an account and without chance.

It speaks as much of Anthropic's Messages API as Claude Code needs: streaming and not, token counts, the list
of models. A rule is a pattern for the last thing a person asked, and the steps the model then takes:

    with ScriptedModel() as model:
        model.when("run the tests", shell("pytest -q"), shell("make test"), say("They pass."))

Which step comes next is read from the request alone (how often has the model spoken since the person did?),
so retries, parallel sessions and resumed ones need no bookkeeping. A step may also be a function of the
request, for a model that behaves differently when it has been told something.
"""

from __future__ import annotations

import gzip
import itertools
import json
import re
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

JSON = dict[str, Any]

MAX_TURNS = 60
"""No conversation goes on for longer than this: a mistake in a script must not loop an agent for ever."""

MODELS = ("claude-opus-5-5", "claude-sonnet-4-5", "claude-haiku-4-5")

# Whatever stands in a hyphenated tag (system-reminder, task-notification, command-name, …) is the client's.
_CLIENT_BLOCK = re.compile(r"<([a-z]+(?:-[a-z]+)+)\b[^>]*>.*?</\1>", re.DOTALL)
_CLIENT_OPENINGS = ("Base directory for this skill", "Stop hook feedback", "[Request interrupted")


@dataclass(frozen=True)
class Step:
    """One turn of the model: a text, calls of tools (several are parallel), or an HTTP error."""

    text: str = ""
    calls: tuple[tuple[str, JSON], ...] = ()
    error: int = 0
    delay: float = 0.0


def say(text: str, *, delay: float = 0.0) -> Step:
    """Answer with a text, which ends the turn."""
    return Step(text, delay=delay)


def call(tool: str, args: Mapping[str, Any], text: str = "") -> Step:
    """Call any tool, after saying `text`."""
    return Step(text, ((tool, dict(args)),))


def shell(command: str, text: str = "", **args: Any) -> Step:
    """Run a command with the Bash tool, after saying `text`."""
    return call("Bash", {"command": command, **args}, text)


def together(*steps: Step) -> Step:
    """Make the calls of several steps in parallel."""
    text = "\n".join(step.text for step in steps if step.text)
    return Step(text, tuple(one for step in steps for one in step.calls))


def fail(status: int, message: str = "The script says so.") -> Step:
    """Answer with an HTTP error; the client repeats what it deems transient (429, 5xx) and ends at a 400."""
    return Step(message, error=status)


@dataclass(frozen=True)
class Request:
    """One request as the server saw it."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: JSON

    @property
    def messages(self) -> list[JSON]:
        return list(self.body.get("messages") or [])

    @property
    def text(self) -> str:
        return request_text(self)

    @property
    def tools(self) -> frozenset[str]:
        return frozenset(str(tool.get("name")) for tool in self.body.get("tools") or [])

    @property
    def prompt(self) -> str:
        """What the person said last."""
        return human_text(self.messages[_anchor(self.messages)]) if self.messages else ""

    @property
    def turn(self) -> int:
        """How often the model has spoken since then."""
        return _model_turns(self.messages[_anchor(self.messages) :])

    @property
    def last_result(self) -> str:
        """The text of the newest tool result."""
        results = [
            _flatten(block.get("content"))
            for message in self.messages
            for block in _blocks(message)
            if block.get("type") == "tool_result"
        ]
        return results[-1] if results else ""


StepLike = Step | Callable[[Request], Step]


def request_text(request: Request) -> str:
    """Return everything that the model was given to read: system prompt, messages, tool results."""
    parts = [_flatten(request.body.get("system"))]
    parts += [_flatten(message.get("content")) for message in request.messages]
    return "\n".join(part for part in parts if part)


def human_text(message: JSON) -> str:
    """Return what a person wrote in a message: nothing where the client wrote all of it."""
    if message.get("role") != "user":
        return ""
    blocks = _blocks(message)
    if any(block.get("type") == "tool_result" for block in blocks):
        return ""
    texts = (_CLIENT_BLOCK.sub("", block.get("text") or "").strip() for block in blocks)
    return "\n".join(text for text in texts if text and not text.startswith(_CLIENT_OPENINGS))


def _blocks(message: JSON) -> list[JSON]:
    content = message.get("content") or []
    return [{"type": "text", "text": content}] if isinstance(content, str) else list(content)


def _flatten(content: Any) -> str:
    if isinstance(content, str):
        return content
    if isinstance(content, dict):
        return _flatten(content.get("text") or content.get("content"))
    return "\n".join(filter(None, map(_flatten, content or [])))


def _anchor(messages: list[JSON]) -> int:
    human = [index for index, message in enumerate(messages) if human_text(message)]
    return human[-1] if human else 0


def _model_turns(messages: list[JSON]) -> int:
    # The client stores one reply as several assistant messages at times; a run of them is one turn.
    roles = ["", *(message.get("role") for message in messages if message.get("role") != "system")]
    return sum(role == "assistant" != before for before, role in itertools.pairwise(roles))


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
        return [request for request in self.requests if _endpoint(request.path) == "/messages"]

    def choose(self, request: Request) -> Step:
        """Return the step that the script has for this request."""
        if _model_turns(request.messages) >= MAX_TURNS:
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


def _endpoint(path: str) -> str:
    return path.split("?")[0].rstrip("/").removeprefix("/v1")


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    model: ScriptedModel

    def do_HEAD(self) -> None:
        self._send(200, "application/json", b"")

    def do_GET(self) -> None:
        self._record({})
        if _endpoint(self.path) == "/models":
            data = [{"type": "model", "id": name, "display_name": name} for name in MODELS]
            return self._json(200, {"data": data, "has_more": False})
        return self._error(404, "nothing here")

    def do_POST(self) -> None:
        request = self._record(self._body())
        endpoint = _endpoint(self.path)
        if endpoint == "/messages/count_tokens":
            return self._json(200, {"input_tokens": _tokens(request.body)})
        if endpoint != "/messages":
            return self._error(404, "nothing here")
        step = self.model.choose(request)
        time.sleep(step.delay)
        if step.error:
            return self._error(step.error, step.text)
        message = _message(request, step)
        if not request.body.get("stream"):
            return self._json(200, message)
        events = "".join(f"event: {e['type']}\ndata: {json.dumps(e)}\n\n" for e in _events(message))
        return self._send(200, "text/event-stream", events.encode())

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

    def _json(self, status: int, value: JSON) -> None:
        self._send(status, "application/json", json.dumps(value).encode())

    def _error(self, status: int, message: str) -> None:
        self._json(status, {"type": "error", "error": {"type": "api_error", "message": message}})

    def _send(self, status: int, kind: str, data: bytes) -> None:
        try:
            self.send_response(status)
            self.send_header("content-type", kind)
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)
        except (BrokenPipeError, ConnectionResetError):
            pass  # a test that kills its agent cuts the line


def _tokens(value: object) -> int:
    return len(json.dumps(value)) // 4 + 1


def _message(request: Request, step: Step) -> JSON:
    content: list[JSON] = [{"type": "text", "text": step.text}] if step.text else []
    for name, args in step.calls:
        content.append(
            {"type": "tool_use", "id": f"toolu_{uuid.uuid4().hex[:24]}", "name": name, "input": args}
        )
    # Real clients cache the fixed part of the prompt, and what counts tokens has to cope with that.
    fixed = _tokens([request.body.get("system"), request.body.get("tools")])
    usage = {
        "input_tokens": _tokens(request.messages),
        "cache_creation_input_tokens": 0 if request.turn else fixed,
        "cache_read_input_tokens": fixed if request.turn else 0,
        "output_tokens": _tokens(content),
    }
    return {
        "id": f"msg_{uuid.uuid4().hex[:24]}",
        "type": "message",
        "role": "assistant",
        "model": request.body.get("model", MODELS[0]),
        "content": content,
        "stop_reason": "tool_use" if step.calls else "end_turn",
        "stop_sequence": None,
        "usage": usage,
    }


def _events(message: JSON) -> Iterator[JSON]:
    usage = {**message["usage"], "output_tokens": 1}
    opening = {**message, "content": [], "stop_reason": None, "usage": usage}
    yield {"type": "message_start", "message": opening}
    for index, block in enumerate(message["content"]):
        if block["type"] == "text":
            empty: JSON = {"text": ""}
            delta: JSON = {"type": "text_delta", "text": block["text"]}
        else:
            empty = {"input": {}}
            delta = {"type": "input_json_delta", "partial_json": json.dumps(block["input"])}
        yield {"type": "content_block_start", "index": index, "content_block": {**block, **empty}}
        yield {"type": "content_block_delta", "index": index, "delta": delta}
        yield {"type": "content_block_stop", "index": index}
    closing = {"stop_reason": message["stop_reason"], "stop_sequence": None}
    yield {"type": "message_delta", "delta": closing, "usage": message["usage"]}
    yield {"type": "message_stop"}
