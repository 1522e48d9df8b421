"""Run a program in bounds: time, output, and all that it started ends with it."""

import contextlib
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

_POLL_S = 0.05
_READ_BYTES = 65_536
#: What a program says about its failure is kept from the end, in bytes.
_STDERR_BYTES = 4_096
#: Once a program is gone, what it left in its pipes is read in so long, in seconds.
_DRAIN_S = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bound a run."""

    time_s: float
    output_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """Hold how a run ended; `ended_by` is empty where it ended by itself."""

    code: int
    stdout: str
    stderr: str
    ended_by: str = ""  #: time, output, stopped


class _Reader:
    """Take a pipe's bytes on a thread; whole lines that begin with `drop` are left out."""

    def __init__(
        self, pipe: IO[bytes], *, most_bytes: int, drop: bytes = b"", keep_end: bool = False
    ) -> None:
        self.data = bytearray()
        self.overflowed = False
        self._pipe, self._most, self._drop, self._keep_end = pipe, most_bytes, drop, keep_end
        self._rest = b""
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()

    def _read(self) -> None:
        with contextlib.suppress(OSError, ValueError):  # the pipe is closed under the thread at the end
            while block := os.read(self._pipe.fileno(), _READ_BYTES):
                self._take(block)
        self._add(self._rest)

    def _take(self, block: bytes) -> None:
        if not self._drop:
            self._add(block)
            return
        *lines, self._rest = (self._rest + block).split(b"\n")
        for line in lines:
            if not line.startswith(self._drop):
                self._add(line + b"\n")
        if len(self._rest) > self._most:
            self.overflowed = True
            self._rest = b""

    def _add(self, block: bytes) -> None:
        self.data += block
        if len(self.data) > self._most:
            if self._keep_end:
                del self.data[: -self._most]
            else:
                del self.data[self._most :]
                self.overflowed = True

    @property
    def text(self) -> str:
        """Give what was read."""
        return bytes(self.data).decode("utf-8", "replace")


def run(
    command: Sequence[str],
    *,
    given: str,
    folder: Path,
    variables: Mapping[str, str],
    limits: Limits,
    stopped: Callable[[], bool],
    drop: bytes = b"",
) -> Finished:
    """Run a program without a shell, in a process group that is killed when its time is up or it has ended.

    Raises OSError where it cannot be started. Lines of its output that begin with `drop` are not kept.
    """
    process = subprocess.Popen(
        list(command),
        cwd=folder,
        env=dict(variables),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    given_to, printed, complained = process.stdin, process.stdout, process.stderr
    if given_to is None or printed is None or complained is None:
        raise OSError("the program was started without pipes")
    out = _Reader(printed, most_bytes=limits.output_bytes, drop=drop)
    err = _Reader(complained, most_bytes=_STDERR_BYTES, keep_end=True)
    threading.Thread(target=_write, args=(given_to, given), daemon=True).start()
    try:
        ended_by = _wait(process, out, limits=limits, stopped=stopped)
    finally:
        # What it started may outlive it, and would hold its pipes.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        code = process.wait()
        for reader in (out, err):
            reader.thread.join(_DRAIN_S)
        for pipe in (given_to, printed, complained):
            with contextlib.suppress(OSError):
                pipe.close()
    ended_by = ended_by or ("output" if out.overflowed else "")
    return Finished(code=code, stdout=out.text, stderr=err.text, ended_by=ended_by)


def _wait(
    process: subprocess.Popen[bytes], out: _Reader, *, limits: Limits, stopped: Callable[[], bool]
) -> str:
    end = time.monotonic() + limits.time_s
    while True:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_POLL_S)
            return ""
        if out.overflowed:
            return "output"
        if stopped():
            return "stopped"
        if time.monotonic() > end:
            return "time"


def _write(pipe: IO[bytes], given: str) -> None:
    with contextlib.suppress(OSError, ValueError):  # it need not read all, or anything
        pipe.write(given.encode("utf-8", "replace"))
    with contextlib.suppress(OSError, ValueError):
        pipe.close()
