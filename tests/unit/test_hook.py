"""The hook exits 0 in bounded time whatever happens, keeps texts off the disk, and imports little."""

from __future__ import annotations

import json
import os
import resource
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hooks import HOOK, SESSION, Data, is_our_worker, payload, wait_for
from hypothesis import given
from hypothesis import strategies as st

from hivemind.capture import announce, layout
from hivemind.domain import plain_json

EVENTS = ("SessionStart", "UserPromptSubmit", "Stop", "SubagentStop", "PreCompact", "SessionEnd")


@pytest.mark.parametrize("event", EVENTS)
def test_every_event_is_announced(data: Data, event: str) -> None:
    """Each hooked event leaves one line that says what the worker must look at."""
    ran = data.hook(event)
    assert (ran.code, ran.out, ran.err, data.errors()) == (0, "", "", [])
    (said,) = data.announcements()
    assert (said["agent"], said["session_id"], said["workspace"]) == ("claude", SESSION, "default")
    assert said["transcript"] == "/nowhere/t.jsonl"
    assert abs(said["at"] - time.time()) < 30
    assert ("expects" in said) == (event == "Stop")


def test_no_text_of_a_conversation_is_in_the_spool(data: Data) -> None:
    """Neither the prompt nor the answer is written anywhere, not even into the record of an error."""
    for event in EVENTS:
        data.hook(event)
    data.hook("Stop", json.dumps(payload("Stop")).encode()[:-5])
    for path in data.path.rglob("*"):
        assert path.is_dir() or b"the secret" not in path.read_bytes()


def test_a_subagents_own_transcript_is_announced(data: Data) -> None:
    """SubagentStop names the subagent's file where the client does."""
    data.hook("SubagentStop", payload("SubagentStop", agent_transcript_path="/a/agent-1.jsonl"))
    assert data.announcements()[0]["transcript"] == "/a/agent-1.jsonl"


def test_files_are_for_their_owner_only(data: Data) -> None:
    """Folders that the hook makes are 0700 and files 0600, whatever the umask."""
    data.path.rmdir()
    data.hook(preexec=lambda: os.umask(0))
    assert stat.S_IMODE(data.path.stat().st_mode) == 0o700
    assert stat.S_IMODE((data.path / "spool").stat().st_mode) == 0o700
    assert [stat.S_IMODE(p.stat().st_mode) for p in (data.path / "spool").iterdir()] == [0o600]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\0\xff garbage",
        b"null",
        b"[]",
        b"7",
        b'"text"',
        b"{}",
        b"[" * 100_000,
        b'{"session_id": ',
        b'{"session_id": 7}',
        b'{"session_id": ""}',
        b'{"session_id": null, "cwd": []}',
        b"\xef\xbb\xbf{}",
    ],
    ids=lambda b: repr(b[:20]),
)
def test_a_payload_that_is_none_is_recorded(data: Data, body: bytes) -> None:
    """Garbage on stdin costs the agent nothing, and `hivemind doctor` can show it."""
    ran = data.hook("Stop", body)
    assert (ran.code, ran.out, ran.err) == (0, "", "")
    assert len(data.errors()) == 1
    assert data.announcements() == []


@pytest.mark.parametrize("odd", ["\0", "\ud83d", "../../x", "x" * 100_000, "☃", "a b\nc", "CON"])
def test_any_session_id_has_a_file_in_the_spool(data: Data, odd: str) -> None:
    """A session id of any characters names one file inside the spool and comes back as it was."""
    assert data.hook("Stop", payload("Stop", session_id=odd)).code == 0
    assert [said["session_id"] for said in data.announcements()] == [odd]
    assert [p.parent for p in (data.path / "spool").rglob("*.jsonl")] == [data.path / "spool"]


def test_fields_of_any_type_are_announced_as_far_as_they_are_texts(data: Data) -> None:
    """Lists and numbers where texts belong stop neither the hook nor the announcement."""
    odd = {
        "session_id": "s",
        "transcript_path": [1],
        "cwd": {"a": 1},
        "last_assistant_message": 7,
        "prompt": [2],
    }
    for event in EVENTS:
        assert data.hook(event, odd).code == 0
    assert data.errors() == []
    assert {said["cwd"] for said in data.announcements()} == {None}


def test_a_huge_payload_is_read_in_time(data: Data) -> None:
    """Twenty megabytes are announced, and sixty are refused, both within the deadline."""
    for size_mb, announced in ((20, 1), (60, 1)):
        ran = data.hook("UserPromptSubmit", payload("UserPromptSubmit", prompt="x" * (size_mb << 20)))
        assert ran.code == 0
        assert ran.seconds < 5
        assert len(data.announcements()) == announced


@pytest.mark.parametrize(
    "arguments", [[], ["claude"], ["claude", "Stop"], ["nobody", "Stop"], ["../x", "Stop"], ["os", "x"]]
)
def test_wrong_arguments_are_no_failure(data: Data, arguments: list[str]) -> None:
    """Missing arguments and unknown agents exit 0."""
    words = [*arguments, str(data.path)] if len(arguments) == 2 and arguments[0] != "claude" else arguments
    ran = data.hook(arguments=words or ["--"])
    assert (ran.code, ran.out, ran.err) == (0, "", "")
    assert data.announcements() == []


def test_without_stdin_it_exits(data: Data) -> None:
    """No stdin and a closed one are recorded and no failure."""
    assert data.hook(stdin=subprocess.DEVNULL).code == 0
    assert data.hook(stdin=subprocess.DEVNULL, preexec=lambda: os.close(0)).code == 0
    assert len(data.errors()) == 2


def test_stdin_that_never_ends_is_left_at_the_deadline(data: Data) -> None:
    """An agent that forgets to close the pipe waits for two seconds and no longer."""
    reading, writing = os.pipe()
    try:
        ran = data.hook(stdin=reading)
    finally:
        os.close(reading)
        os.close(writing)
    assert ran.code == 0
    assert announce.DEADLINE_S - 0.1 < ran.seconds < announce.DEADLINE_S + 2


def test_with_its_output_closed_it_exits(data: Data) -> None:
    """Nobody reads what the hook prints: still no failure."""
    assert data.hook("UserPromptSubmit", preexec=lambda: (os.close(1), os.close(2))).code == 0  # type: ignore[arg-type]
    assert len(data.announcements()) == 1


@pytest.mark.parametrize(
    "trouble", ["missing", "a file", "read-only", "below a file", "spool is a file", "spool is a pipe"]
)
@pytest.mark.parametrize("event", ["Stop", "UserPromptSubmit"])
def test_a_data_folder_in_trouble_is_no_failure(data: Data, trouble: str, event: str) -> None:
    """Wherever nothing can be written the hook exits 0 at once."""
    data.path.rmdir()
    if trouble == "a file":
        data.path.write_text("")
    elif trouble == "below a file":
        (data.home / "file").write_text("")
        data.path = data.home / "file" / "data"
    elif trouble == "read-only":
        data.path = Path("/proc/hivemind") if sys.platform == "linux" else Path("/System/hivemind")
    elif trouble != "missing":
        data.path.mkdir()
        if trouble == "spool is a file":
            (data.path / "spool").write_text("")
        else:
            (data.path / "spool").mkdir()
            os.mkfifo(data.path / "spool" / f"{SESSION}.jsonl")
    ran = data.hook(event, worker=trouble != "missing")
    assert (ran.code, ran.out, ran.err) == (0, "", "")
    assert ran.seconds < announce.DEADLINE_S
    if trouble == "missing":
        assert len(data.announcements()) == 1


def _no_file_may_grow() -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))


def _no_file_may_grow_and_the_signal_kills() -> None:
    signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
    _no_file_may_grow()


@pytest.mark.parametrize("limit", [_no_file_may_grow, _no_file_may_grow_and_the_signal_kills])
@pytest.mark.parametrize("event", ["Stop", "UserPromptSubmit"])
def test_a_full_disk_is_no_failure(data: Data, limit: Callable[[], None], event: str) -> None:
    """Where nothing can be written any more the hook exits 0."""
    ran = data.hook(event, worker=True, preexec=limit)
    assert (ran.code, ran.out, ran.err) == (0, "", "")


@pytest.mark.parametrize("value", ["false", "0", "off", "NO", " False "])
def test_with_capture_off_only_that_is_noted(data: Data, value: str) -> None:
    """HIVEMIND_CAPTURE=false announces nothing, starts nothing, and holds for the rest of the session."""
    for event in EVENTS:
        ran = data.hook(event, worker=True, env={"HIVEMIND_CAPTURE": value})
        assert (ran.code, ran.out, ran.err) == (0, "", "")
    data.hook("Stop", worker=True)
    assert [p.name for p in data.path.iterdir()] == ["not-captured"]
    assert [p.name for p in (data.path / "not-captured").iterdir()] == [SESSION]


def test_hiveminds_own_calls_of_an_agent_are_not_captured(data: Data) -> None:
    """HIVEMIND_INSIDE leaves nothing but the mark that keeps the session out of a later backfill, too."""
    said = payload("Stop")
    assert data.hook("Stop", said, worker=True, env={"HIVEMIND_INSIDE": "1"}).code == 0
    marks = [str(path.relative_to(data.path)) for path in data.path.rglob("*") if path.is_file()]
    assert marks == [f"not-captured/{said['session_id']}"]


def test_the_workspace_comes_from_the_environment(data: Data) -> None:
    """HIVEMIND_WORKSPACE_ID routes the session."""
    data.hook(env={"HIVEMIND_WORKSPACE_ID": "team"})
    assert data.announcements()[0]["workspace"] == "team"


def _serve(path: Path, behave: Callable[[socket.socket], None]) -> socket.socket:
    server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    server.bind(str(path))
    server.listen(8)

    def run() -> None:
        while True:
            try:
                client, _ = server.accept()
            except OSError:
                return
            with client:
                try:
                    behave(client)
                except OSError:
                    pass

    threading.Thread(target=run, daemon=True).start()
    return server


def _drip(client: socket.socket) -> None:
    for _ in range(100):
        client.sendall(b" ")
        time.sleep(0.05)


def _answer_nothing(client: socket.socket) -> None:
    client.recv(1 << 16)
    client.sendall(b"{}\n")


def _answer_with_context(client: socket.socket) -> None:
    client.recv(1 << 16)
    client.sendall(b'{"context": "a \\"skill\\" \\u2603", "notice": "learnt"}\n')


def _flood(client: socket.socket) -> None:
    while True:
        client.sendall(b"x" * (1 << 20))


BEHAVIOURS: dict[str, Callable[[socket.socket], None]] = {
    "closes": lambda _: None,
    "garbage": lambda client: client.sendall(b"\0\xff{{{\n"),
    "not an object": lambda client: client.sendall(b"[1]\n"),
    "nested": lambda client: client.sendall(b"[" * 100_000 + b"\n"),
    "wrong types": lambda client: client.sendall(b'{"context": [1], "notice": {"a": 1}}\n'),
    "slow": _drip,
    "endless": _flood,
    "silent": lambda _: time.sleep(5),
}


@pytest.mark.parametrize("behaviour", BEHAVIOURS)
@pytest.mark.parametrize("event", ["Stop", "UserPromptSubmit", "SessionStart"])
def test_a_worker_that_misbehaves_costs_a_moment(data: Data, behaviour: str, event: str) -> None:
    """Whatever answers on the socket, the hook is done soon, prints nothing and has announced."""
    server = _serve(data.path / "worker.sock", BEHAVIOURS[behaviour])
    try:
        ran = data.hook(event, worker=True)
    finally:
        server.close()
    assert (ran.code, ran.out, ran.err) == (0, "", "")
    assert ran.seconds < 1.5
    assert data.errors() == []
    assert len(data.announcements()) == 1
    assert not (data.path / "worker.starting").exists()


@pytest.mark.parametrize("backlog", [0, 8])
def test_a_hung_worker_is_not_waited_for(data: Data, backlog: int) -> None:
    """Nobody takes the call, or the queue before it is full: the hook goes on and starts no second worker."""
    server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    server.bind(str(data.path / "worker.sock"))
    server.listen(backlog)
    waiting = []
    for _ in range(3 if backlog == 0 else 0):
        client = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        client.setblocking(False)
        client.connect_ex(str(data.path / "worker.sock"))
        waiting.append(client)
    try:
        for event in ("Stop", "UserPromptSubmit"):
            ran = data.hook(event, worker=True)
            assert (ran.code, ran.out) == (0, "")
            assert ran.seconds < 1.5
        assert not (data.path / "worker.starting").exists()
    finally:
        for one in (*waiting, server):
            one.close()


@pytest.mark.parametrize("left_behind", ["nothing", "a socket", "a file", "a folder"])
def test_a_stale_socket_starts_a_worker(data: Data, left_behind: str) -> None:
    """What a killed worker leaves behind does not keep the next one from being started."""
    path = data.path / "worker.sock"
    if left_behind == "a socket":
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as server:
            server.bind(str(path))
    elif left_behind == "a file":
        path.write_text("")
    elif left_behind == "a folder":
        path.mkdir()
    assert data.hook("Stop", worker=True).code == 0
    assert wait_for(data.lock_holder)


def test_thirty_two_hooks_at_once_start_one_worker(data: Data) -> None:
    """However many sessions begin in the same moment, one worker runs, and every announcement is there."""
    with ThreadPoolExecutor(32) as pool:
        ran = list(
            pool.map(lambda n: data.hook("Stop", payload("Stop", session_id=f"s{n}"), worker=True), range(32))
        )
    assert {r.code for r in ran} == {0}
    wait_for(data.worker_is_up)
    shown = subprocess.run(
        ["ps", "-wweo", "pid=,command="], capture_output=True, text=True, check=True
    ).stdout
    running = [line for line in shown.splitlines() if "hivemind.worker" in line and str(data.path) in line]
    assert len(running) == 1
    assert len(data.announcements()) == 32
    assert data.errors() == []


@pytest.mark.parametrize("event", ["UserPromptSubmit", "SessionStart"])
def test_what_the_worker_answers_reaches_the_agent(data: Data, event: str) -> None:
    """The context goes to the model and the notice to the person, in the client's own format."""
    server = _serve(data.path / "worker.sock", _answer_with_context)
    try:
        ran = data.hook(event)
    finally:
        server.close()
    assert json.loads(ran.out) == {
        "hookSpecificOutput": {"hookEventName": event, "additionalContext": 'a "skill" \u2603'},
        "systemMessage": "learnt",
    }


def test_the_worker_outlives_the_agents_process_group(data: Data) -> None:
    """It has a session of its own and none of the agent's files open."""
    assert data.hook("Stop", worker=True).code == 0
    pid = wait_for(data.lock_holder)
    wait_for(data.worker_is_up)
    assert os.getsid(pid) == pid != os.getsid(0)
    assert is_our_worker(pid, data.path)


def test_a_worker_that_was_killed_while_it_came_up_is_started_again_at_once(data: Data) -> None:
    """The note of a start counts only as long as the started process lives."""
    (data.path / "worker.starting").write_text("999999999")
    data.hook("Stop", worker=True)
    assert wait_for(data.lock_holder)


def test_a_start_under_way_is_not_doubled(data: Data) -> None:
    """A fresh note of a living start keeps others from starting; an old one does not."""
    starting = data.path / "worker.starting"
    starting.write_text(str(os.getpid()))
    data.hook("Stop", worker=True)
    time.sleep(0.2)
    assert data.lock_holder() is None
    os.utime(starting, (1, 1))
    data.hook("Stop", worker=True)
    assert wait_for(data.lock_holder)


def test_a_socket_in_a_folder_of_somebody_else_is_not_spoken_to(tmp_path: Path) -> None:
    """A long path moves the socket below /tmp, where only a folder of ours, closed to others, is used."""
    long = str(tmp_path / ("x" * 150))
    path = layout.socket_path(long)
    assert path.startswith("/tmp/hivemind-")
    folder = tmp_path / "folder"
    assert not layout.is_ours(str(folder / "s"), long)
    folder.mkdir(mode=0o700)
    assert layout.is_ours(str(folder / "s"), long)
    folder.chmod(0o770)
    assert not layout.is_ours(str(folder / "s"), long)
    folder.chmod(0o700)
    (tmp_path / "link").symlink_to(folder)
    assert not layout.is_ours(str(tmp_path / "link" / "s"), long)
    if os.geteuid() == 0:
        os.chown(folder, 65534, 65534)
        assert not layout.is_ours(str(folder / "s"), long)


def test_the_record_of_failures_is_bounded(data: Data) -> None:
    """An agent that sends garbage for ever does not fill the disk."""
    (data.path / "hook-errors.jsonl").write_bytes(b"{}\n" * announce.MAX_ERRORS_BYTES)
    size = (data.path / "hook-errors.jsonl").stat().st_size
    data.hook("Stop", b"garbage")
    assert (data.path / "hook-errors.jsonl").stat().st_size == size


def _imported(data: Data, event: str) -> set[str]:
    """Give the modules that a run of the hook leaves imported."""
    bare = "import os, sys; os.write(2, ' '.join(sys.modules).encode())"
    code = (
        "import os, sys; old = os._exit\n"
        "def leave(code):\n"
        "    os.write(2, ' '.join(sys.modules).encode()); old(code)\n"
        f"os._exit = leave; file = {str(HOOK)!r}\n"
        f"sys.argv = [file, 'claude', {event!r}, {str(data.path)!r}]\n"
        "exec(compile(open(file).read(), file, 'exec'), {'__name__': '__main__', '__file__': file})"
    )
    seen = [
        subprocess.run(
            [sys.executable, "-I", "-S", "-c", program],
            input=json.dumps(payload(event)).encode(),
            capture_output=True,
            env=data.environment(HIVEMIND_WORKER="off"),
            check=True,
        )
        for program in (code, bare)
    ]
    return set(seen[0].stderr.decode().split()) - set(seen[1].stderr.decode().split())


@pytest.mark.parametrize("event", EVENTS)
def test_the_hook_imports_the_standard_library_only(data: Data, event: str) -> None:
    """Nothing outside the standard library and our own cheap modules is imported, not even for a prompt."""
    server = _serve(data.path / "worker.sock", _answer_nothing)
    try:
        found = _imported(data, event)
    finally:
        server.close()
    assert "hivemind.capture.layout" in found
    assert {name.partition(".")[0] for name in found} - sys.stdlib_module_names == {"hivemind"}


@pytest.mark.parametrize("event", EVENTS)
def test_a_hook_that_finds_a_worker_imports_none_of_the_costly_modules(data: Data, event: str) -> None:
    """Each of these costs more than the hook itself; `json` alone brings `re` and `enum`."""
    server = _serve(data.path / "worker.sock", _answer_with_context)
    try:
        found = _imported(data, event)
    finally:
        server.close()
    costly = {
        "json",
        "re",
        "enum",
        "typing",
        "dataclasses",
        "socket",
        "subprocess",
        "signal",
        "pathlib",
        "sqlite3",
    }
    assert found & costly == set()
    assert data.errors() == []


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@given(value=_VALUES)
def test_what_json_writes_the_hook_reads(value: object) -> None:
    """Any document is read as `json` reads it."""
    assert plain_json.loads(f" {json.dumps(value)}\n".encode()) == value


@given(
    values=st.dictionaries(
        st.text(), st.booleans() | st.integers(-(2**60), 2**60) | st.text() | st.floats(-1e9, 1e9)
    )
)
def test_what_the_hook_writes_json_reads(values: dict[str, object]) -> None:
    """A flat object comes back as it was, on one line of ASCII."""
    written = plain_json.dumps(values)
    assert json.loads(written) == values
    assert written.isascii()
    assert "\n" not in written


@given(content=st.binary(max_size=50) | st.text(alphabet='{}[]",:x1 ').map(str.encode))
def test_what_is_no_json_is_a_value_error(content: bytes) -> None:
    """The hook's parser agrees with `json` on what is a document, and raises nothing else."""
    try:
        expected = json.loads(content.decode("utf-8"))
    except ValueError:
        with pytest.raises(ValueError):
            plain_json.loads(content)
    else:
        assert plain_json.loads(content) == expected
