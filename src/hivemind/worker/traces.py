"""Take traces and logs in on this machine: OTLP over HTTP, on the loopback, for who has the token."""

import hmac
import os
import secrets
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from hivemind.capture import boundary
from hivemind.config import Settings
from hivemind.domain.accounts import bearer_of
from hivemind.errors import HivemindError
from hivemind.otlp import receiver
from hivemind.otlp.reading import Limits, Signal
from hivemind.otlp.receiver import Answer
from hivemind.store.database import Database

#: Requests that wait for the store, beside the one at work; who comes then is told to try again.
MAX_WAITING = 8
#: Connections that are open at once; an SDK keeps one.
MAX_CONNECTIONS = 64
#: A client that sends nothing for so long is let go, in seconds.
CLIENT_TIMEOUT_S = 15.0
#: What came in is learnt from at most this often, in seconds: traces come all the time.
LEARN_EVERY_S = 20.0
_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_TOKEN_BYTES = 32


def address_of(listen: str) -> tuple[str, int]:
    """Give host and port of `otlp.listen`; raise where it is not an address of this machine alone."""
    host, _, port = listen.rpartition(":")
    host = host.strip("[]") or "127.0.0.1"
    if host not in _LOOPBACK or not (port.isascii() and port.isdigit() and int(port) < 1 << 16):
        raise HivemindError(
            "otlp-listen",
            f"otlp.listen = {listen!r} is not an address of this machine alone",
            hint="it takes 127.0.0.1:4318, localhost:4318 or [::1]:4318; others send to a server",
        )
    return host, int(port)


def token_file(data: Path) -> Path:
    """Name the file of the token that senders need."""
    return data / "otlp-token"


def token_of(data: Path) -> str:
    """Give the token, made when there is none; only this user can read it."""
    path = token_file(data)
    with suppress(FileNotFoundError):
        if token := path.read_text("ascii", "replace").strip():
            return token
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(fd, "w") as stream:
        os.fchmod(fd, 0o600)
        token = secrets.token_urlsafe(_TOKEN_BYTES)
        stream.write(token + "\n")
    return token


def signal_of(path: str) -> Signal | None:
    """Say what is sent to a path; None where nothing is taken there."""
    return receiver.PATHS.get(path.partition("?")[0])


class Listener:
    """Listen until closed; what is answered with 200 is stored."""

    def __init__(
        self,
        database: Database,
        *,
        address: tuple[str, int],
        token: str,
        workspace_id: str,
        settings: Callable[[], Settings],
        stored: Callable[[str], None],
        failed: Callable[[BaseException], None],
    ) -> None:
        self._database, self._workspace_id = database, workspace_id
        self._settings, self._stored = settings, stored
        self._token = token.encode()
        self._slots = threading.BoundedSemaphore(MAX_WAITING + 1)
        self._turn = threading.Lock()
        self._server = _Server(address, self, failed)
        self.port: int = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, name="traces", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop listening; requests at work are answered."""
        self._server.shutdown()
        self._server.server_close()

    def refuses(self, handler: BaseHTTPRequestHandler) -> tuple[int, str] | None:
        """Say why a request is not even read: by its path, its sender or the name it came by."""
        host = handler.headers.get("Host", "").rpartition(":")[0] or handler.headers.get("Host", "")
        # A page in a browser may send to this address under a name of its own.
        if host.strip("[]").lower() not in _LOOPBACK or handler.headers.get("Origin"):
            return 403, "requests come from programs on this machine, not from web pages"
        given = bearer_of(handler.headers.get("Authorization", ""))
        if not hmac.compare_digest(given.encode("utf-8", "replace"), self._token):
            return 401, "Authorization: Bearer TOKEN is missing or wrong; `hivemind traces` shows it"
        if signal_of(handler.path) is None:
            return 404, f"what is taken is sent to {', '.join(receiver.PATHS)}"
        if handler.command != "POST":
            return 405, "traces and logs are sent by POST"
        if not self._settings().capture_enabled:
            return 403, "capture.enabled is false: nothing is stored"
        length = handler.headers.get("Content-Length", "")
        if not (length.isascii() and length.isdigit()):
            return 411, "Content-Length is missing"
        if int(length) > Limits().body_bytes:
            return 413, f"the body is larger than {Limits().body_bytes} bytes"
        return None

    @contextmanager
    def place(self) -> Iterator[bool]:
        """Hold one of the places of requests that are read and wait; false where there is none."""
        got = self._slots.acquire(blocking=False)
        try:
            yield got
        finally:
            if got:
                self._slots.release()

    def receive(self, body: bytes, *, signal: Signal, content_type: str, content_encoding: str) -> Answer:
        """Store a request when its turn comes."""
        with self._turn:
            answer = receiver.receive(
                self._database,
                workspace_id=self._workspace_id,
                body=body,
                content_type=content_type,
                content_encoding=content_encoding,
                signal=signal,
                redactor=boundary.redactor(),
                rules=self._settings(),
            )
        if answer.stored is not None and answer.stored.sessions:
            self._stored(self._workspace_id)
        return answer


class Traces:
    """Listen where the settings say so, and no longer where they do not."""

    def __init__(
        self,
        database: Database,
        data: Path,
        *,
        workspace_id: str,
        settings: Callable[[], Settings],
        wake: Callable[[], None],
        failed: Callable[[BaseException], None],
    ) -> None:
        self._database, self._data, self._workspace_id = database, data, workspace_id
        self._settings, self._wake, self._failed = settings, wake, failed
        self._listens = ""
        self._came_in: set[str] = set()
        self._taken = -LEARN_EVERY_S
        self.listener: Listener | None = None

    @property
    def is_on(self) -> bool:
        """Say whether traces are taken in."""
        return self.listener is not None

    def take(self) -> set[str]:
        """Give the workspaces in which something came in, once in a while."""
        now = time.monotonic()
        if not self._came_in or now - self._taken < LEARN_EVERY_S:
            return set()
        self._taken = now
        found, self._came_in = self._came_in, set()
        return found

    def _note(self, workspace_id: str) -> None:
        self._came_in.add(workspace_id)
        if time.monotonic() - self._taken >= LEARN_EVERY_S:
            self._wake()

    def follow(self) -> HivemindError | None:
        """Do as the settings say now; give what is wrong with the address where it cannot be listened at."""
        wanted = self._settings().otlp_listen
        if wanted == self._listens:
            return None
        self.close()
        self._listens = wanted
        if not wanted:
            return None
        try:
            self.listener = Listener(
                self._database,
                address=address_of(wanted),
                token=token_of(self._data),
                workspace_id=self._workspace_id,
                settings=self._settings,
                stored=self._note,
                failed=self._failed,
            )
        except HivemindError as error:
            return error
        except OSError as error:
            return HivemindError("otlp-listen", f"traces cannot be taken in at {wanted}: {error}")
        return None

    def close(self) -> None:
        """Stop listening."""
        if self.listener is not None:
            self.listener.close()
            self.listener = None


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(
        self, address: tuple[str, int], listener: Listener, failed: Callable[[BaseException], None]
    ) -> None:
        self.listener, self._failed = listener, failed
        self._open = threading.BoundedSemaphore(MAX_CONNECTIONS)
        self.address_family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        super().__init__(address, _Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Serve a connection on a thread of its own, unless there are too many."""
        if not self._open.acquire(blocking=False):
            self.shutdown_request(request)
            return
        super().process_request(request, client_address)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Serve it, and count it no longer."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._open.release()

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002 - as socketserver calls it
        """Record what a handler raised; a client that went away is none of it."""
        error = sys.exc_info()[1]
        if error is not None and not isinstance(error, ConnectionError | TimeoutError):
            self._failed(error)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = CLIENT_TIMEOUT_S
    server: _Server

    def do_POST(self) -> None:
        """Answer an export."""
        listener, content_type = self.server.listener, self.headers.get("Content-Type", "")
        refused = listener.refuses(self)
        with listener.place() as has_place:
            if refused is None and not has_place:
                refused = 429, "too many requests wait to be stored"
            if refused is not None:
                # Its body is not read, so the connection cannot be used again.
                self.close_connection = True
                self._answer(receiver.refusal(*refused, content_type=content_type))
                return
            length = int(self.headers["Content-Length"])
            body = self.rfile.read(length)
            if len(body) < length:
                self.close_connection = True
                return
            encoding = self.headers.get("Content-Encoding", "")
            signal = signal_of(self.path) or Signal.TRACES
            answer = listener.receive(
                body, signal=signal, content_type=content_type, content_encoding=encoding
            )
        self._answer(answer)

    def do_GET(self) -> None:
        """Refuse it, as `Listener.refuses` says."""
        self.do_POST()

    def _answer(self, answer: Answer) -> None:
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer.body)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(answer.body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - its own name
        """Say nothing: a line a request would fill the log."""
