"""The worker takes traces in on this machine, from who has the token, and answers 429 where too many wait."""

from __future__ import annotations

import gzip
import http.client
import json
import stat
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from command_line import run
from otlp_stories import Trace, cancelling, document, log_document, record

from hivemind import config
from hivemind.config import Settings
from hivemind.distill import miners
from hivemind.errors import HivemindError
from hivemind.store import lessons, sessions
from hivemind.store.database import Database, open_database
from hivemind.worker import traces
from hivemind.worker.loop import Worker
from hivemind.worker.traces import Listener, address_of, token_of

TOKEN, PATH = "a-token-for-tests", "/v1/traces"
DETAILS = "gen_ai.client.inference.operation.details"


class Sender:
    """Send requests to a listener."""

    def __init__(self, database: Database) -> None:
        self.stored: list[str] = []
        self.settings = Settings()
        self.listener = Listener(
            database,
            address=("127.0.0.1", 0),
            token=TOKEN,
            workspace_id="default",
            settings=lambda: self.settings,
            stored=self.stored.append,
            failed=lambda error: pytest.fail(str(error)),
        )

    def send(
        self,
        body: bytes,
        *,
        path: str = PATH,
        method: str = "POST",
        token: str = TOKEN,
        **headers: str,
    ) -> http.client.HTTPResponse:
        """Send one request."""
        connection = http.client.HTTPConnection("127.0.0.1", self.listener.port, timeout=20)
        given = {"Content-Type": "application/json", **{k.replace("_", "-"): v for k, v in headers.items()}}
        if token:
            given["Authorization"] = f"Bearer {token}"
        connection.request(method, path, body, given)
        answer = connection.getresponse()
        answer.body = answer.read()  # type: ignore[attr-defined]
        connection.close()
        return answer


@pytest.fixture
def database(tmp_path: Path) -> Database:
    """Open an empty database."""
    return open_database(tmp_path / "x.db")


@pytest.fixture
def sender(database: Database) -> Iterator[Sender]:
    """Listen, and stop after the test."""
    found = Sender(database)
    yield found
    found.listener.close()


BODY = json.dumps(document(cancelling("a", careful=True).spans)).encode()


def test_traces_are_stored_when_they_are_accepted(sender: Sender, database: Database) -> None:
    """200 means stored, packed or not, and the worker is told."""
    assert sender.send(gzip.compress(BODY), Content_Encoding="gzip").status == 200
    with database.read() as workspace:
        assert len(sessions.recent(workspace, limit=5)) == 1
    assert sender.stored == ["default"]


@pytest.mark.parametrize(
    ("named", "status"),
    [
        ({"token": ""}, 401),
        ({"token": "another"}, 401),
        ({"Host": "attacker.example:4318"}, 403),
        ({"Origin": "http://localhost"}, 403),
        ({"path": "/v1/profiles"}, 404),
        ({"method": "GET"}, 405),
        ({"Content_Type": "text/plain"}, 415),
        ({"Content_Encoding": "br"}, 415),
    ],
)
def test_others_are_refused(sender: Sender, database: Database, named: dict[str, str], status: int) -> None:
    """Who has no token, comes from a web page or sends something else is told so, and stores nothing."""
    assert sender.send(BODY, **named).status == status
    with database.read() as workspace:
        assert sessions.recent(workspace, limit=5) == []


def test_a_body_that_is_too_large_is_not_read(sender: Sender) -> None:
    """Its length alone is refused."""
    connection = http.client.HTTPConnection("127.0.0.1", sender.listener.port, timeout=20)
    connection.putrequest("POST", PATH)
    connection.putheader("Authorization", f"Bearer {TOKEN}")
    connection.putheader("Content-Type", "application/json")
    connection.putheader("Content-Length", str(1 << 40))
    connection.endheaders()
    assert connection.getresponse().status == 413


def test_too_many_at_once_are_told_to_wait(sender: Sender, database: Database) -> None:
    """Who is refused with 429 is told when to come again; all others are stored."""
    answers: list[http.client.HTTPResponse] = []

    def one(number: int) -> None:
        trace = Trace(name=f"many{number}").asks(f"What about order {number}?")
        trace.model("It is open.")
        answers.append(sender.send(json.dumps(document(trace.spans)).encode()))

    threads = [threading.Thread(target=one, args=(n,)) for n in range(40)]
    with database.write():  # the store is busy
        for thread in threads:
            thread.start()
        while sum(a.status == 429 for a in answers) < len(threads) - traces.MAX_WAITING - 1:
            threading.Event().wait(0.02)
    for thread in threads:
        thread.join()
    by_status = {status: [a for a in answers if a.status == status] for status in (200, 429)}
    assert len(by_status[429]) == len(threads) - traces.MAX_WAITING - 1
    assert all(a.headers["Retry-After"] == "2" for a in by_status[429])
    with database.read() as workspace:
        assert len(sessions.recent(workspace, limit=100)) == len(by_status[200]) == traces.MAX_WAITING + 1


def test_capture_off_stores_nothing(sender: Sender) -> None:
    """The privacy switch holds for traces, too."""
    sender.settings = Settings(capture_enabled=False)
    assert sender.send(BODY).status == 403


def test_the_token_is_for_this_user_only(tmp_path: Path) -> None:
    """It is made once."""
    token = token_of(tmp_path)
    assert len(token) > 30
    assert token_of(tmp_path) == token
    assert stat.S_IMODE(traces.token_file(tmp_path).stat().st_mode) == 0o600


@pytest.mark.parametrize(
    "listen", ["0.0.0.0:4318", "10.1.2.3:4318", "4318:x", "127.0.0.1:99999", "example.com:80"]
)
def test_only_this_machine_is_listened_to(listen: str) -> None:
    """Any other address is an error that says what it takes."""
    with pytest.raises(HivemindError) as found:
        address_of(listen)
    assert found.value.slug == "otlp-listen"


def test_a_worker_listens_and_shows_what_came_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Set the address, send, learn: `hivemind traces` says how and how many."""
    data = tmp_path / "data"
    data.mkdir(mode=0o700)
    monkeypatch.setenv("HIVEMIND_HOME", str(data))
    config.config_path(data).write_text('[otlp]\nlisten = "127.0.0.1:0"\n')
    worker = Worker(data, variables={"HOME": str(tmp_path), "HIVEMIND_HOME": str(data)})
    try:
        assert worker.traces.listener is not None
        connection = http.client.HTTPConnection("127.0.0.1", worker.traces.listener.port, timeout=20)
        connection.request(
            "POST",
            PATH,
            BODY,
            {"Content-Type": "application/json", "Authorization": f"Bearer {token_of(data)}"},
        )
        assert connection.getresponse().status == 200
        connection.close()
        worker.step()
        with worker.database.read() as workspace:
            assert not lessons.is_any_due(workspace, miners_version=miners.VERSION)
        told = run("traces", "--json").json
        assert told["sessions"] == 1
        assert token_of(data) in told["environment"]["OTEL_EXPORTER_OTLP_HEADERS"]
    finally:
        worker.close()


def test_logs_and_metrics_are_answered_too(sender: Sender, database: Database) -> None:
    """Log records are stored, with the same token; metrics are rejected in an answer that no SDK minds."""
    said = {"gen_ai.input.messages": [{"role": "user", "content": "Hello there"}]}
    body = json.dumps(log_document([record(DETAILS, said, trace="t", span="s")])).encode()
    assert sender.send(gzip.compress(body), path="/v1/logs", Content_Encoding="gzip").status == 200
    assert sender.send(body, path="/v1/logs", token="").status == 401
    assert sender.stored == ["default"]
    with database.read() as workspace:
        (session,) = sessions.recent(workspace, limit=5)
    assert session.title == "Hello there"
    answer = sender.send(b'{"resourceMetrics": []}', path="/v1/metrics")
    assert (answer.status, answer.body) == (200, b"{}")  # type: ignore[attr-defined]
    assert sender.send(b"{", path="/v1/metrics").status == 400
    assert sender.stored == ["default"]
