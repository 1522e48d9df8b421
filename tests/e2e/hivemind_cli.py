"""Run the real `hivemind` command beside real clients, in the same isolated home."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self, TypeVar

from .clients import Client

T = TypeVar("T")


@dataclass
class Hivemind:
    """Call `hivemind` as a user of `home` would; its data lie in `home` too."""

    home: Path
    config_dirs: Mapping[str, str]
    """The variables that say where each agent keeps its files."""
    env: dict[str, str] = field(default_factory=dict)

    @classmethod
    def beside(cls, *clients: Client) -> Self:
        """Make it for clients of one home, and let them and their hooks know where its data lie."""
        tool = cls(clients[0].home, {key: value for one in clients for key, value in one.config_dirs.items()})
        for client in clients:
            client.configure()
            client.env["HIVEMIND_HOME"] = str(tool.data)
        # By default a tenth of the sessions goes without a skill: which ones, no test can know beforehand.
        tool.data.mkdir(mode=0o700, parents=True, exist_ok=True)
        (tool.data / "config.toml").write_text("[holdout]\nenabled = false\n")
        return tool

    @property
    def data(self) -> Path:
        """Give Hivemind's own folder."""
        return self.home / "hivemind data"

    def environment(self) -> dict[str, str]:
        """Give the whole environment of a call."""
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.home),
            "LANG": "C.UTF-8",
            **self.config_dirs,
            "HIVEMIND_HOME": str(self.data),
            **self.env,
        }

    def run(
        self, *arguments: str, check: bool = True, cwd: Path | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run the command to its end."""
        done = subprocess.run(
            [sys.executable, "-m", "hivemind", *arguments],
            env=self.environment(),
            cwd=cwd or self.home,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert not check or done.returncode == 0, (
            f"hivemind {arguments}: {done.returncode}\n{done.stdout}{done.stderr}"
        )
        return done

    def json(self, *arguments: str, cwd: Path | None = None) -> Any:
        """Run a command that prints JSON."""
        return json.loads(self.run(*arguments, "--json", cwd=cwd).stdout)

    def sql(self, query: str) -> list[dict[str, Any]]:
        """Query the database; nothing where there is none yet."""
        if not (self.data / "hivemind.db").exists():
            return []
        done = self.run("sql", query, "--json", check=False)
        return json.loads(done.stdout) if done.returncode == 0 else []

    def events(self, session_id: str) -> list[dict[str, Any]]:
        """Give a session's events without usage, in order."""
        return self.sql(
            f"select seq, kind, tool_name, status, exit_code, text from events "  # noqa: S608 - an id of our own run
            f"where session_id = '{session_id}' and kind != 'usage' order by seq"
        )

    def wait_for(self, look: Callable[[], T], *, seconds: float = 30.0) -> T:
        """Look again and again until there is something."""
        end = time.monotonic() + seconds
        while not (found := look()):
            assert time.monotonic() < end, f"nothing came within {seconds} s; {self.log()}"
            time.sleep(0.1)
        return found

    def log(self) -> str:
        """Give what the worker and the hooks wrote about failures."""
        names = ("worker.log", "hook-errors.jsonl")
        return "\n".join((self.data / n).read_text() for n in names if (self.data / n).exists())

    def worker_pid(self) -> int | None:
        """Give the running worker's process id."""
        return self.json("status")["worker"] or None

    def kill_worker(self) -> None:
        """Kill the worker as a crash would."""
        if pid := self.worker_pid():
            os.kill(pid, signal.SIGKILL)

    def stop_worker(self) -> None:
        """Ask the worker to end, and wait until it has."""
        if pid := self.worker_pid():
            os.kill(pid, signal.SIGTERM)
            self.wait_for(lambda: self.worker_pid() is None)

    def leave(self) -> None:
        """Leave no worker behind, where there can be one."""
        if self.data.exists():
            self.stop_worker()
