"""The worker's thread: it sends and takes by itself, says once what is wrong, and holds nobody up."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from benchmarks import team_server
from benchmarks.team_server import WORKSPACE, Thread
from machines import Computer, stored, texts
from test_pulling import make

from hivemind.store import accounts, problems, remotes
from hivemind.store.database import open_database
from hivemind.sync import credentials
from hivemind.worker import syncing
from hivemind.worker.syncing import Syncing


@pytest.fixture
def team(tmp_path: Path) -> Iterator[Thread]:
    """Serve a team's workspace from a file."""
    database = open_database(tmp_path / "server" / "hivemind.db")
    team_server.found(database)
    with Thread(database) as server:
        yield server
    database.close()


def start(one: Computer, *, is_captured: bool = True) -> Syncing:
    """Begin as the worker's loop does."""
    thread = Syncing(
        one.database,
        data=one.data,
        home=one.home,
        variables={},
        settings=lambda: one.settings,
        wake=lambda: None,
        is_captured=is_captured,
    )
    thread.look()
    return thread


def wait_for(look: Callable[[], object], *, seconds: float = 30.0) -> None:
    """Wait until something is so."""
    end = time.monotonic() + seconds
    while not look():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_it_sends_and_takes(team: Thread, computer: Callable[..., Computer]) -> None:
    """Without anybody's doing, and says which workspace's files have to be written."""
    ada = computer("Ada")
    credentials.save(ada.data, ada.credentials())
    ada.has("s1", texts(4))
    make(team.database)
    thread = start(ada)
    try:
        changed: set[str] = set()
        wait_for(lambda: changed.update(thread.take_changed()) or changed)
        assert changed == {"default"}
        assert stored(team.database, WORKSPACE) == {"s1": texts(4)}
        ada.has("s1", ["more"], first=4)
        thread.soon(seconds=0.0)
        wait_for(lambda: stored(team.database, WORKSPACE) == {"s1": [*texts(4), "more"]})
    finally:
        thread.close()


def test_capture_off_sends_nothing_and_takes_all_the_same(
    team: Thread, computer: Callable[..., Computer]
) -> None:
    """As HIVEMIND_CAPTURE=false says."""
    ada = computer("Ada")
    credentials.save(ada.data, ada.credentials())
    ada.has("s1", texts(4))
    make(team.database)
    thread = start(ada, is_captured=False)
    try:
        wait_for(thread.take_changed)
        assert stored(team.database, WORKSPACE) == {}
    finally:
        thread.close()


def test_a_revoked_token_is_said_once(
    team: Thread, computer: Callable[..., Computer], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where `hivemind status` and `hivemind doctor` look, however often it is tried."""
    monkeypatch.setattr(syncing, "EVERY_S", 0.05)
    ada = computer("Ada")
    credentials.save(ada.data, ada.credentials())
    with team.database.write(WORKSPACE) as workspace:
        for member in accounts.members(workspace):
            accounts.revoke(workspace, at=datetime.now(UTC), person_id=member.person_id)
    thread = start(ada)
    try:
        wait_for(lambda: thread._failures > 2)
    finally:
        thread.close()
    with ada.database.read() as workspace:
        (problem,) = problems.recent(workspace)
        held = remotes.remote(workspace)
    assert (problem.slug, problem.count) == ("sync-not-let-in", 1)
    assert held is not None
    assert "token" in held.last_error


def test_a_server_that_hangs_holds_nobody_up(computer: Callable[..., Computer], team: Thread) -> None:
    """Leaving waits a moment at most, and looking takes none."""
    import socket

    with socket.create_server(("127.0.0.1", 0)) as silent:
        ada = computer("Ada")
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        credentials.save(ada.data, replace(ada.credentials(), url=url))
        thread = start(ada)
        time.sleep(0.3)
        began = time.monotonic()
        thread.look()
        thread.soon(seconds=0.0)
        assert thread.take_changed() == set()
        assert time.monotonic() - began < 0.1
        thread.close()
        assert time.monotonic() - began < 4
