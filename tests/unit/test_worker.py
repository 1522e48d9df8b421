"""The real worker: what hooks announce is stored soon, once, by one process that leaves when it is done."""

from __future__ import annotations

import json
import signal
import socket
import stat
import time
from pathlib import Path
from typing import Any

import pytest
from claude_records import answer, assert_consistent, lines, prompt, rows, turns
from hooks import SESSION, Data, payload, wait_for

from hivemind.capture import layout

LIMIT_S = 2.0  # of the promise: a turn's events are there so soon after they are written


def up(data: Data, **env: str) -> Any:
    """Start a worker and wait until it listens."""
    worker = data.start_worker(**env)
    wait_for(data.worker_is_up)
    return worker


def ask(data: Data, request: object, *, raw: bytes | None = None) -> bytes:
    """Send the worker one request."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
        client.settimeout(5)
        client.connect(layout.socket_path(str(data.path)))
        client.sendall(json.dumps(request).encode() + b"\n" if raw is None else raw)
        client.shutdown(socket.SHUT_WR)
        received = b""
        while block := client.recv(1 << 16):
            received += block
        return received


def test_a_turn_is_stored_soon_after_its_hook(data: Data, transcript: Path) -> None:
    """A hook with no worker running starts one, which stores the turn; with one running it takes a moment."""
    transcript.write_bytes(lines(prompt("one"), answer("two")))
    data.hook(
        "Stop", payload("Stop", transcript_path=str(transcript), last_assistant_message="two"), worker=True
    )
    wait_for(lambda: data.stored() == ["one", "two"])
    with transcript.open("ab") as stream:
        stream.write(lines(answer("three")))
    started = time.monotonic()
    data.hook(
        "Stop", payload("Stop", transcript_path=str(transcript), last_assistant_message="three"), worker=True
    )
    wait_for(lambda: data.stored() == ["one", "two", "three"])
    assert time.monotonic() - started < LIMIT_S
    assert (data.path / "worker.log").read_text() == ""


@pytest.mark.parametrize("exists", [False, True])
def test_an_answer_that_is_written_after_its_hook_is_waited_for(
    data: Data, transcript: Path, exists: bool
) -> None:
    """The transcript lags seconds behind the hook, or is not there yet, and another hook comes between."""
    up(data)
    if exists:
        transcript.write_bytes(lines(prompt("one")))
    data.hook("Stop", payload("Stop", transcript_path=str(transcript), last_assistant_message="late "))
    data.hook("SessionEnd", payload("SessionEnd", transcript_path=str(transcript)))
    time.sleep(2.5)
    with transcript.open("ab") as stream:
        stream.write(lines(*([] if exists else [prompt("one")]), answer(" late")))
    written = time.monotonic()
    wait_for(lambda: data.stored() == ["one", " late"])
    assert time.monotonic() - written < LIMIT_S


def test_a_subagents_events_belong_to_its_session(data: Data, transcript: Path) -> None:
    """The files beside a transcript are read with it."""
    beside = transcript.with_suffix("") / "subagents" / "agent-1.jsonl"
    beside.parent.mkdir(parents=True)
    beside.write_bytes(lines(answer("from the subagent", agentId="1", isSidechain=True)))
    transcript.write_bytes(lines(prompt("one"), answer("two")))
    up(data)
    data.hook("Stop", payload("Stop", transcript_path=str(transcript), last_assistant_message="two"))
    wait_for(lambda: len(data.stored()) == 3)
    assert rows(data.database, "SELECT DISTINCT session_id FROM events") == [(SESSION,)]


def test_thirty_two_sessions_at_once_are_stored(data: Data, tmp_path: Path) -> None:
    """Every session that was spooled before the worker came is stored, each event once."""
    for n in range(32):
        path = tmp_path / f"s{n}.jsonl"
        path.write_bytes(lines(*turns(20, session=f"s{n}")))
        said = payload(
            "Stop", session_id=f"s{n}", transcript_path=str(path), last_assistant_message="Step 19 is done."
        )
        (data.path / "spool").mkdir(exist_ok=True)
        with (data.path / "spool" / f"s{n}.jsonl").open("w") as stream:
            stream.write(
                json.dumps(
                    {
                        "agent": "claude",
                        "session_id": f"s{n}",
                        "moment": "turn",
                        "transcript": said["transcript_path"],
                    }
                )
                + "\n"
            )
    up(data)
    wait_for(lambda: len(data.stored()) == 32 * 80)
    assert rows(data.database, "SELECT count(*), min(next_seq), max(next_seq) FROM sessions") == [
        (32, 100, 100)
    ]
    assert_consistent(data.database)


def test_a_second_worker_leaves(data: Data) -> None:
    """There is one worker for a data folder: another one exits 0 and disturbs nothing."""
    first = up(data)
    second = data.start_worker()
    assert second.wait(20) == 0
    assert data.worker_is_up()
    assert data.lock_holder() == first.pid
    assert json.loads(ask(data, {"op": "ping"})) == {"pid": first.pid}


def test_an_idle_worker_leaves_and_takes_its_socket_along(data: Data, transcript: Path) -> None:
    """After the configured time without work the process is gone, and the next hook starts another."""
    (data.path / "config.toml").write_text("[worker]\nidle_s = 1\n")
    worker = up(data)
    assert worker.wait(20) == 0
    assert not data.worker_is_up()
    transcript.write_bytes(lines(prompt("one")))
    data.hook("Stop", payload("Stop", transcript_path=str(transcript)), worker=True)
    wait_for(lambda: data.stored() == ["one"])


@pytest.mark.parametrize("name", [signal.SIGTERM, signal.SIGINT])
def test_a_worker_that_is_told_to_stop_leaves_in_order(data: Data, name: signal.Signals) -> None:
    """On SIGTERM and Ctrl-C it exits 0, with its socket removed and nothing on stderr."""
    worker = up(data)
    worker.send_signal(name)
    assert worker.wait(10) == 0
    assert not data.worker_is_up()
    assert worker.stderr.read() == b""


def test_only_its_user_may_speak_to_the_worker(data: Data) -> None:
    """The socket is 0600 in a folder that is 0700, and so are the database and its companions."""
    up(data)
    assert stat.S_IMODE((data.path / "worker.sock").stat().st_mode) == 0o600
    files = [
        data.path / name for name in ("hivemind.db", "hivemind.db-wal", "hivemind.db-shm", "worker.lock")
    ]
    assert {stat.S_IMODE(p.stat().st_mode) for p in files} == {0o600}


def test_a_long_data_path_has_a_socket_too(tmp_path: Path, transcript: Path) -> None:
    """Where the path is too long for a socket it lies in a private folder, and hooks find it there."""
    path = tmp_path / ("long-" * 30)
    path.mkdir(mode=0o700)
    data = Data(path, tmp_path)
    try:
        up(data)
        place = Path(layout.socket_path(str(path)))
        assert place.parent != path
        assert stat.S_IMODE(place.parent.stat().st_mode) == 0o700
        transcript.write_bytes(lines(prompt("one")))
        data.hook("Stop", payload("Stop", transcript_path=str(transcript)), worker=True)
        wait_for(lambda: data.stored() == ["one"], seconds=LIMIT_S + 1)
        assert not (path / "worker.starting").exists()
    finally:
        data.end()
        Path(layout.socket_path(str(path))).unlink(missing_ok=True)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\n",
        b"garbage\n",
        b"[]\n",
        b'{"op": 7}\n',
        b'{"op": "context", "prompt": [], "cwd": 1, "workspace": {}, "session_id": null}\n',
        b'{"op": "context", "prompt": "a\\u0000\\ud83d", "cwd": "\\u0000/x", "session_id": "\\ud83d"}\n',
        b'{"op": "context", "prompt": "a", "cwd": "/x", "workspace": "\\ud83d", "session_id": "s"}\n',
        b'{"op": "context", "prompt": "x", "workspace": "../not a name", "session_id": "s"}\n',
        b"[" * 100_000 + b"\n",
        b'{"op": "context", "prompt": "' + b"x y " * 500_000 + b'"}\n',
    ],
    ids=lambda raw: repr(raw[:40]),
)
def test_no_request_harms_the_worker(data: Data, transcript: Path, raw: bytes) -> None:
    """Whatever is sent, the worker answers or hangs up, goes on, and has nothing to complain of."""
    worker = up(data)
    ask(data, None, raw=raw)
    assert json.loads(ask(data, {"op": "ping"})) == {"pid": worker.pid}
    transcript.write_bytes(lines(prompt("one")))
    data.hook("Stop", payload("Stop", transcript_path=str(transcript)))
    wait_for(lambda: data.stored() == ["one"])
    worker.terminate()
    assert worker.wait(10) == 0
    assert worker.stderr.read() == b""


def test_answering_many_prompts_leaves_no_connection_open(data: Data) -> None:
    """Each request has a thread of its own, and none of them keeps a file."""
    worker = up(data)
    folder = Path(f"/proc/{worker.pid}/fd")
    if not folder.exists():
        pytest.skip("open files of another process are shown by /proc only")
    request = {
        "op": "context",
        "prompt": "run the tests",
        "cwd": "/x",
        "session_id": "s",
        "workspace": "default",
    }
    for _ in range(20):
        ask(data, request)
    before = len(list(folder.iterdir()))
    for _ in range(200):
        ask(data, request)
    assert len(list(folder.iterdir())) <= before + 2


def test_an_agent_that_is_not_known_is_reported(data: Data) -> None:
    """An announcement of an unknown agent is a problem for `hivemind doctor`, once, with a count."""
    (data.path / "spool").mkdir()
    said = {"agent": "nobody", "session_id": "s", "moment": "turn", "transcript": "/x.jsonl"}
    (data.path / "spool" / "s.jsonl").write_text((json.dumps(said) + "\n") * 3)
    up(data)
    expected = [("hook", "agent-unknown", 3)]
    wait_for(lambda: rows(data.database, "SELECT source, slug, count FROM problems") == expected)


@pytest.mark.parametrize("setting", ["[capture]\nexclude = ['{folder}']\n", "[capture]\nenabled = false\n"])
def test_what_the_settings_keep_out_is_not_stored(data: Data, transcript: Path, setting: str) -> None:
    """Excluded folders and capture off hold for the hook's folder and for the one in the transcript."""
    (data.path / "config.toml").write_text(setting.format(folder="/home/dev/secret"))
    up(data)
    transcript.write_bytes(lines(prompt("hidden", cwd="/home/dev/secret/x")))
    for cwd in ("/home/dev/secret", "/elsewhere"):
        data.hook("Stop", payload("Stop", transcript_path=str(transcript), cwd=cwd))
    time.sleep(1.5)
    other = transcript.with_name("other.jsonl")
    other.write_bytes(lines(prompt("open", session="o", cwd="/home/dev/open")))
    data.hook("Stop", payload("Stop", session_id="o", transcript_path=str(other), cwd="/home/dev/open"))
    if "exclude" in setting:
        wait_for(lambda: data.stored() == ["open"])
    time.sleep(0.5)
    assert "hidden" not in data.stored()
    assert rows(data.database, "SELECT * FROM problems") == []


def test_what_was_said_while_the_settings_had_capture_off_stays_unsaid(data: Data, transcript: Path) -> None:
    """Turned on again, capture goes on with other sessions, and not with those that ran meanwhile."""
    (data.path / "config.toml").write_text("[capture]\nenabled = false\n")
    transcript.write_bytes(lines(prompt("hidden")))
    up(data)
    data.hook("Stop", payload("Stop", transcript_path=str(transcript)))
    wait_for(lambda: list((data.path / "not-captured").glob("*")))
    (data.path / "config.toml").write_text("")
    time.sleep(0.5)
    other = transcript.with_name("other.jsonl")
    other.write_bytes(lines(prompt("open", session="o")))
    data.hook("Stop", payload("Stop", transcript_path=str(transcript)))
    data.hook("Stop", payload("Stop", session_id="o", transcript_path=str(other)))
    wait_for(lambda: data.stored() == ["open"])


def test_a_session_with_capture_off_is_not_taken_up_later(data: Data, transcript: Path) -> None:
    """A known session that goes on under HIVEMIND_CAPTURE=false stays as it was, for a new worker, too."""
    transcript.write_bytes(lines(prompt("one")))
    worker = up(data)
    data.hook("Stop", payload("Stop", transcript_path=str(transcript)))
    wait_for(lambda: data.stored() == ["one"])
    worker.kill()
    worker.wait()
    data.hook("SessionStart", env={"HIVEMIND_CAPTURE": "false"})
    with transcript.open("ab") as stream:
        stream.write(lines(prompt("hidden")))
    up(data)
    time.sleep(1.5)
    assert data.stored() == ["one"]


def test_growth_that_nobody_announced_is_taken_up_at_the_next_start(data: Data, transcript: Path) -> None:
    """An agent that was killed before its hook ran loses nothing."""
    transcript.write_bytes(lines(prompt("one")))
    worker = up(data)
    data.hook("Stop", payload("Stop", transcript_path=str(transcript)))
    wait_for(lambda: data.stored() == ["one"])
    worker.kill()
    worker.wait()
    with transcript.open("ab") as stream:
        stream.write(lines(prompt("two")))
    up(data)
    wait_for(lambda: data.stored() == ["one", "two"])


def test_the_end_of_a_session_that_was_never_seen_is_nothing(data: Data) -> None:
    """Some commands of a client fire only SessionEnd, with a transcript that never comes."""
    up(data)
    data.hook("SessionEnd", payload("SessionEnd", transcript_path="/nowhere/none.jsonl"))
    wait_for(lambda: (data.path / "last-heard.json").exists())
    time.sleep(1.5)
    assert rows(data.database, "SELECT (SELECT count(*) FROM sessions), (SELECT count(*) FROM problems)") == [
        (0, 0)
    ]


def test_a_deleted_data_folder_ends_the_worker(data: Data) -> None:
    """With its lock gone a worker may not be the only one: it leaves, and leaves the new one's socket."""
    worker = up(data)
    (data.path / "worker.lock").unlink()
    other = data.start_worker()
    wait_for(lambda: data.lock_holder() == other.pid)
    data.hook("Stop")
    assert worker.wait(60) == 0
    wait_for(lambda: _answering(data) == other.pid)


def _answering(data: Data) -> int | None:
    try:
        pid: int = json.loads(ask(data, {"op": "ping"}))["pid"]
    except OSError:
        return None
    return pid


@pytest.mark.parametrize("content", ["[worker]\nidle_s = 'x'\n", "not toml", "[nothing]\na = 1\n"])
def test_settings_that_are_wrong_stop_the_worker_and_not_the_agent(data: Data, content: str) -> None:
    """Without knowing what to leave out nothing is stored; the log says what to mend, in a line or two."""
    (data.path / "config.toml").write_text(content)
    worker = data.start_worker()
    assert worker.wait(20) == 1
    text = worker.stderr.read().decode()
    assert "cannot start" in text
    assert "Traceback" not in text
    assert data.hook("Stop", worker=True).code == 0
