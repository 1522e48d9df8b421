"""Whatever breaks below the worker, whenever it is killed, no event is lost or doubled once it runs again."""

from __future__ import annotations

import os
import random
import resource
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest
from claude_records import answer, assert_consistent, lines, prompt, rows, turns
from hooks import SESSION, Data, payload, wait_for

from hivemind.capture import layout


def stop_hook(data: Data, transcript: Path, said: str = "") -> None:
    """Announce that a turn ended."""
    more = {"last_assistant_message": said} if said else {}
    assert data.hook("Stop", payload("Stop", transcript_path=str(transcript), **more)).code == 0


@pytest.mark.slow
def test_a_worker_killed_at_any_moment_loses_and_doubles_nothing(data: Data, transcript: Path) -> None:
    """Killed again and again while it reads eight megabytes, it stores each event once in the end."""
    content = lines(*turns(4_000, words=280))
    transcript.write_bytes(content)
    stop_hook(data, transcript)
    chance, killed_inside = random.Random(7), 0  # noqa: S311
    for round_ in range(15):
        worker = data.start_worker()
        wait_for(data.worker_is_up)
        time.sleep(chance.uniform(0, 0.6))
        worker.kill()
        worker.wait()
        (data.path / "worker.sock").unlink(missing_ok=True)
        if data.database.exists():
            assert_consistent(data.database)
            ((offset,),) = rows(data.database, "SELECT coalesce(max(offset_bytes), 0) FROM transcripts")
            killed_inside += 0 < offset < len(content)
        if round_ == 7:
            content += lines(*turns(1, session=SESSION), prompt("grown"))
            transcript.write_bytes(content)
    data.start_worker()
    wait_for(
        lambda: rows(data.database, "SELECT offset_bytes FROM transcripts") == [(len(content),)], seconds=60
    )
    natives = 4_000 * 5 + 4 + 1  # the added turn is new but for its usage, whose message is known
    assert rows(data.database, "SELECT next_seq FROM sessions") == [(natives,)]
    assert_consistent(data.database)
    assert killed_inside >= 2, "the kills came too early or too late to prove anything"


def test_a_worker_killed_while_it_stores_prompts_leaves_the_spool(data: Data, transcript: Path) -> None:
    """What hooks announced outlives the worker that had read it."""
    worker = data.start_worker()
    wait_for(data.worker_is_up)
    stop_hook(data, transcript, "late")
    wait_for(lambda: (data.path / "last-heard.json").exists())
    worker.kill()
    worker.wait()
    transcript.write_bytes(lines(prompt("one"), answer("late")))
    data.start_worker()
    wait_for(lambda: data.stored() == ["one", "late"])


def test_a_corrupted_spool_costs_only_what_was_overwritten(data: Data, transcript: Path) -> None:
    """Binary, torn lines, pipes and folders in the spool stop nothing."""
    folder = data.path / "spool"
    folder.mkdir()
    (folder / "a.jsonl").write_bytes(os.urandom(3 << 20))
    (folder / "b.jsonl").write_bytes(
        b'{"agent": "claude", "session_id": "s", "transcript": "\\u0000/x"}\n{"torn'
    )
    (folder / "c.jsonl").mkdir()
    os.mkfifo(folder / "d.jsonl")
    (folder / "e.jsonl").write_bytes(
        b'{"agent":"claude","session_id":"s","workspace":"../bad name","transcript":"/x.jsonl"}\n'
        b'{"agent":"claude","session_id":"\\ud83d","workspace":"\\ud83d","transcript":"/\\ud83d.jsonl","at":1e400}\n'
    )
    transcript.write_bytes(lines(prompt("one")))
    stop_hook(data, transcript)
    with (folder / f"{SESSION}.jsonl").open("ab") as stream:
        stream.write(b"\0\0\0{{{ garbage")
    data.start_worker()
    wait_for(lambda: data.stored() == ["one"])


@pytest.mark.parametrize("kind", ["pipe", "folder", "loop", "unreadable", "bad workspace"])
def test_a_transcript_that_cannot_be_read_holds_up_no_other(data: Data, transcript: Path, kind: str) -> None:
    """What the hook names may be anything: it is reported and the others are stored."""
    odd = transcript.with_name("aaa.jsonl")
    env = {}
    if kind == "pipe":
        os.mkfifo(odd)
    elif kind == "folder":
        odd.mkdir()
    elif kind == "loop":
        odd.symlink_to(odd)
    elif kind == "unreadable":
        odd.symlink_to("/proc/self/mem" if sys.platform == "linux" else "/dev/kmem")
    else:
        odd.write_bytes(lines(prompt("of nobody", session="aaa")))
        env = {"HIVEMIND_WORKSPACE_ID": "no/team"}
    data.hook("Stop", payload("Stop", session_id="aaa", transcript_path=str(odd)), env=env)
    transcript.write_bytes(lines(prompt("one")))
    stop_hook(data, transcript)
    data.start_worker()
    wait_for(lambda: data.stored() == ["one"])
    slug = "workspace-name" if kind == "bad workspace" else "transcript-unreadable"
    wait_for(lambda: rows(data.database, "SELECT slug, count FROM problems") == [(slug, 1)])


def test_a_locked_database_is_waited_for(data: Data, transcript: Path) -> None:
    """While another process holds the database the worker keeps what it is to do, and does it afterwards."""
    data.start_worker()
    wait_for(data.worker_is_up)
    code = (
        "import sqlite3, sys, time; c = sqlite3.connect(sys.argv[1], isolation_level=None); "
        "c.execute('BEGIN EXCLUSIVE'); print('locked', flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", code, str(data.database)], stdout=subprocess.PIPE) as locker:
        assert locker.stdout is not None
        locker.stdout.readline()
        transcript.write_bytes(lines(prompt("one"), answer("two")))
        stop_hook(data, transcript, "two")
        prompted = data.hook("UserPromptSubmit", payload("UserPromptSubmit", transcript_path=str(transcript)))
        assert (prompted.code, prompted.out) == (0, "")
        assert prompted.seconds < 1.5
        time.sleep(1)
        locker.kill()
    wait_for(lambda: data.stored() == ["one", "two"], seconds=40)


def test_a_hung_worker_loses_nothing(data: Data, transcript: Path) -> None:
    """What was announced while the worker was stopped is stored when it goes on."""
    worker = data.start_worker()
    wait_for(data.worker_is_up)
    worker.send_signal(signal.SIGSTOP)
    transcript.write_bytes(lines(prompt("one")))
    stop_hook(data, transcript)
    worker.send_signal(signal.SIGCONT)
    wait_for(lambda: data.stored() == ["one"], seconds=5)


def _limit(pid: int, size: int) -> None:
    _, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, hard))


@pytest.mark.skipif(not hasattr(resource, "prlimit"), reason="only Linux lets one limit a running process")
def test_a_full_disk_is_waited_for(data: Data, transcript: Path) -> None:
    """With no room for a byte the worker lives on, keeps the spool, and stores everything once there is."""
    worker = data.start_worker()
    wait_for(data.worker_is_up)
    stop_hook(data, transcript)
    wait_for(lambda: (data.path / "last-heard.json").exists())
    _limit(worker.pid, 0)
    transcript.write_bytes(lines(*turns(50)))
    stop_hook(data, transcript, "Step 49 is done.")
    time.sleep(3)
    assert worker.poll() is None
    assert data.stored() == []
    assert data.announcements()
    _limit(worker.pid, resource.RLIM_INFINITY)
    wait_for(lambda: len(data.stored()) == 200, seconds=30)
    assert_consistent(data.database)
    worker.terminate()
    assert worker.wait(10) == 0
    assert worker.stderr is not None
    assert worker.stderr.read().count(b"Traceback") <= 2  # said once, and not at each try


def test_what_a_hook_cannot_spool_it_tells_the_worker(data: Data, transcript: Path) -> None:
    """With no room for the announcement, the turn is stored all the same: the hook says it on the socket."""
    data.start_worker()
    wait_for(data.worker_is_up)
    transcript.write_bytes(lines(*turns(5)))
    spool = Path(layout.spool_dir(str(data.path)))
    spool.mkdir(exist_ok=True)
    (spool / f"{SESSION}.jsonl").mkdir()  # nothing can be written there
    stop_hook(data, transcript, "Step 4 is done.")
    wait_for(lambda: len(data.stored()) == 20)
    assert_consistent(data.database)


def test_a_small_disk_that_fills_up_is_survived(tmp_path: Path, transcript: Path) -> None:
    """On a file system that is really full nothing is lost either: with more room everything is stored."""
    path = tmp_path / "small"
    path.mkdir(mode=0o700)
    mount = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=2m,mode=700", "tmpfs", str(path)],
        capture_output=True,
        check=False,
    )
    if mount.returncode:
        pytest.skip("mounting a file system needs more rights")
    data = Data(path, tmp_path)
    try:
        worker = data.start_worker()
        wait_for(data.worker_is_up)
        transcript.write_bytes(lines(*turns(1_500, words=60)))
        stop_hook(data, transcript, "Step 1499 is done.")
        time.sleep(3)
        assert worker.poll() is None
        assert len(data.stored()) < 6_000
        subprocess.run(["mount", "-o", "remount,size=200m", str(path)], check=True)
        wait_for(lambda: len(data.stored()) == 6_000, seconds=40)
        assert_consistent(data.database)
    finally:
        data.end()
        subprocess.run(["umount", "--lazy", str(path)], check=False)


def test_a_database_that_is_none_is_left_alone(data: Data, transcript: Path) -> None:
    """The worker says so and leaves; the spool stays, and the next worker with a good place stores it."""
    data.database.write_bytes(b"this is no database, but somebody's file" * 100)
    transcript.write_bytes(lines(prompt("one")))
    stop_hook(data, transcript)
    worker = data.start_worker()
    assert worker.wait(20) == 1
    assert b"cannot be used as a database" in worker.stderr.read()  # type: ignore[union-attr]
    assert data.database.read_bytes().startswith(b"this is no database")
    data.database.unlink()
    data.start_worker()
    wait_for(lambda: data.stored() == ["one"])


def test_what_one_reader_cannot_take_does_not_stop_the_loop(data: Data, transcript: Path) -> None:
    """A trigger that refuses one session's rows stands for any row that the database will not take."""
    worker = data.start_worker()
    wait_for(data.worker_is_up)
    with closing(sqlite3.connect(data.database, timeout=10)) as connection:
        connection.execute(
            "CREATE TRIGGER refuse BEFORE INSERT ON events WHEN NEW.session_id = 'poison' "
            "BEGIN SELECT RAISE(ABORT, 'no'); END"
        )
    odd = transcript.with_name("aaa.jsonl")
    odd.write_bytes(lines(prompt("poison", session="poison")))
    data.hook("Stop", payload("Stop", session_id="poison", transcript_path=str(odd)))
    transcript.write_bytes(lines(prompt("one")))
    stop_hook(data, transcript)
    wait_for(lambda: data.stored() == ["one"], seconds=5)
    wait_for(lambda: rows(data.database, "SELECT slug FROM problems") == [("worker-bug",)])
    assert worker.poll() is None
