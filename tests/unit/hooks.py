"""Run the real hook as agents do, beside real workers in the same data folder."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from claude_records import texts

from hivemind.capture import hook, layout

T = TypeVar("T")
HOOK = Path(hook.__file__).resolve()
SESSION = "5f0a7c11-2222-4333-8444-555566667777"


@dataclass
class Data:
    """Hold a data folder, and end the worker in it."""

    path: Path
    home: Path
    workers: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def environment(self, **more: str) -> dict[str, str]:
        """Give the whole environment of a hook or worker."""
        return {"PATH": os.environ["PATH"], "HOME": str(self.home), "LANG": "C.UTF-8", **more}

    @property
    def database(self) -> Path:
        """Name the worker's database."""
        return Path(layout.database(str(self.path)))

    def stored(self) -> list[str]:
        """Give the texts of the stored events; none while the database is missing or being made."""
        try:
            return texts(self.database)
        except sqlite3.Error:
            return []

    def hook(
        self,
        event: str = "Stop",
        said: Any = None,
        *,
        arguments: list[str] | None = None,
        stdin: Any = None,
        worker: bool = False,
        env: dict[str, str] | None = None,
        preexec: Callable[[], None] | None = None,
    ) -> Ran:
        """Run the hook to its end; without `worker` it may start none."""
        body = (
            said if isinstance(said, bytes) else json.dumps(payload(event) if said is None else said).encode()
        )
        words = [sys.executable, "-I", "-S", str(HOOK), *(arguments or ["claude", event, str(self.path)])]
        started = time.monotonic()
        process = subprocess.Popen(
            words,
            stdin=subprocess.PIPE if stdin is None else stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=self.environment(**({} if worker else {"HIVEMIND_WORKER": "off"}), **(env or {})),
            preexec_fn=preexec,
        )
        out, err = process.communicate(body if stdin is None else None, timeout=30)
        return Ran(process.returncode, out.decode(), err.decode(), time.monotonic() - started)

    def announcements(self) -> list[dict[str, Any]]:
        """Give what is in the spool."""
        found = [
            json.loads(line)
            for path in sorted((self.path / "spool").glob("*"))
            for line in path.read_bytes().splitlines()
            if line
        ]
        return sorted(found, key=lambda said: said["at"])

    def errors(self) -> list[dict[str, Any]]:
        """Give what the hook recorded of its own failures."""
        path = self.path / "hook-errors.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def start_worker(self, **env: str) -> subprocess.Popen[bytes]:
        """Run the worker in the foreground of the test."""
        words = [sys.executable, "-P", "-m", "hivemind.worker", str(self.path)]
        process = subprocess.Popen(words, env=self.environment(**env), stderr=subprocess.PIPE)
        self.workers.append(process)
        return process

    def worker_is_up(self) -> bool:
        """Say whether the socket is there."""
        return Path(layout.socket_path(str(self.path))).exists()

    def lock_holder(self) -> int | None:
        """Give the process that a hook started, or the one of `start_worker`."""
        return self._pid_in("worker.lock")

    def _pid_in(self, name: str) -> int | None:
        try:
            text = (self.path / name).read_text()
        except OSError:
            return None
        return int(text) if text.isdigit() else None

    def end(self) -> None:
        """Leave no process behind."""
        started = {self.lock_holder(), self._pid_in("worker.starting")} - {
            None,
            *(p.pid for p in self.workers),
        }
        for process in self.workers:
            if process.poll() is None:
                process.kill()
            process.wait()
            if process.stderr is not None:
                process.stderr.close()
        for pid in started:
            if pid is not None and is_our_worker(pid, self.path):
                os.kill(pid, signal.SIGKILL)


@dataclass(frozen=True)
class Ran:
    """Hold what a hook's run gave."""

    code: int
    out: str
    err: str
    seconds: float


def payload(event: str, **more: Any) -> dict[str, Any]:
    """Give what Claude Code sends."""
    said: dict[str, Any] = {
        "session_id": SESSION,
        "transcript_path": "/nowhere/t.jsonl",
        "cwd": "/nowhere",
        "hook_event_name": event,
    }
    said |= {
        "UserPromptSubmit": {"prompt": "the secret prompt"},
        "Stop": {"last_assistant_message": "the secret answer"},
    }.get(event, {})
    return said | more


def is_our_worker(pid: int, data: Path) -> bool:
    """Say whether a process is a worker of this data folder, and not another one with a reused id."""
    shown = subprocess.run(
        ["ps", "-wwo", "command=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    return "hivemind.worker" in shown.stdout and str(data) in shown.stdout


def wait_for(look: Callable[[], T], *, seconds: float = 20.0) -> T:
    """Look again and again until there is something."""
    end = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < end, f"nothing came within {seconds} s"
        time.sleep(0.02)
    return found
