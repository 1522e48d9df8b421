"""A line between machines and a server that harms some requests, by a seeded choice, and counts them.

It knows requests apart: each goes to the server on a connection of its own, so that one can be held back,
kept and delivered later, sent twice, or cut off anywhere.
"""

from __future__ import annotations

import random
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

BATCH = b"POST /api/v1/sync/sessions"
DECISION = b"POST /api/v1/skills/"
ANSWER_S = 60.0


@dataclass
class Seen:
    """Count what a line saw."""

    cut: int = 0  #: requests that the server had begun to read and never answered
    unreached: int = 0  #: requests when nobody listened
    failed: int = 0  #: answers that the server has trouble
    harmed: int = 0  #: requests or answers that the line itself spoilt
    overtaken: int = 0  #: batches that reached the server after one that was sent later
    late: int = 0  #: copies of a batch that the server took after newer ones


class Line:
    """Pass requests on, one harm at a time."""

    def __init__(self, target: int, *, seed: int = 7) -> None:
        self.target = target
        self.harm: Harm = forward
        self.seen = Seen()
        self.chosen = random.Random(seed)
        self.begun: list[bytes] = []  #: the first line of each request
        self.answered_batches = 0
        self.changed = threading.Condition()
        self._is_closed = False
        self._listening = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = int(self._listening.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self) -> str:
        """Give the address by which machines know the server."""
        return f"http://127.0.0.1:{self.port}"

    def close(self) -> None:
        """Take no more connections."""
        self._is_closed = True
        self._listening.close()

    def chance(self, share: float) -> bool:
        """Choose."""
        return self.chosen.random() < share

    def note(self, name: str) -> None:
        """Count."""
        with self.changed:
            setattr(self.seen, name, getattr(self.seen, name) + 1)

    def wait_for(self, beginning: bytes, *, after: int, seconds: float = 20.0) -> bool:
        """Wait until another request of a kind is on its way to the server; `after` is len(begun) before."""
        with self.changed:
            return self.changed.wait_for(
                lambda: any(one.startswith(beginning) for one in self.begun[after:]), timeout=seconds
            )

    def ask(self, request: bytes, *, most: int = 0, pause_s: float = 0.0) -> bytes:
        """Send a request to the server, at most so much of it, and give its answer, empty where none came."""
        with self.changed:
            self.begun.append(request.partition(b"\r\n")[0])
            self.changed.notify_all()
        try:
            far = socket.create_connection(("127.0.0.1", self.target), timeout=ANSWER_S)
        except OSError:
            self.note("unreached")
            return b""
        answer = b""
        with far, suppress(OSError):
            if most:
                far.sendall(request[:most])
                return b""
            for start in range(0, len(request), 4_096):
                time.sleep(pause_s)
                far.sendall(request[start : start + 4_096])
            answer = message(far)
        self._judge(request, answer)
        return answer

    def _judge(self, request: bytes, answer: bytes) -> None:
        if not is_whole(answer):
            self.note("cut")
        elif answer.split(b" ", 2)[1].startswith(b"5"):
            self.note("failed")
        elif request.startswith(BATCH):
            with self.changed:
                self.answered_batches += 1
                self.changed.notify_all()

    def _accept(self) -> None:
        while not self._is_closed:
            try:
                near, _ = self._listening.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(near,), daemon=True).start()

    def _serve(self, near: socket.socket) -> None:
        with near, suppress(OSError):
            while request := message(near):
                answer = self.harm(self, request)
                near.sendall(answer)
                if not is_whole(answer):
                    return


Harm = Callable[[Line, bytes], bytes]


def message(source: socket.socket) -> bytes:
    """Read a request or an answer; what there is of it where the other end goes away."""
    found = b""
    with suppress(OSError):
        while not is_whole(found) and (part := source.recv(65_536)):
            found += part
    return found


def is_whole(found: bytes) -> bool:
    """Say whether a message is all there."""
    head, end, body = found.partition(b"\r\n\r\n")
    if not end:
        return False
    for line in head.lower().split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name == b"content-length":
            return len(body) >= int(value)
        if name == b"transfer-encoding":
            return body.endswith(b"0\r\n\r\n")
    return True


def forward(line: Line, request: bytes) -> bytes:
    """Do no harm."""
    return line.ask(request)


def drop(line: Line, request: bytes) -> bytes:
    """Let the server do what it is asked, and cut its answer off."""
    answer = line.ask(request)
    if answer and line.chance(0.5):
        line.note("harmed")
        return answer[: line.chosen.randrange(len(answer))]
    return answer


def truncate(line: Line, request: bytes) -> bytes:
    """Cut the request off on its way."""
    if line.chance(0.5):
        line.note("harmed")
        return line.ask(request, most=line.chosen.randrange(1, len(request)))
    return line.ask(request)


def duplicate(line: Line, request: bytes) -> bytes:
    """Send a request twice; the second answer is the one that comes back."""
    line.ask(request)
    line.note("harmed")
    return line.ask(request)


def delay(line: Line, request: bytes) -> bytes:
    """Let it drip."""
    line.note("harmed")
    answer = line.ask(request, pause_s=line.chosen.random() * 0.05)
    time.sleep(line.chosen.random() * 0.2)
    return answer


class Gate:
    """Let nothing through until it is opened."""

    def __init__(self) -> None:
        self.opened = threading.Event()

    def __call__(self, line: Line, request: bytes) -> bytes:
        """Wait, then pass the request on."""
        self.opened.wait(ANSWER_S)
        return line.ask(request)


class Overtake:
    """Hold a batch back until one that was sent later, by somebody else, has been answered."""

    def __init__(self, *, longest_s: float = 3.0) -> None:
        self._longest_s = longest_s
        self._holds = threading.Lock()

    def __call__(self, line: Line, request: bytes) -> bytes:
        """Pass one request on."""
        if not request.startswith(BATCH) or not self._holds.acquire(blocking=False):
            return line.ask(request)
        try:
            with line.changed:
                before = line.answered_batches
                # Whoever sends this one waits: what is answered meanwhile is of another connection.
                is_overtaken = line.changed.wait_for(
                    lambda: line.answered_batches > before, timeout=self._longest_s
                )
            answer = line.ask(request)
            if is_overtaken and is_whole(answer):
                line.note("overtaken")
            return answer
        finally:
            self._holds.release()


class Late:
    """Keep copies of batches, some of which never arrive at first, and deliver each after newer ones."""

    def __init__(self, *, behind: int = 2) -> None:
        self._behind = behind
        self._kept: list[tuple[int, bytes]] = []

    def __call__(self, line: Line, request: bytes) -> bytes:
        """Pass one request on, and then what is late enough by now."""
        if not request.startswith(BATCH):
            return line.ask(request)
        is_kept, arrives = line.chance(0.6), line.chance(0.5)
        if is_kept:
            self._kept.append((line.answered_batches, request))
        if is_kept and not arrives:  # its sender hears nothing, and sends it again
            line.note("harmed")
            return b""
        answer = line.ask(request)
        due = [one for one in self._kept if line.answered_batches - one[0] >= self._behind]
        self._kept = [one for one in self._kept if one not in due]
        for _, old in due:
            if line.ask(old).startswith(b"HTTP/1.1 200"):
                line.note("late")
        return answer
