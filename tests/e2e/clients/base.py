"""What all clients have in common: a home of their own, a bounded run, and what it left behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import tempfile
import threading
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, ClassVar

JSON = dict[str, Any]


@dataclass(frozen=True)
class Output:
    """What a run printed."""

    stdout: str
    stderr: str


@dataclass(frozen=True)
class Completed:
    """What a run left behind; `results` has one text for each prompt."""

    results: tuple[str, ...]
    session_id: str
    returncode: int
    stdout: str
    stderr: str

    @property
    def result(self) -> str:
        return self.results[-1] if self.results else ""


@dataclass
class Client(ABC):
    """An agent with a home of its own, talking to the model at `model_url`."""

    name: ClassVar[str]

    command: Sequence[str]
    """The program, as `find` returns it."""
    home: Path
    model_url: str
    env: dict[str, str] = field(default_factory=dict)
    """Variables that every run gets, such as HIVEMIND_*; those given to `run` win."""

    @classmethod
    @abstractmethod
    def find(cls, *, timeout_s: float = 600) -> Sequence[str]:
        """Return the pinned program, installing it first, in bounded time, where it is missing."""

    @property
    @abstractmethod
    def config_dirs(self) -> dict[str, str]:
        """The variables that say where the client keeps its files; Hivemind has to see them too."""

    @abstractmethod
    def configure(self) -> None:
        """Write what the client needs to reach the model, and nothing that is already there."""

    @abstractmethod
    def variables(self) -> dict[str, str]:
        """Return what only this client needs in its environment."""

    @abstractmethod
    def asked(self, prompt: str) -> tuple[Sequence[str], str]:
        """Return the arguments and the input that let it work on one prompt, without a person."""

    @abstractmethod
    def read(self, output: Output) -> tuple[str, str]:
        """Return the last answer and the session's id as the client printed them."""

    def environment(self, extra: Mapping[str, str] | None = None) -> dict[str, str]:
        """Return all that the client sees of the environment."""
        return {
            "HOME": str(self.home),
            "PATH": os.environ["PATH"],
            "SHELL": "/bin/bash",
            "LANG": "C.UTF-8",
            "TERM": "dumb",
            "TZ": "UTC",
            "GIT_CONFIG_NOSYSTEM": "1",
            **self.config_dirs,
            **self.variables(),
            **self.env,
            **(extra or {}),
        }

    def run(
        self, prompt: str, *, cwd: Path, env: Mapping[str, str] | None = None, timeout: float = 60
    ) -> Completed:
        """Let it work on one prompt until it is done."""
        arguments, given = self.asked(prompt)
        with self.start(arguments, cwd=cwd, env=env, timeout=timeout) as (process, stderr):
            stdout, _ = process.communicate(given)
            output = Output(stdout, everything(stderr))
        result, session_id = self.read(output)
        return Completed((result,), session_id, process.returncode, output.stdout, output.stderr)

    @contextmanager
    def start(
        self, arguments: Sequence[str], *, cwd: Path, env: Mapping[str, str] | None, timeout: float
    ) -> Iterator[tuple[subprocess.Popen[str], IO[str]]]:
        """Start it with pipes, and make sure that it ends; yields the process and its stderr."""
        self.home.mkdir(parents=True, exist_ok=True)
        self.configure()
        with (
            tempfile.TemporaryFile("w+") as stderr,
            subprocess.Popen(
                [*self.command, *arguments],
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


def everything(stderr: IO[str]) -> str:
    """Return all that was written to a temporary file."""
    stderr.seek(0)
    return stderr.read()


def parse(text: str) -> JSON:
    """Return a JSON object, or an empty one: a client that failed prints its reason as plain text."""
    try:
        value = json.loads(text)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def records(stdout: str) -> list[JSON]:
    """Return the JSON objects of an output that has one a line."""
    return [record for line in stdout.splitlines() if (record := parse(line))]


def last(found: Iterable[Any]) -> str:
    """Return the last value as text, or nothing."""
    return str(([*found] or [""])[-1])


def write_new(path: Path, content: str | JSON) -> None:
    """Write a file, as text or JSON, unless it is there."""
    if path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content, indent=2) + "\n")
