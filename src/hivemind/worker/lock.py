"""The lock that makes the worker the only one."""

import os
import time
from contextlib import suppress
from pathlib import Path

from hivemind.capture import layout

#: How often a waiting process tries, in seconds.
POLL_S = 0.05


class WorkerLock:
    """Hold `worker.lock` with the process's id in it; the system frees it when the process dies."""

    def __init__(self, data: Path) -> None:
        self.path = Path(layout.worker_lock(str(data)))
        self._fd: int | None = None

    def acquire(self, *, wait_s: float = 0.0) -> bool:
        """Take the lock; False where another process has it, and keeps it for `wait_s` seconds."""
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        fd = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600)
        end = time.monotonic() + wait_s
        while not _lock(fd):
            if time.monotonic() >= end:
                os.close(fd)
                return False
            time.sleep(POLL_S)
        self._fd = fd
        with suppress(OSError):  # a full disk: the lock holds without the note of whose it is
            os.ftruncate(fd, 0)
            os.write(fd, str(os.getpid()).encode())
        return True

    def is_held(self) -> bool:
        """Say whether the lock is still ours: not so once its folder was deleted and maybe made anew."""
        if self._fd is None:
            return False
        try:
            return os.path.samestat(os.fstat(self._fd), self.path.stat())
        except OSError:
            return False

    def release(self) -> None:
        """Give the lock back."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None

    def holder(self) -> int | None:
        """Give the id of the process that has the lock, None where nobody has it."""
        try:
            fd = os.open(self.path, os.O_RDWR)
        except OSError:
            return None
        try:
            if _lock(fd):
                return None
            text = os.read(fd, 32)
        finally:
            os.close(fd)
        return int(text) if text.isdigit() else 0


def _lock(fd: int) -> bool:
    try:
        import fcntl
    except ImportError:  # Windows, untested: without advisory locks the first worker's socket decides
        return True
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
