"""What the server makes of requests that no machine of ours sends."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import sqlalchemy as sa
from benchmarks import team_server
from benchmarks.team_server import WORKSPACE, Thread
from hypothesis import given
from hypothesis import strategies as st
from machines import Computer, stored

from hivemind.domain.events import Event, EventKind
from hivemind.errors import HivemindError
from hivemind.store import schema
from hivemind.store.database import open_database
from hivemind.sync import skill_wire, wire
from hivemind.sync.places import Places

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=5),
    max_leaves=20,
)
KEYS = (
    *("machine", "machine_id", "sessions", "session_id", "agent", "remote", "from_seq", "to_seq", "events"),
    *("id", "kind", "seq", "at", "data", "usage", "offers", "skills", "cursor", "scope", "state", "document"),
)
DOCUMENTS = st.dictionaries(st.sampled_from(KEYS), JSON, max_size=12)
READERS: tuple[Callable[[Any], object], ...] = (
    wire.read_batch,
    wire.read_session,
    wire.read_event,
    wire.read_receipt,
    wire.read_state,
    wire.read_counts,
    skill_wire.read_page,
    skill_wire.read_skill,
    skill_wire.read_shared,
)


@given(value=JSON | DOCUMENTS)
def test_no_reader_falls_over(value: Any) -> None:
    """Whatever JSON comes, it is a value or a refusal."""
    for read in READERS:
        try:
            read(value)
        except HivemindError as error:
            assert error.slug == "sync-malformed"  # noqa: PT017 - the other outcome is a value


@given(text=st.text(max_size=50), data=st.dictionaries(st.text(max_size=5), JSON, max_size=3))
def test_an_event_comes_as_it_went(text: str, data: dict[str, Any]) -> None:
    """What is written is read as the same, text and data of any kind."""
    sane = json.loads(
        json.dumps(data, allow_nan=True)
        .replace("NaN", "0")
        .replace("-Infinity", "0")
        .replace("Infinity", "0")
    )
    event = Event(kind=EventKind.TOOL_CALL, native_id="e" + "0" * 30, text=text.replace("\0", ""), data=sane)
    sent = wire.SentEvent(event_id=event.native_id, seq=3, event=event, redactions=1)
    try:
        packed = wire.canonical(sent.as_json())
    except (UnicodeEncodeError, ValueError):
        return
    try:
        assert wire.read_event(json.loads(packed)) == sent
    except HivemindError:
        pytest.fail(f"refused {packed!r}")


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("cd /home/ada/shop && ls", "cd ~/shop && ls"),
        ("/home/adam/x", "/home/adam/x"),
        ("--file=/home/ada", "--file=~"),
        ("~/.claude/projects/-home-ada-shop/x.jsonl", "~/.claude/projects/~-shop/x.jsonl"),
        ("/srv/checkout/a.py", "~/shop/a.py"),
    ],
)
def test_nobody_sees_whose_folders_they_are(said: str, shown: str) -> None:
    """A home is `~`, and a checkout elsewhere is below it."""
    assert Places(home="/home/ada", root="/srv/checkout", name="shop").text(said) == shown


@pytest.fixture
def team(tmp_path: Path) -> Iterator[Thread]:
    """Serve a team's workspace from a file."""
    database = open_database(tmp_path / "server" / "hivemind.db")
    team_server.found(database)
    with Thread(database) as server:
        yield server
    database.close()


def post(one: Computer, body: bytes, **headers: str) -> httpx.Response:
    """Send raw bytes as a batch."""
    sent = {"Authorization": f"Bearer {one.token}", "Content-Type": "application/json", **headers}
    return httpx.post(f"{one.url}/api/v1/sync/sessions", content=body, headers=sent, timeout=60)


def batch(**session: Any) -> dict[str, Any]:
    """Make a batch of one session with one event."""
    values = {
        "session_id": "s1",
        "agent": "claude",
        "remote": "github.com/acme/shop",
        "from_seq": 0,
        "to_seq": 1,
        "events": [{"id": "e" + "0" * 30, "seq": 0, "kind": "prompt", "text": "hello"}],
    }
    return {"machine": {"machine_id": "0" * 32}, "sessions": [values | session]}


def test_only_what_is_agreed_is_stored(team: Thread, computer: Callable[..., Computer]) -> None:
    """Broken, cut off, inflated, misplaced or disguised: refused with a reason, and nothing is stored."""
    ada = computer("Ada")
    whole = gzip.compress(json.dumps(batch()).encode())
    bomb = gzip.compress(b" " * 70_000_000)
    refused = {
        "no json": post(ada, b"{"),
        "no object": post(ada, b"[]"),
        "cut off": post(ada, whole[:-9], **{"Content-Encoding": "gzip"}),
        "no gzip": post(ada, b"{}", **{"Content-Encoding": "gzip"}),
        "another encoding": post(ada, b"{}", **{"Content-Encoding": "br"}),
        "a bomb": post(ada, bomb, **{"Content-Encoding": "gzip"}),
        "deep": post(ada, b"[" * 100_000),
    }
    for name, session in {
        "a folder of a machine": {"cwd": "/home/ada"},
        "no remote": {"remote": ""},
        "a remote in disguise": {"remote": "GitHub.com/acme/shop.git"},
        "another's name": {"session_id": "s1.p0123456789abcdef"},
        "an event behind the end": {"to_seq": 0},
        "a long id": {"session_id": "x" * 300},
        "an id of its own": {"events": [{"id": "x", "seq": 0, "kind": "prompt"}]},
    }.items():
        refused[name] = post(ada, json.dumps(batch(**session)).encode())
    assert {
        name: answer.status_code for name, answer in refused.items() if answer.status_code not in (413, 422)
    } == {}
    assert refused["a bomb"].status_code == 413
    assert all(answer.json()["detail"] for answer in refused.values())
    assert stored(team.database, WORKSPACE) == {}
    assert post(ada, whole, **{"Content-Encoding": "gzip"}).status_code == 200
    assert stored(team.database, WORKSPACE) == {"s1": ["hello"]}


def test_a_secret_that_a_machine_lets_through_is_redacted(
    team: Thread, computer: Callable[..., Computer]
) -> None:
    """The server's own rules look at every event."""
    ada = computer("Ada")
    key = "AKIA" + "Z7QW3RTYPLMN5XCV"
    event = {"id": "e" + "1" * 30, "seq": 0, "kind": "prompt", "text": f"aws_access_key_id = {key}"}
    assert post(ada, json.dumps(batch(events=[event])).encode()).status_code == 200
    with team.database.read(WORKSPACE) as workspace:
        row = workspace.execute(sa.select(schema.events)).one()
    assert key not in row.text
    assert row.redactions == 1
