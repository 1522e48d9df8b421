"""Answer hooks over the local socket: one JSON line in, one out, each connection on a thread of its own."""

import json
import os
import socketserver
import sqlite3
import sys
import threading
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from hivemind import retrieval
from hivemind.capture import exclusion, layout, spool
from hivemind.capture.git import project_of
from hivemind.capture.spool import Announcement
from hivemind.config import Settings
from hivemind.domain.events import session_key
from hivemind.domain.exposures import Arm, Channel, Offer
from hivemind.domain.text import storable
from hivemind.errors import HivemindError
from hivemind.library import notices
from hivemind.retrieval import languages, situation, withholding
from hivemind.retrieval.rank import Candidate
from hivemind.store import offers, sessions
from hivemind.store.database import WORKSPACE_NAME, Database, read_only_uri
from hivemind.worker.folders import Folders
from hivemind.worker.indexes import Indexes

#: A longer request is nothing that a hook sends, in bytes.
MAX_REQUEST_BYTES = 40 << 20
#: A client that sends nothing for so long is let go, in seconds.
CLIENT_TIMEOUT_S = 2.0
#: Skills that are ranked for a prompt, and for an agent that asks for more.
RANKED, MAX_RANKED = 10, 50
#: Connections that are kept open between requests, at most.
MAX_IDLE_CONNECTIONS = 4


#: Skills that came up at a session's prompts: what became of each, and the share that decided it.
Decided = dict[str, withholding.Assignment]


@dataclass(slots=True, kw_only=True)
class Shown:
    """Hold what a prompt was answered with, to be stored by the worker's loop."""

    workspace_id: str
    session_id: str
    agent: str
    offers: list[Offer] = field(default_factory=list)
    noticed_project: str = ""


class Answers:
    """Give the context for a prompt from the database, and remember what each session was given."""

    def __init__(
        self,
        database: Database,
        *,
        settings: Callable[[], Settings],
        wake: Callable[[], None],
        indexes: Indexes | None = None,
    ) -> None:
        self._database = database
        self._indexes = indexes
        self._settings = settings
        self._wake = wake
        self._idle: list[sqlite3.Connection] = []
        self._lock = threading.Lock()
        self._decided: dict[tuple[str, str], Decided] = {}  #: of each session
        self._earlier: dict[tuple[str, str], Decided] = {}  #: what else stands, though nothing came up since
        self._nothing_due: dict[tuple[str, str], tuple[int, int, str]] = {}  #: by workspace and project
        self._shown: list[Shown] = []
        self._unspooled: list[Announcement] = []
        self.folders = Folders(database, withheld=self._withheld)

    def take_unspooled(self) -> list[Announcement]:
        """Give what hooks could not write to the spool since the last call."""
        with self._lock:
            said, self._unspooled = self._unspooled, []
        return said

    def take_shown(self) -> list[Shown]:
        """Give what was shown since the last call."""
        with self._lock:
            shown, self._shown = self._shown, []
        return shown

    def give_back(self, shown: list[Shown]) -> None:
        """Keep what could not be stored for the next call."""
        with self._lock:
            self._shown = shown + self._shown

    def forget(self, workspace_id: str, session_id: str) -> None:
        """Forget what a session was given: its context was compacted, so it may need it again.

        What is withheld from it stays so.
        """
        key = (workspace_id, session_id)
        before = self._of_session(*key)
        with self._lock:
            self._earlier[key] = {**before, **self._earlier.get(key, {})}
            self._decided[key] = {}

    def take_up(self, said: Announcement) -> None:
        """Take up what a hook decided while no worker answered."""
        workspace_id, session_id = said.workspace_id, session_key(said.session_id)
        if not WORKSPACE_NAME.fullmatch(workspace_id):
            return
        shown = Shown(workspace_id=workspace_id, session_id=session_id, agent=storable(said.agent))
        at = datetime.fromtimestamp(said.at, UTC)
        shown.offers = [_offer(shown, *offered, at=at) for offered in said.offers]
        decided = self._of_session(workspace_id, session_id)
        with self._lock:
            self._decided[workspace_id, session_id] = {**_by_skill(said.offers), **decided}
            self._shown.append(shown)

    def _withheld(
        self, workspace_id: str, session_id: str, agent: str, skill_ids: Collection[str]
    ) -> frozenset[str]:
        """Give those of some skills that are withheld from a session, before any prompt and from then on."""
        if not self._settings().holdout_enabled:
            return frozenset()
        key = (workspace_id, session_id)
        known = {**self._of_session(*key), **self._earlier.get(key, {})}
        with self._connection() as connection:
            found = withholding.assign(
                connection,
                workspace_id=workspace_id,
                session_id=session_id,
                agent=agent,
                skill_ids=skill_ids,
                known=known,
            )
        drawn = {skill_id: (arm, share) for skill_id, (arm, share) in found.items() if share}
        with self._lock:
            self._earlier[key] = {**drawn, **self._earlier.get(key, {})}
        return frozenset(skill_id for skill_id, (arm, _) in found.items() if arm == Arm.WITHHELD)

    def _of_session(self, workspace_id: str, session_id: str) -> Decided:
        with self._lock:
            found = self._decided.get((workspace_id, session_id))
        if found is None:
            with self._database.read(workspace_id) as workspace:
                found = offers.decided(workspace, session_id, channel=Channel.PROMPT)
        return found

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        """Answer one request; `wake` only wakes the loop."""
        unspooled = request.get("unspooled")
        if isinstance(unspooled, str) and (said := spool.parse(unspooled.encode("utf-8", "replace"))):
            with self._lock:
                self._unspooled.append(said)
        self._wake()
        if request.get("op") == "ping":
            return {"pid": os.getpid()}
        if request.get("op") not in ("context", "session", "rank"):
            return {}
        texts = {k: storable(request[k]) if isinstance(request.get(k), str) else "" for k in _ASKED}
        if request.get("op") == "rank":
            limit = request.get("limit")
            return self._rank(texts, limit=limit if isinstance(limit, int) else RANKED)
        shown = Shown(
            workspace_id=texts["workspace"] or "default",
            session_id=session_key(texts["session_id"]),
            agent=texts["agent"],
        )
        if request.get("op") == "session":
            found = self.folders.session(
                shown.workspace_id, agent=shown.agent, cwd=texts["cwd"], claimed=shown.session_id
            )
            return {"session_id": found}
        project_id, settings = self._project_id(shown.workspace_id, texts["cwd"]), self._settings()
        context, notice = "", ""
        captured = settings.capture_enabled and not exclusion.leaves_out(settings, texts["cwd"])
        if texts["prompt"] and settings.inject_enabled and settings.inject_max_skills:
            context = self._context(texts, project_id=project_id, shown=shown, captured=captured)
        if captured:
            notice = self._notice(shown, project_id) if project_id else ""
            with self._lock:
                self._shown.append(shown)
            self._wake()
        reload = False
        if captured and shown.session_id and request.get("moment") == "start":
            reload = self.folders.start(
                shown.workspace_id, shown.session_id, agent=shown.agent, cwd=texts["cwd"]
            )
        return {"context": context, "notice": notice, "reload": reload}

    def _rank(self, texts: dict[str, str], *, limit: int) -> dict[str, Any]:
        """Rank the skills for a search by an agent; nothing where the index is not there yet."""
        with self._connection() as connection:
            found = self._ranked(
                connection,
                texts["workspace"] or "default",
                project_id=texts["project"],
                prompt=texts["prompt"],
                limit=max(1, min(limit, MAX_RANKED)),
            )
        return {"ranked": [[one.skill_id, one.version, one.score, one.threshold] for one in found or ()]}

    def _project_id(self, workspace_id: str, cwd: str) -> str:
        project = project_of(cwd)
        if project is None:
            return ""
        with self._database.read(workspace_id) as workspace:
            return sessions.known_project(workspace, project).project_id

    def _context(self, texts: dict[str, str], *, project_id: str, shown: Shown, captured: bool) -> str:
        settings = self._settings()
        key = (shown.workspace_id, shown.session_id)
        decided = self._of_session(*key)
        learns = captured and settings.holdout_enabled and bool(shown.session_id)
        with self._connection() as connection:
            prompt = situation.asked(
                connection,
                workspace_id=shown.workspace_id,
                session_id=shown.session_id,
                prompt=texts["prompt"],
            )
            found = retrieval.relevant(
                connection,
                workspace_id=shown.workspace_id,
                project_id=project_id,
                prompt=prompt,
                candidates=self._fitting(
                    connection, shown, project_id=project_id, prompt=prompt, cwd=texts["cwd"]
                ),
                already=frozenset(one for one in decided if decided[one][0] == Arm.GIVEN),
                withheld=frozenset(one for one in decided if decided[one][0] == Arm.WITHHELD),
                k=settings.inject_max_skills,
                budget_tokens=settings.inject_budget_tokens,
                # What nobody would learn from is withheld from nobody.
                session_id=shown.session_id if learns else "",
                agent=shown.agent,
                known={**decided, **self._earlier.get(key, {})},
            )
        at = datetime.now(UTC)
        shown.offers = [_offer(shown, *offered, at=at) for offered in found.offers if shown.session_id]
        with self._lock:
            self._decided[key] = {**decided, **_by_skill(found.offers)}
        return found.text

    def _fitting(
        self, connection: sqlite3.Connection, shown: Shown, *, project_id: str, prompt: str, cwd: str
    ) -> list[Candidate] | None:
        """Rank the skills for a prompt, as they fit what its session works with."""
        ranked = self._ranked(connection, shown.workspace_id, project_id=project_id, prompt=prompt)
        if not any(one.relevant for one in ranked or ()):
            return ranked
        at_hand = languages.at_hand(
            connection, workspace_id=shown.workspace_id, session_id=shown.session_id, cwd=cwd
        )
        return languages.fitting(ranked or (), prompt=prompt, at_hand=at_hand)

    def _ranked(
        self,
        connection: sqlite3.Connection,
        workspace_id: str,
        *,
        project_id: str,
        prompt: str,
        limit: int = RANKED,
    ) -> list[Candidate] | None:
        if self._indexes is None:
            return None
        return self._indexes.rank(
            connection, workspace_id=workspace_id, project_id=project_id, prompt=prompt, limit=limit
        )

    def _notice(self, shown: Shown, project_id: str) -> str:
        key = (shown.workspace_id, project_id)
        with self._database.read(shown.workspace_id) as workspace:
            latest = notices.latest(workspace)
            # To look takes longer than to search: what was decided since the last look is known at once.
            text = "" if self._nothing_due.get(key) == latest else notices.due(workspace, project_id)
        if not text:
            self._nothing_due[key] = latest
        shown.noticed_project = project_id if text else ""
        return text

    def close(self) -> None:
        """Close the connections that are kept open."""
        with self._lock:
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        """Lend a connection: each request has a thread of its own, and opening one costs it a millisecond."""
        with self._lock:
            connection = self._idle.pop() if self._idle else None
        if connection is None:
            uri = read_only_uri(self._database.path)
            connection = sqlite3.connect(uri, uri=True, timeout=0.2, check_same_thread=False)
        try:
            yield connection
        except BaseException:
            connection.close()
            raise
        with self._lock:
            if len(self._idle) < MAX_IDLE_CONNECTIONS:
                self._idle.append(connection)
                return
        connection.close()


def _offer(shown: Shown, skill_id: str, version: int, arm: str, share: float, *, at: datetime) -> Offer:
    return Offer(
        session_id=shown.session_id,
        skill_id=skill_id,
        version=version,
        channel=Channel.PROMPT,
        arm=Arm(arm),
        share=share,
        agent=shown.agent,
        at=at,
    )


def _by_skill(offered: Sequence[tuple[str, int, str, float]]) -> Decided:
    return {skill_id: (arm, share) for skill_id, _, arm, share in offered}


_ASKED = ("prompt", "cwd", "workspace", "session_id", "agent", "project")


class _Handler(socketserver.StreamRequestHandler):
    timeout = CLIENT_TIMEOUT_S

    def handle(self) -> None:
        """Read one request, write one answer."""
        server = self.server
        assert isinstance(server, Server)  # noqa: S101 - socketserver hands over the server that made it
        line = self.rfile.readline(MAX_REQUEST_BYTES)
        try:
            request = json.loads(line)
        except (ValueError, RecursionError):
            return
        if isinstance(request, dict):
            self.wfile.write(json.dumps(server.answers.answer(request)).encode() + b"\n")


class Server(socketserver.ThreadingUnixStreamServer):
    """Listen on the worker's socket, for the same user only."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, data: Path, *, answers: Answers, failed: Callable[[BaseException], None]) -> None:
        self.answers = answers
        self._failed = failed
        path = layout.socket_path(str(data))
        folder = Path(path).parent
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not layout.is_ours(path, str(data)):
            raise HivemindError(
                "socket-folder",
                f"{folder} belongs to another user or can be written by others",
                hint="remove it, or choose a shorter path in HIVEMIND_HOME",
            )
        Path(path).unlink(missing_ok=True)
        mask = os.umask(0o177)
        try:
            super().__init__(path, _Handler)
        finally:
            os.umask(mask)

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002 - as socketserver calls it
        """Record what a handler raised; a client that went away is none of it."""
        error = sys.exc_info()[1]
        if error is not None and not isinstance(error, (BrokenPipeError, ConnectionError, TimeoutError)):
            self._failed(error)
