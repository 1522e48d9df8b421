"""The spool gives each announcement, whatever else is in its folder, and deletes none that was not read."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hivemind.capture import spool as spool_module
from hivemind.capture.spool import SETTLED_S, Spool, parse


def line(session: str, **more: object) -> bytes:
    """Write an announcement as the hook does."""
    said = {"agent": "claude", "session_id": session, "workspace": "w", "moment": "turn", "at": 1.5, **more}
    return b"\n" + json.dumps(said).encode() + b"\n"


def make_old(folder: Path) -> None:
    """Let every file look as if nobody had touched it for long; the time of the change cannot be set."""
    for path in folder.iterdir():
        os.utime(path, (1, 1))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Make a spool folder."""
    path = tmp_path / "spool"
    path.mkdir()
    return path


@pytest.fixture
def in_an_hour(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let an hour pass."""
    now = time.time
    monkeypatch.setattr(spool_module.time, "time", lambda: now() + 3600)


def test_each_announcement_is_given_once(folder: Path) -> None:
    """What was read is not given again, and what is appended comes next time."""
    spool = Spool(folder)
    (folder / "a.jsonl").write_bytes(line("a", expects=7, cwd="/x", transcript="/t.jsonl"))
    (said,) = spool.read()
    assert (said.session_id, said.workspace_id, said.moment, said.expects, said.cwd, said.transcript) == (
        *("a", "w", "turn", 7),
        *("/x", "/t.jsonl"),
    )
    assert spool.read() == []
    with (folder / "a.jsonl").open("ab") as stream:
        stream.write(line("a") + line("b"))
    assert [a.session_id for a in spool.read()] == ["a", "b"]


def test_a_line_that_is_being_written_is_given_when_it_is_whole(folder: Path) -> None:
    """Half a line waits for its end."""
    spool = Spool(folder)
    whole = line("a")
    (folder / "a.jsonl").write_bytes(whole[:-9])
    assert spool.read() == []
    (folder / "a.jsonl").write_bytes(whole)
    assert [a.session_id for a in spool.read()] == ["a"]


def test_garbage_costs_only_itself(folder: Path) -> None:
    """Binary, torn and foreign lines around an announcement do not hide it."""
    garbage = [
        b"\0" * 999,
        b"\xff\x80",
        b"[1]",
        b"{}",
        b"[" * 100_000,
        b'{"agent":"claude","session_id":""}',
        b"x" * 2**21,
    ]
    (folder / "a.jsonl").write_bytes(
        b"\n".join(garbage) + line("a") + b"\n".join(garbage) + line("b") + b'{"half'
    )
    assert [a.session_id for a in Spool(folder).read()] == ["a", "b"]


def test_a_file_without_one_newline_is_passed_over(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Endless garbage is not held in memory, and an announcement behind it is found."""
    monkeypatch.setattr(spool_module, "READ_BYTES", 1000)
    (folder / "a.jsonl").write_bytes(b"x" * 10_000 + line("a"))
    spool = Spool(folder)
    found = [a.session_id for _ in range(20) for a in spool.read()]
    assert found == ["a"]


def test_a_replaced_file_is_read_from_its_beginning(folder: Path) -> None:
    """A file that became shorter is another one."""
    spool = Spool(folder)
    (folder / "a.jsonl").write_bytes(line("a") * 3)
    spool.read()
    (folder / "a.jsonl").write_bytes(line("b"))
    assert [a.session_id for a in spool.read()] == ["b"]


def test_what_is_no_file_is_left_alone(folder: Path) -> None:
    """A pipe or a folder among the spool files blocks nothing."""
    os.mkfifo(folder / "pipe.jsonl")
    (folder / "folder.jsonl").mkdir()
    (folder / "gone.jsonl").symlink_to(folder / "nowhere")
    (folder / "a.jsonl").write_bytes(line("a"))
    spool = Spool(folder)
    assert len(spool.read()) == 1
    spool.delete_settled()
    assert spool.pending_bytes() == 0
    assert Spool(folder / "missing").read() == []
    assert Spool(folder / "missing").pending_bytes() == 0


@pytest.mark.usefixtures("in_an_hour")
def test_quiet_files_are_put_aside_and_deleted_later(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A settled file goes in two steps, and is given no second time in between."""
    spool = Spool(folder)
    (folder / "a.jsonl").write_bytes(line("a"))
    spool.read()
    spool.delete_settled()
    assert [p.name for p in folder.iterdir()] == ["a.settled"]
    assert spool.read() == []
    much_later = time.time() + SETTLED_S * 100
    monkeypatch.setattr(spool_module.time, "time", lambda: much_later)
    spool.delete_settled()
    assert list(folder.iterdir()) == []


def test_a_busy_or_unread_file_stays(folder: Path) -> None:
    """A file that was just written, and one that nobody has read, are kept."""
    spool = Spool(folder)
    (folder / "busy.jsonl").write_bytes(line("a"))
    spool.read()
    spool.delete_settled()
    assert (folder / "busy.jsonl").exists()
    unread = Spool(folder)
    make_old(folder)
    unread.delete_settled()
    assert (folder / "busy.jsonl").exists()


@pytest.mark.usefixtures("in_an_hour")
def test_a_hook_that_writes_into_a_file_put_aside_is_heard(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between a hook's open and its write the file may be put aside: the line is given all the same, once."""
    spool = Spool(folder)
    path = folder / "a.jsonl"
    path.write_bytes(line("a"))
    spool.read()
    with path.open("ab") as stream:
        spool.delete_settled()
        assert not path.exists()
        stream.write(line("late"))
    path.write_bytes(line("new"))
    assert sorted(a.session_id for a in spool.read()) == ["late", "new"]
    spool.delete_settled()  # the name is taken by the file put aside: the new one waits
    assert path.exists()
    for hours in (10, 20, 30):
        later = time.time() + 3600 * hours
        monkeypatch.setattr(spool_module.time, "time", lambda later=later: later)
        spool.delete_settled()
        assert spool.read() == []
    assert list(folder.iterdir()) == []


@given(
    said=st.dictionaries(
        st.sampled_from(["agent", "session_id", "workspace", "moment", "transcript", "cwd", "at", "expects"]),
        st.none()
        | st.booleans()
        | st.integers()
        | st.floats()
        | st.text(max_size=5)
        | st.just(10**400)
        | st.just([]),
    )
)
def test_no_line_makes_the_parser_raise(said: dict[str, object]) -> None:
    """Whatever types the fields have, a line is an announcement or none."""
    found = parse(json.dumps(said).encode())
    if found is not None:
        assert found.agent
        assert found.session_id
        assert "\0" not in found.transcript
        assert 0 <= found.at < 1e12
