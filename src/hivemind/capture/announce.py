"""What the hook does: announce to the spool, wake or start the worker, and print context for a prompt.

Standard library only, and of that as little as possible: `_socket`, `_signal` and `_json` are the C modules
below `socket`, `signal` and `json`, whose Python parts import `enum` and `re` and cost more than all the rest
of the hook.
"""

import os
import sys
import time
from binascii import crc32

#: After this long the hook gives up, whatever it is waiting for, in seconds.
DEADLINE_S = 2.0
#: How long it waits for the worker's answer to a prompt, in seconds.
ANSWER_S = 0.25
#: How long the search without a worker may take, in seconds.
COLD_S = 0.15
#: A longer payload is not read, in bytes.
MAX_PAYLOAD_BYTES = 32 << 20
#: The record of the hook's own failures stops growing here, in bytes.
MAX_ERRORS_BYTES = 256 << 10
#: The worker's log begins anew when it is longer at a start, in bytes.
MAX_LOG_BYTES = 1 << 20
#: The worker's answer is short; what goes on and on does not come from it, in bytes.
MAX_ANSWER_BYTES = 1 << 20
#: What of a long prompt is compared with skills, in characters.
MAX_PROMPT_CHARS = 32_000
#: Of a session's spool file the end is read for what was decided in the session, in bytes.
MAX_SPOOL_BYTES = 64 << 10
#: A longer session id may be another one in the store, in characters.
MAX_PLAIN_ID_CHARS = 100
#: A worker that has not come up after this long may be started again, in seconds.
STARTING_S = 15
OFF = ("false", "0", "off", "no")
#: A privacy switch fails closed: whatever is none of these stores nothing.
ON = ("", "1", "true", "on", "yes")


def main(argv: list[str]) -> None:
    """Run the hook and exit 0."""
    data = argv[3] if len(argv) > 3 else ""
    try:
        _set_deadline()
        if len(argv) > 3:
            _run(agent=argv[1], event=argv[2], data=data, root=argv[4] if len(argv) > 4 else "")
    except BaseException as error:
        record_failure(data, argv[1:3], error)
    finally:
        try:
            sys.stdout.flush()
        except BaseException:
            pass
        os._exit(0)


def _set_deadline() -> None:
    try:
        import _signal  # type: ignore[import-not-found]

        _signal.signal(_signal.SIGALRM, lambda *_: os._exit(0))
        _signal.setitimer(_signal.ITIMER_REAL, DEADLINE_S)
    except (ImportError, AttributeError):
        pass  # Windows has no timer; the agent's own timeout bounds the hook there


def _run(agent: str, event: str, data: str, root: str) -> None:
    from hivemind.capture import layout
    from hivemind.domain import plain_json

    if not (agent.isidentifier() and agent.isascii()):
        raise ValueError(f"{agent!r} is not an agent")
    adapter = __import__(f"hivemind.agents.{agent}.payload", fromlist=["payload"])
    payload = plain_json.loads(_stdin())
    if not isinstance(payload, dict):
        raise ValueError(f"the payload of {event} is not an object")
    said = adapter.announcement(event, payload, root)
    if said is None:
        return  # another agent runs this one's hooks beside its own
    said = {k: v if isinstance(v, (str, int, float)) else None for k, v in said.items()}
    session_id = said.get("session_id")
    if not isinstance(session_id, str) or not session_id:
        raise ValueError(f"the payload of {event} has no session_id")
    # Hivemind itself runs this agent as its model: neither captured now nor by a later backfill.
    name = layout.session_file(session_id)
    inside = os.environ.get("HIVEMIND_INSIDE")
    if inside or os.environ.get("HIVEMIND_CAPTURE", "").strip().lower() not in ON:
        _skip(data, layout.skipped_dir(data), name)
        return
    if os.path.exists(os.path.join(layout.skipped_dir(data), name)):
        return
    if hasattr(adapter, "record"):
        said["transcript"] = _keep(data, agent, name, adapter.record(event, payload))
        if said["moment"] == "tool":
            return  # the end of the turn announces what was kept
    said["agent"] = agent
    said["workspace"] = os.environ.get("HIVEMIND_WORKSPACE_ID") or "default"
    last = said.pop("said", None)
    if isinstance(last, str):
        # The worker reads on until the answer is in the transcript: a checksum keeps it off the disk.
        said["expects"] = crc32(last.strip().encode("utf-8", "replace"))
    said["at"] = time.time()
    line = plain_json.dumps(said)
    trouble = _failure(data, layout.spool_dir(data), name, line)
    prompt = adapter.prompt(payload)[:MAX_PROMPT_CHARS] if said["moment"] == "prompt" else ""
    # On a full disk the worker is told directly, and reads the transcript once there is room again.
    answer = _ask(data, said, prompt, line if trouble else "")
    context, notice = answer.get("context"), answer.get("notice")
    text = adapter.output(
        event,
        context=context if isinstance(context, str) else "",
        notice=notice if isinstance(notice, str) else "",
        # Where a client lists the skill folder before its hook runs, it has to be told to look again.
        **({"reload": True} if answer.get("reload") is True and hasattr(adapter, "RELOADS") else {}),
    )
    if text:
        sys.stdout.write(text)
    if trouble:
        raise trouble


def _stdin() -> bytes:
    parts, size = [], 0
    while block := os.read(0, 1 << 20):
        parts.append(block)
        size += len(block)
        if size > MAX_PAYLOAD_BYTES:
            raise ValueError(f"the payload is over {MAX_PAYLOAD_BYTES} bytes")
    return b"".join(parts)


def make_folder(data: str, folder: str) -> None:
    """Make a folder of the data folder, and the data folder, for this user only."""
    if not os.path.isdir(folder):
        # One by one: `makedirs` gives its mode to the last folder only.
        os.makedirs(os.path.dirname(data), exist_ok=True)
        for path in (data, folder):
            try:
                os.mkdir(path, 0o700)
            except FileExistsError:
                pass


def _announce(data: str, folder: str, name: str, line: str) -> None:
    make_folder(data, folder)
    append(os.path.join(folder, name + ".jsonl"), line)


def _failure(data: str, folder: str, name: str, line: str):  # type: ignore[no-untyped-def]
    """Announce, and give what went wrong: the agent gets its answer all the same."""
    try:
        _announce(data, folder, name, line)
    except OSError as error:
        return error
    return None


def append(path: str, line: str) -> None:
    """Append a line in one write, whatever else writes to the file."""
    # Without O_NONBLOCK whatever else has this name, such as a pipe, would hold the agent up.
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_NONBLOCK", 0)
    fd = os.open(path, flags, 0o600)
    try:
        # One write, newlines on both sides: a line that a full disk cut short spoils no other.
        content = f"\n{line}\n".encode()
        if os.write(fd, content) < len(content):
            raise OSError("the disk took only a part of the announcement")
    finally:
        os.close(fd)


def _keep(data: str, agent: str, name: str, record: dict) -> str:  # type: ignore[type-arg]
    """Append what an agent without a transcript reports to one that we keep for it; give its path."""
    from hivemind.capture import layout
    from hivemind.domain import plain_json

    folder = layout.kept_dir(data, agent)
    make_folder(data, os.path.dirname(folder))
    make_folder(data, folder)
    path = os.path.join(folder, name + ".jsonl")
    append(path, plain_json.dumps({"at": time.time(), **record}))
    return path


def _skip(data: str, folder: str, name: str) -> None:
    make_folder(data, folder)
    os.close(os.open(os.path.join(folder, name), os.O_WRONLY | os.O_CREAT, 0o600))


def _ask(data: str, said: dict, prompt: str, unspooled: str) -> dict:  # type: ignore[type-arg]
    """Wake the worker, and for a prompt or a start wait for its answer; without a worker start one."""
    from hivemind.capture import layout
    from hivemind.domain import plain_json

    wants = said["moment"] in ("prompt", "start")
    request = {
        "op": "context" if wants else "wake",
        "prompt": prompt,
        "unspooled": unspooled,
        **{k: said[k] for k in _ASKED if k in said},
    }
    client = _connect(data)
    if client is not None:
        try:
            client.sendall(plain_json.dumps(request).encode() + b"\n")
            if not wants:
                return {}
            answer = plain_json.loads(_answer(client))
            return answer if isinstance(answer, dict) else {}
        except (OSError, ValueError):
            pass
        finally:
            client.close()
    if not prompt:
        return {}
    from hivemind.retrieval import cold

    cwd, known = said.get("cwd"), _offered(data, said)
    found = cold.answer(
        layout.database(data),
        said["workspace"],
        cwd if isinstance(cwd, str) else "",
        prompt,
        COLD_S,
        session_id=_key(said["session_id"]),
        agent=said["agent"],
        known=known,
    )
    if found.offers:
        _tell_offers(data, said, found.offers)
    return {"context": found.text}


def _key(session_id: str) -> str:
    """Give the store's key of a session."""
    if len(session_id) <= MAX_PLAIN_ID_CHARS and session_id.isascii() and session_id.isprintable():
        return session_id
    from hivemind.domain.events import session_key

    return session_key(session_id)


def _offered(data: str, said: dict) -> dict:  # type: ignore[type-arg]
    """Give what was decided in the session and waits in its spool file for the worker."""
    from hivemind.capture import layout
    from hivemind.domain import plain_json

    found: dict = {}  # type: ignore[type-arg]
    try:
        path = os.path.join(layout.spool_dir(data), layout.session_file(said["session_id"]) + ".jsonl")
        fd = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
        try:
            os.lseek(fd, max(0, os.fstat(fd).st_size - MAX_SPOOL_BYTES), os.SEEK_SET)
            content = os.read(fd, MAX_SPOOL_BYTES)
        finally:
            os.close(fd)
        for line in content.split(b"\n"):
            if b'"compact"' in line:
                found.clear()  # the agent forgot what it was given
            elif b'"offers"' in line:
                for skill_id, _, arm, share in plain_json.loads(line)["offers"]:
                    found.setdefault(str(skill_id), (str(arm), float(share)))
    except (OSError, ValueError, TypeError, KeyError):
        pass
    return found


def _tell_offers(data: str, said: dict, offers: list) -> None:  # type: ignore[type-arg]
    """Let the worker know what the session was given and what was withheld from it."""
    from hivemind.capture import layout
    from hivemind.domain import plain_json

    told = {k: said[k] for k in ("agent", "session_id", "workspace", "cwd", "at") if k in said}
    told |= {"moment": "offers", "offers": [list(offer) for offer in offers]}
    try:
        _announce(
            data, layout.spool_dir(data), layout.session_file(said["session_id"]), plain_json.dumps(told)
        )
    except OSError:
        pass  # the disk is full: the agent gets its answer all the same


_ASKED = ("agent", "session_id", "cwd", "workspace", "moment")


def _connect(data: str):  # type: ignore[no-untyped-def]
    """Connect to the worker; None where it does not take the call, or is not there and was started."""
    from hivemind.capture import layout

    path = layout.socket_path(data)
    if layout.is_ours(path, data):
        import _socket

        client = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
        client.settimeout(ANSWER_S)
        try:
            client.connect(path)
            return client
        except (TimeoutError, BlockingIOError):
            client.close()  # it is there, and busy
            return None
        except OSError:
            client.close()
    try:
        _start_worker(data)
    except OSError as error:
        record_failure(data, ["start", "worker"], error)
    return None


def _answer(client) -> bytes:  # type: ignore[no-untyped-def]
    end, received = time.monotonic() + ANSWER_S, b""
    while not received.endswith(b"\n"):
        left = end - time.monotonic()
        if left <= 0 or len(received) > MAX_ANSWER_BYTES:
            raise OSError("the worker did not answer in time")
        client.settimeout(left)
        block = client.recv(1 << 16)
        if not block:
            break
        received += block
    return received


def _start_worker(data: str) -> None:
    """Start the worker in a session of its own and with no inherited file, so that it outlives the agent."""
    from hivemind.capture import layout

    if not hasattr(os, "fork") or os.environ.get("HIVEMIND_WORKER", "").strip().lower() in OFF:
        return
    starting = claim_start(layout.worker_starting(data))
    if starting < 0:
        return
    child = os.fork()
    if child:
        os.write(starting, str(child).encode())
        return
    try:
        os.setsid()
        null = os.open(os.devnull, os.O_RDWR)
        log = os.open(layout.worker_log(data), os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        if os.fstat(log).st_size > MAX_LOG_BYTES:
            os.ftruncate(log, 0)
        for target, source in ((0, null), (1, log), (2, log)):
            os.dup2(source, target)
        os.closerange(3, 256)
        os.chdir(data)
        # -E and -P: neither the agent's PYTHONPATH nor the folder it runs in may be a place to import from.
        os.execv(sys.executable, [sys.executable, "-E", "-P", "-m", "hivemind.worker", data])  # noqa: S606
    except BaseException as error:
        record_failure(data, ["start", "worker"], error)
    finally:
        os._exit(0)


def claim_start(path: str) -> int:
    """Give the open file that says who starts the worker; negative while another start is under way."""
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        pass
    fd = os.open(path, os.O_RDWR)
    if time.time() - os.fstat(fd).st_mtime < STARTING_S and _starting(os.read(fd, 32)):
        os.close(fd)
        return -1
    os.lseek(fd, 0, os.SEEK_SET)
    os.ftruncate(fd, 0)
    os.utime(fd)
    return fd


def _starting(pid: bytes) -> bool:
    """Say whether the started process may still come up; one that was killed may be started again at once."""
    if not pid.isdigit():
        return True
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        pass
    return True


def record_failure(data: str, where: list[str], error: BaseException) -> None:
    """Keep the failure for `hivemind doctor`; a failure to do so has nowhere to go."""
    try:
        path = os.path.join(data, "hook-errors.jsonl")
        if not os.path.isdir(data) or (os.path.exists(path) and os.path.getsize(path) > MAX_ERRORS_BYTES):
            return
        import json

        line = json.dumps(
            {"at": time.time(), "where": where, "error": f"{type(error).__name__}: {error}"[:500]}
        )
        fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        os.write(fd, line.encode() + b"\n")
        os.close(fd)
    except BaseException:
        pass
