"""A stand-in for a Deeplake API: its one endpoint, on this machine, over a real PostgreSQL.

Each request is a transaction of its own, remembers nothing of the one before, takes one statement, and is
answered with `columns` and `rows`. What the vendor's cloud does beyond that, nobody here has seen.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import psycopg

    from databases import Server

TOKEN = "t0ken-of-the-stand-in"
_PATH = re.compile(r"/workspaces/([A-Za-z0-9_]+)/tables/query\Z")


@dataclass
class StandIn:
    """Answer for a server's databases, each as the workspace of its name."""

    server: Server
    token: str = TOKEN
    failures: list[int] = field(default_factory=list)  #: statuses that come before an answer
    loses: Callable[[str], bool] = lambda _: False  #: whether the answer to a statement gets lost on its way
    rewrites: Callable[[str], str] = lambda statement: statement  #: what is run in place of a statement
    body: bytes | None = None  #: what is answered instead
    settings: str = ""  #: libpq's `options` of each session
    asked: list[str] = field(default_factory=list)
    port: int = 0

    def url(self, workspace: str) -> str:
        """Give the URL of a workspace as a store."""
        return f"deeplake+http://:{self.token}@127.0.0.1:{self.port}/acme/{workspace}"

    def open(self, workspace: str) -> psycopg.Connection[Any]:
        """Connect to what is behind a workspace."""
        import psycopg

        opened = psycopg.connect(self.server.url(workspace), autocommit=True, options=self.settings)
        opened.prepare_threshold = None
        return opened


def _run(connection: psycopg.Connection[Any], statement: str) -> tuple[int, dict[str, Any]]:
    """Run one statement as it stands, in a session that knows of none before it."""
    from psycopg import Error

    try:
        # In PostgreSQL's extended protocol, in which the server refuses a second statement.
        found = connection.execute(statement.encode(), prepare=False, binary=True)
        columns = [column.name for column in found.description or ()]
        rows = [list(row) for row in found] if columns else []
        answer = {"columns": columns, "rows": rows, "row_count": found.rowcount}
        connection.execute("DISCARD ALL")
    except Error as error:
        return 400, {"error": str(error)}
    return 200, answer


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    stand_in: StandIn
    session: psycopg.Connection[Any] | None = None
    workspace = ""

    def do_POST(self) -> None:
        given = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        status, body = self._answer(given)
        if self.stand_in.loses(given["query"]):
            self.close_connection = True
            return
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _answer(self, given: dict[str, Any]) -> tuple[int, bytes]:
        stand_in = self.stand_in
        stand_in.asked.append(given["query"])
        path = _PATH.match(self.path)
        if self.headers["Authorization"] != f"Bearer {stand_in.token}" or set(given) != {"query"}:
            return 401, b'{"error": "no"}'
        if stand_in.failures:
            return stand_in.failures.pop(0), b'{"error": "no"}'
        if path is None or not self.headers["X-Activeloop-Org-Id"]:
            return 404, b'{"error": "no such workspace"}'
        if stand_in.body is not None:
            return 200, stand_in.body
        if self.session is None or self.session.closed or self.workspace != path[1]:
            self.finish_session()
            self.session, self.workspace = stand_in.open(path[1]), path[1]
        status, answer = _run(self.session, stand_in.rewrites(given["query"]))
        return status, json.dumps(answer, default=str).encode()

    def finish_session(self) -> None:
        """Leave the database."""
        if self.session is not None:
            self.session.close()
            self.session = None

    def finish(self) -> None:
        self.finish_session()
        super().finish()

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def standing_in(server: Server) -> Iterator[StandIn]:
    """Run the endpoint for as long as it is needed."""
    stand_in = StandIn(server)
    handler = type("Handler", (_Handler,), {"stand_in": stand_in})
    listening = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    listening.daemon_threads = True
    stand_in.port = listening.server_port
    thread = threading.Thread(target=listening.serve_forever, daemon=True)
    thread.start()
    try:
        yield stand_in
    finally:
        listening.shutdown()
        listening.server_close()
        thread.join()
