"""Sync with the team's server beside the worker's loop: on a thread of its own, which nobody waits for."""

import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import sqlalchemy as sa

from hivemind.agents.editing.receipts import wired_agents
from hivemind.config import Settings
from hivemind.errors import HivemindError
from hivemind.store import problems
from hivemind.store.database import Database
from hivemind.sync import credentials, running
from hivemind.sync.credentials import Credentials

#: A round begins so long after a change; without one the server is asked this often, in seconds.
AFTER_CHANGE_S, EVERY_S = 10.0, 30.0
#: After a failure, twice as long each time, in seconds.
LONGEST_WAIT_S = 900.0
#: Whether somebody logged in is looked at this often, in seconds.
LOOK_S = 5.0
#: A worker that leaves waits so long for a request that is under way, in seconds.
LEAVING_S = 2.0


class Syncing:
    """Hold the thread, which begins when there is a server to sync with."""

    def __init__(
        self,
        database: Database,
        *,
        data: Path,
        home: Path,
        variables: Mapping[str, str],
        settings: Callable[[], Settings],
        wake: Callable[[], None],
        is_captured: bool = True,
    ) -> None:
        self._database = database
        self._data, self._home, self._variables = data, home, variables
        self._settings, self._wake = settings, wake
        self._is_captured = is_captured
        self._lock = threading.Condition()
        self._due = 0.0
        self._changed: set[str] = set()
        self._is_stopped = False
        self._failures = 0
        self._said = ""
        self._looked = -LOOK_S
        self._remote: Credentials | None = None
        self._thread: threading.Thread | None = None

    def look(self) -> None:
        """Begin where there is a server now; cheap, for each step of the loop."""
        now = time.monotonic()
        if now - self._looked < LOOK_S or self._is_stopped:
            return
        self._looked = now
        try:
            self._remote = credentials.find(self._data, self._variables)
        except HivemindError as error:
            self._remote = None
            self._say("default", error)
        if self._remote is not None and self._thread is None:
            self._thread = threading.Thread(target=self._run, name="syncing", daemon=True)
            self._thread.start()

    def soon(self, *, seconds: float = AFTER_CHANGE_S) -> None:
        """Have a round begin soon: something changed here, or a session begins."""
        with self._lock:
            self._due = min(self._due, time.monotonic() + seconds)
            self._lock.notify()

    def take_changed(self) -> set[str]:
        """Give the workspaces whose skills changed since the last call."""
        with self._lock:
            changed, self._changed = self._changed, set()
        return changed

    def close(self) -> None:
        """Stop; a request that is under way is left to itself."""
        with self._lock:
            self._is_stopped = True
            self._lock.notify()
        if self._thread is not None:
            self._thread.join(LEAVING_S)

    def _run(self) -> None:
        while True:
            with self._lock:
                while not self._is_stopped and (rest := self._due - time.monotonic()) > 0:
                    self._lock.wait(rest)
                if self._is_stopped:
                    return
                self._due = time.monotonic() + EVERY_S
            remote = self._remote
            if remote is not None:
                self._once(remote)

    def _once(self, remote: Credentials) -> None:
        rules = self._settings()
        try:
            done = running.run(
                self._database,
                remote=remote,
                who=running.Who(
                    machine=running.machine_of(self._data, agents=sorted(wired_agents(self._data))),
                    home=str(self._home),
                ),
                rules=rules if self._is_captured else replace(rules, capture_enabled=False),
                is_stopped=lambda: self._is_stopped,
            )
        except HivemindError as error:
            if error.slug != "sync-busy":
                self._failed(remote, error)
        except Exception as error:  # noqa: BLE001 - the outermost boundary of the thread: record and go on
            self._failed(remote, HivemindError("storage-failed", f"{type(error).__name__}: {error}"[:300]))
        else:
            self._failures, self._said = 0, ""
            if done.came.is_changed:
                with self._lock:
                    self._changed.add(remote.local_workspace)
                self._wake()
            if not done.is_complete:
                self.soon(seconds=0.0)

    def _failed(self, remote: Credentials, error: HivemindError) -> None:
        self._failures += 1
        with self._lock:
            self._due = time.monotonic() + min(LONGEST_WAIT_S, EVERY_S * 2.0**self._failures)
        self._say(remote.local_workspace, error)

    def _say(self, workspace_id: str, error: HivemindError) -> None:
        """Record what fails once, however often it does."""
        if self._is_stopped or self._said == error.message:
            return
        self._said = error.message
        with suppress(sa.exc.SQLAlchemyError, HivemindError), self._database.write(workspace_id) as workspace:
            problems.record(workspace, source="sync", slug=error.slug, message=error.message)
