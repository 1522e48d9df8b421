"""The real Claude Code, pinned and isolated: nothing of the person who runs the tests is read or written.

`clients/package.json` pins the version. It is installed once, with npm, into a cache folder that all test
runs share (`HIVEMIND_E2E_CLIENTS`, else the user's cache), named by the hash of the lock file.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import platform
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

CLIENTS = Path(__file__).parent / "clients"
INSTALL_SECONDS = 600


class ClientUnavailableError(Exception):
    """Claude Code cannot run here; the text says why."""


def find_claude(seconds: float = INSTALL_SECONDS) -> Path:
    """Return the pinned client's binary, installing it first, in bounded time, where it is missing."""
    lock = CLIENTS / "package-lock.json"
    folder = _cache() / hashlib.sha256(lock.read_bytes()).hexdigest()[:16]
    with _locked(folder.with_suffix(".lock")):
        if not folder.exists():
            _install(folder, seconds)
    return _binary(folder)


def _cache() -> Path:
    if chosen := os.environ.get("HIVEMIND_E2E_CLIENTS"):
        return Path(chosen)
    default = "~/Library/Caches" if sys.platform == "darwin" else "~/.cache"
    return Path(os.environ.get("XDG_CACHE_HOME") or default).expanduser() / "hivemind-e2e"


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)  # released when the file is closed, or its process dies
        yield


def _install(folder: Path, seconds: float) -> None:
    npm = shutil.which("npm")
    if npm is None:
        raise ClientUnavailableError("npm is not installed, and Claude Code comes from npm")
    # Install beside the final place and rename, so that an interrupted install is not taken for a whole one.
    partial = folder.with_suffix(".partial")
    shutil.rmtree(partial, ignore_errors=True)
    shutil.copytree(CLIENTS, partial)
    # The native binary needs neither Node 22 nor the scripts of the package around it.
    command = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
    try:
        done = subprocess.run(
            command, cwd=partial, capture_output=True, text=True, timeout=seconds, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise ClientUnavailableError(f"npm did not finish in {seconds} s") from error
    if done.returncode:
        raise ClientUnavailableError(f"npm could not install Claude Code:\n{done.stderr[-2000:]}")
    partial.rename(folder)


def _binary(folder: Path) -> Path:
    cpu = {"x86_64": "x64", "amd64": "x64", "aarch64": "arm64"}.get(
        platform.machine().lower(), platform.machine()
    )
    pattern = f"claude-code-{sys.platform}-{cpu}*/claude"  # npm installed the one for this C library only
    found = sorted((folder / "node_modules" / "@anthropic-ai").glob(pattern))
    if not found:
        raise ClientUnavailableError(f"there is no Claude Code for {sys.platform} on {cpu}")
    return found[0]


@dataclass(frozen=True)
class Completed:
    """What a run of Claude Code left behind; `results` has one text for each prompt."""

    results: tuple[str, ...]
    session_id: str
    returncode: int
    stdout: str
    stderr: str

    @property
    def result(self) -> str:
        return self.results[-1] if self.results else ""


@dataclass
class ClaudeCode:
    """Claude Code with a home of its own, talking to the model at `model_url`."""

    binary: Path
    home: Path
    model_url: str
    env: dict[str, str] = field(default_factory=dict)
    """Variables that every run gets, such as HIVEMIND_*; those given to `run` win."""

    @property
    def config_dir(self) -> Path:
        return self.home / ".claude"

    @property
    def settings(self) -> Path:
        return self.config_dir / "settings.json"

    def transcript(self, session_id: str) -> Path:
        """Return the file in which Claude Code keeps a session."""
        (found,) = (self.config_dir / "projects").glob(f"*/{session_id}.jsonl")
        return found

    def environment(self, extra: Mapping[str, str] | None = None) -> dict[str, str]:
        """Return all that the client sees of the environment."""
        return {
            "HOME": str(self.home),
            "CLAUDE_CONFIG_DIR": str(self.config_dir),
            "ANTHROPIC_BASE_URL": self.model_url,
            "ANTHROPIC_API_KEY": "sk-not-a-key",
            "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
            "DISABLE_AUTOUPDATER": "1",
            "DISABLE_TELEMETRY": "1",
            "IS_SANDBOX": "1",  # containers run tests as root, which the client refuses otherwise
            "PATH": os.environ["PATH"],
            "SHELL": "/bin/bash",
            "LANG": "C.UTF-8",
            "TERM": "dumb",
            "TZ": "UTC",
            "GIT_CONFIG_NOSYSTEM": "1",
            **self.env,
            **(extra or {}),
        }

    def run(
        self,
        prompt: str,
        *,
        cwd: Path,
        resume: str | None = None,
        args: Sequence[str] = (),
        env: Mapping[str, str] | None = None,
        timeout: float = 60,
    ) -> Completed:
        """Let it work on one prompt until it is done."""
        extra = [*args, *(["--resume", resume] if resume else [])]
        with self._start(["--output-format", "json", *extra], cwd, env, timeout) as (process, stderr):
            stdout, _ = process.communicate(prompt)
            return _completed([stdout], process.returncode, stdout, stderr)

    def converse(
        self,
        prompts: Sequence[str],
        *,
        cwd: Path,
        args: Sequence[str] = (),
        env: Mapping[str, str] | None = None,
        timeout: float = 120,
    ) -> Completed:
        """Give it one prompt after the other, in one process, each when the one before is done."""
        streams = ["--input-format", "stream-json", "--output-format", "stream-json", "--verbose"]
        results, lines = [], []
        with self._start([*streams, *args], cwd, env, timeout) as (process, stderr):
            if process.stdin is None or process.stdout is None:
                raise RuntimeError("the client was started without pipes")
            for prompt in prompts:
                message = {"type": "user", "message": {"role": "user", "content": prompt}}
                process.stdin.write(json.dumps(message) + "\n")
                process.stdin.flush()
                for line in process.stdout:
                    lines.append(line)
                    if _parse(line).get("type") == "result":
                        results.append(line)
                        break
            process.stdin.close()
            lines += process.stdout
            process.wait()
            return _completed(results, process.returncode, "".join(lines), stderr)

    @contextmanager
    def _start(
        self, args: Sequence[str], cwd: Path, env: Mapping[str, str] | None, timeout: float
    ) -> Iterator[tuple[subprocess.Popen[str], IO[str]]]:
        self.home.mkdir(parents=True, exist_ok=True)
        command = [str(self.binary), "-p", "--dangerously-skip-permissions", *args]
        with (
            tempfile.TemporaryFile("w+") as stderr,
            subprocess.Popen(
                command,
                cwd=cwd,
                env=self.environment(env),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stderr,
                text=True,
                start_new_session=True,
            ) as process,
        ):
            # Its own process group, so that a client that hangs goes with all that it started.
            watchdog = threading.Timer(timeout, os.killpg, (process.pid, signal.SIGKILL))
            watchdog.start()
            try:
                yield process, stderr
            finally:
                watchdog.cancel()
                if process.poll() is None:
                    os.killpg(process.pid, signal.SIGKILL)


def _completed(results: Sequence[str], returncode: int, stdout: str, stderr: IO[str]) -> Completed:
    records = [_parse(text) for text in results]
    stderr.seek(0)
    return Completed(
        tuple(str(record.get("result", "")) for record in records),
        str(records[-1].get("session_id", "")) if records else "",
        returncode,
        stdout,
        stderr.read(),
    )


def _parse(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except ValueError:
        return {}  # a client that failed prints its reason as plain text
    return value if isinstance(value, dict) else {}


if __name__ == "__main__":  # install it ahead of the tests: python -m tests.e2e.claude_code
    sys.stdout.write(f"{find_claude()}\n")
