"""Where a program's calls go: the store of this machine, or a server."""

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from hivemind.capture import announce, layout
from hivemind.retrieval import Answer, cold
from hivemind.server import worker_socket

#: The agent of sessions that the API records.
AGENT = "sdk"
#: A worker that could not be reached is started at most this often, in seconds.
START_EVERY_S = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """Hold what `skills_for` asks."""

    prompt: str
    project_id: str
    cwd: str
    k: int
    budget_tokens: int
    style: str
    session_id: str  #: empty where nobody will say how it went: nothing is withheld then
    deadline_s: float


class Transport(Protocol):
    """Carry what is recorded, and answer what is asked; either may raise, within its time."""

    def record(self, session_id: str, lines: list[dict[str, Any]], *, moment: str) -> None:
        """Keep lines of a session for good; `moment` says where the session is: turn, end or nothing."""

    def ask(self, question: Question) -> Answer:
        """Give the skills that a prompt is worth."""


@dataclass(slots=True)
class Local:
    """Use the data folder of this machine: a file a session, which the worker reads."""

    data: Path
    workspace_id: str
    variables: Mapping[str, str]
    _folders_made: bool = False
    _started: float = -START_EVERY_S
    _given: dict[str, dict[str, tuple[str, float]]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _waking: threading.Thread | None = None

    def record(self, session_id: str, lines: list[dict[str, Any]], *, moment: str) -> None:
        """Append lines to the session's transcript in one write, and announce them."""
        data, name = str(self.data), layout.session_file(session_id)
        if os.path.exists(os.path.join(layout.skipped_dir(data), name)):  # noqa: PTH110, PTH118
            return
        folder = layout.kept_dir(data, AGENT)
        path = f"{folder}/{name}.jsonl"
        if not self._folders_made:
            for made in (os.path.dirname(folder), folder, layout.spool_dir(data)):  # noqa: PTH120
                announce.make_folder(data, made)
            self._folders_made = True
        announce.append(path, "\n".join(json.dumps(line, default=str) for line in lines))
        if not moment:
            return
        said = {
            "agent": AGENT,
            "session_id": session_id,
            "workspace": self.workspace_id,
            "moment": moment,
            "transcript": path,
            "cwd": "",
            "at": time.time(),
        }
        announce.append(f"{layout.spool_dir(data)}/{name}.jsonl", json.dumps(said))
        self._wake()

    def ask(self, question: Question) -> Answer:
        """Rank by the worker's index where one runs, and choose from the database file."""
        request = {
            "op": "rank",
            "workspace": self.workspace_id,
            "project": question.project_id,
            "prompt": question.prompt[: announce.MAX_PROMPT_CHARS],
            "limit": max(question.k, 10),
        }
        began = time.monotonic()
        answer = worker_socket.ask(self.data, request)
        ranked: list[tuple[str, int, float, float]] = []
        with suppress(TypeError, ValueError):
            for one, version, score, least in (answer or {}).get("ranked") or ():
                ranked.append((str(one), int(version), float(score), float(least)))
        known = self._given.setdefault(question.session_id, {}) if question.session_id else {}
        found = cold.answer(
            layout.database(str(self.data)),
            self.workspace_id,
            question.cwd,
            question.prompt,
            max(0.05, question.deadline_s - (time.monotonic() - began)),
            session_id=question.session_id,
            agent=AGENT,
            known=known,
            wanted=cold.Wanted(
                k=question.k,
                budget_tokens=question.budget_tokens,
                style=question.style,
                loads=False,
                project_id=question.project_id,
                ranked=ranked,
            ),
        )
        if question.session_id and found.offers:
            known.update({skill_id: (arm, share) for skill_id, _, arm, share in found.offers})
            self._tell_offers(question, found)
        return found

    def _tell_offers(self, question: Question, found: Answer) -> None:
        """Let the worker know what the session was given and what was withheld from it."""
        data = str(self.data)
        announce.make_folder(data, layout.spool_dir(data))
        said = {
            "agent": AGENT,
            "session_id": question.session_id,
            "workspace": self.workspace_id,
            "cwd": "",
            "at": time.time(),
            "moment": "offers",
            "offers": [list(offer) for offer in found.offers],
        }
        name = layout.session_file(question.session_id)
        announce.append(f"{layout.spool_dir(data)}/{name}.jsonl", json.dumps(said))

    def _wake(self) -> None:
        """Wake the worker, or start one, while the program goes on; it is awaited when the program ends."""
        if self._waking is None or not self._waking.is_alive():
            self._waking = threading.Thread(target=self._call_worker, name="hivemind")
            self._waking.start()

    def _call_worker(self) -> None:
        try:
            if worker_socket.ask(self.data, {"op": "ping"}) is None:
                self._start_worker()
        except Exception as error:  # noqa: BLE001 - of a thread nobody would hear it
            announce.record_failure(str(self.data), ["api", "worker"], error)

    def _start_worker(self) -> None:
        """Start the worker in a session of its own, so that it outlives the program."""
        if self.variables.get("HIVEMIND_WORKER", "").strip().lower() in announce.OFF:
            return
        with self._lock:
            now = time.monotonic()
            if now - self._started < START_EVERY_S:
                return
            self._started = now
        claimed = announce.claim_start(layout.worker_starting(str(self.data)))
        if claimed < 0:
            return
        try:
            with open(layout.worker_log(str(self.data)), "ab", opener=_private) as log:
                child = subprocess.Popen(
                    [sys.executable, "-E", "-P", "-m", "hivemind.worker", str(self.data)],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    cwd=self.data,
                    start_new_session=True,
                )
            os.write(claimed, str(child.pid).encode())
            # It is nobody's child to wait for: without this the interpreter warns at its end.
            child.returncode = 0
        finally:
            os.close(claimed)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
