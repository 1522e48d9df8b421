"""Send a program's calls to a team's server, by HIVEMIND_API_URL and HIVEMIND_TOKEN.

What is recorded goes to a file of this machine first, and from there to the server when it can be had: a
program neither waits for the network nor loses what it recorded while there was none.
"""

import atexit
import fcntl
import json
import os
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hivemind.api.transport import AGENT, Question
from hivemind.capture import announce, layout
from hivemind.retrieval import Answer

if TYPE_CHECKING:
    import httpx2

#: Lines of one request, at most, and their bytes.
MAX_LINES, MAX_BYTES = 500, 4_000_000
TIMEOUT_S = 20.0
#: Without an answer the next try waits so long, twice as long each time.
FIRST_WAIT_S, LONGEST_WAIT_S = 1.0, 60.0
#: A program that ends gives what is left so long.
LAST_S = 5.0
#: What is answered so will be answered so again: those lines are put aside.
_REFUSED = frozenset({400, 409, 413, 422})


class _LaterError(Exception):
    """Say that the server cannot be had now."""


@dataclass(slots=True)
class Remote:
    """Keep what is recorded in `outbox/`, a file a session, and send it from a thread of its own."""

    data: Path
    url: str
    token: str = field(repr=False)
    _http: "httpx2.Client | None" = None
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _due: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None
    _ends: bool = False

    @property
    def outbox(self) -> Path:
        """Give the folder of what waits."""
        return self.data / "outbox"

    def record(self, session_id: str, lines: list[dict[str, Any]], *, moment: str) -> None:
        """Append lines to the session's file, and have them sent; `moment` says nothing here."""
        del moment
        announce.make_folder(str(self.data), str(self.outbox))
        path = self.outbox / f"{layout.session_file(session_id)}.jsonl"
        announce.append(str(path), "\n".join(json.dumps(line, default=str) for line in lines))
        self.wake()

    def wake(self) -> None:
        """Have what waits sent soon."""
        if self.outbox.exists():
            self._due.set()
            self._run()

    def ask(self, question: Question) -> Answer:
        """Ask the server, within the deadline."""
        from hivemind.retrieval.rank import Candidate
        from hivemind.retrieval.select import Selected

        if not question.k:
            return Answer("", [])
        asked = {
            "prompt": question.prompt[: announce.MAX_PROMPT_CHARS],
            "project": question.project_id,
            "limit": min(question.k, 10),
            "budget_tokens": max(50, min(question.budget_tokens, 8_000)),
            "format": question.style,
        }
        if question.session_id:
            asked |= {"session": question.session_id, "agent": AGENT}
        status, said = self._post("/api/v1/context", asked, timeout_s=question.deadline_s)
        if status != 200:
            raise RuntimeError(f"{self.url} answered {status}: {str(said)[:300]}")
        chosen = [
            Selected(
                Candidate(
                    skill_id=one["skill_id"],
                    version=one["version"],
                    state="active",
                    project_id="",
                    name=one["name"],
                    description=one["description"],
                    body="",
                    score=one["confidence"],
                    threshold=0.5,
                ),
                text=one["text"],
                form=one["form"],
            )
            for one in said["skills"]
        ]
        skills = [(one["skill_id"], one["version"], one["confidence"]) for one in said["skills"]]
        return Answer(said["text"], skills, chosen=chosen)

    def send_all(self) -> bool:
        """Send what waits; False where something is left."""
        left = False
        for path in sorted(self.outbox.glob("*.jsonl")):
            try:
                left |= not self._send(path)
            except FileNotFoundError:
                continue
            except _LaterError:
                return False
        return not left

    def _send(self, path: Path) -> bool:
        """Send a session's lines from where the last sending stopped; False where another process does."""
        mark = path.with_suffix(".sent")
        with mark.open("a+") as held:
            mark.chmod(0o600)
            try:
                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                return False
            held.seek(0)
            text = held.read().strip()
            offset = int(text) if text.isdigit() else 0
            while True:
                batch, offset, is_end = _batch(path, offset)
                if batch:
                    self._put(path, batch)
                held.truncate(0)
                held.write(str(offset))
                held.flush()
                if not batch:
                    if is_end:
                        path.unlink(missing_ok=True)
                        mark.unlink(missing_ok=True)
                    return True

    def _put(self, path: Path, batch: list[dict[str, Any]]) -> None:
        try:
            status, said = self._post("/api/v1/recorded", {"lines": batch}, timeout_s=TIMEOUT_S)
        except Exception as error:
            announce.record_failure(str(self.data), ["api", "send"], error)
            raise _LaterError from error
        if status in _REFUSED:
            refused = path.with_suffix(".refused")
            announce.append(str(refused), "\n".join(json.dumps(line) for line in batch))
            self._failed(f"refused {len(batch)} lines, which are in {refused} now", said)
        elif status >= 300:
            self._failed(f"answered {status}", said)
            raise _LaterError

    def _failed(self, what: str, said: Any) -> None:
        told = RuntimeError(f"{self.url} {what}: {said}"[:500])
        announce.record_failure(str(self.data), ["api", "send"], told)

    def _post(self, path: str, body: dict[str, Any], *, timeout_s: float) -> tuple[int, Any]:
        import httpx2

        with self._lock:
            if self._http is None:
                headers = {"Authorization": f"Bearer {self.token}"}
                # Redirects are not followed: the token is for this server alone.
                self._http = httpx2.Client(headers=headers, follow_redirects=False)
        answer = self._http.post(self.url + path, json=body, timeout=timeout_s)
        try:
            return answer.status_code, answer.json()
        except ValueError:
            return answer.status_code, answer.text

    def _run(self) -> None:
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._sending, name="hivemind", daemon=True)
                self._thread.start()
                atexit.register(self._finish)

    def _sending(self) -> None:
        wait_s = FIRST_WAIT_S
        while True:
            self._due.wait()
            self._due.clear()
            try:
                done = self.send_all()
            except Exception as error:  # noqa: BLE001 - of a thread nobody would hear it
                announce.record_failure(str(self.data), ["api", "send"], error)
                done = False
            if self._ends:
                return
            if done:
                wait_s = FIRST_WAIT_S
            else:
                time.sleep(wait_s)
                wait_s = min(2 * wait_s, LONGEST_WAIT_S)
                self._due.set()

    def _finish(self) -> None:
        """Give what is left a last try, within bounds; what stays is sent by the next program."""
        self._ends = True
        self._due.set()
        if self._thread is not None:
            with suppress(RuntimeError):
                self._thread.join(LAST_S)


def _batch(path: Path, offset: int) -> tuple[list[dict[str, Any]], int, bool]:
    """Read whole lines from a place on; give the place behind them, and whether the last says the end."""
    lines: list[dict[str, Any]] = []
    is_end = False
    with path.open("rb") as source:
        source.seek(max(0, offset))
        size = 0
        for raw in source:
            if not raw.endswith(b"\n"):
                break  # still being written
            size += len(raw)
            if lines and (len(lines) == MAX_LINES or size > MAX_BYTES):
                break
            offset += len(raw)
            with suppress(ValueError):
                line = json.loads(raw)
                if isinstance(line, dict):
                    lines.append(line)
    if not lines and os.path.getsize(path) == offset:  # noqa: PTH202 - one call
        is_end = _ended(path)
    return lines, offset, is_end


def _ended(path: Path) -> bool:
    """Say whether a session's last line is its end."""
    with path.open("rb") as source:
        source.seek(max(0, source.seek(0, os.SEEK_END) - 2_000))
        last = source.read().strip().rpartition(b"\n")[2]
    with suppress(ValueError):
        line = json.loads(last)
        return isinstance(line, dict) and line.get("kind") == "end"
    return False
