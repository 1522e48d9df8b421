"""Keep out of a checkout's skill folders what every session at work in it is withheld from.

A folder is shared by all sessions of a checkout. A file is away only while each of them is withheld from the
skill: to take it from a session that has it would be a loss that nobody sees, while a session that reads what
it should not have is seen, and counts for neither side.
"""

import sqlite3
import threading
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

from hivemind.capture.git import project_of
from hivemind.domain.skills import LIVE_STATES
from hivemind.errors import HivemindError
from hivemind.library import held_back, publish
from hivemind.store import schema
from hivemind.store.database import Database

#: A session that nothing was heard of for so long is no longer at work, in seconds.
AT_WORK_S = 1800.0
#: A session's start waits so long for its folder, in seconds; what takes longer is done without it.
START_WAIT_S = 0.15
#: A client that listed its skills while files came and went has to look again, in seconds.
RECENT_S = 10.0
#: How long another publication is waited for, in seconds.
LOCK_WAIT_S = 2.0
#: Sessions that ended are remembered, the latest ones.
MAX_ENDED = 500

#: Say which of some skills are withheld from a session: workspace, session, agent, skills.
Withheld = Callable[[str, str, str, Collection[str]], frozenset[str]]


@dataclass(slots=True, kw_only=True)
class _AtWork:
    agent: str
    root: Path | None
    withheld: frozenset[str]
    heard: float


class Folders:
    """Know which sessions are at work where, and keep the skill folders of their checkouts so."""

    def __init__(self, database: Database, *, withheld: Withheld) -> None:
        self._database = database
        self._withheld = withheld
        self._at_work: dict[tuple[str, str], _AtWork] = {}
        self._ended: dict[tuple[str, str], None] = {}
        self._lacks: dict[tuple[str, Path], frozenset[str]] = {}
        self._changed: dict[Path, float] = {}
        self._failed: set[tuple[str, Path]] = set()  #: checkouts that could not be settled yet
        self._lock = threading.Lock()  #: of what is known
        self._settling = threading.Lock()  #: of the files
        held_back.clear(database.path)

    def start(self, workspace_id: str, session_id: str, *, agent: str, cwd: str) -> bool:
        """Prepare the folders for a session that starts; say whether its client has to look at them again."""
        done, root = threading.Event(), _root(cwd)

        def prepare() -> None:
            self.heard(workspace_id, session_id, agent=agent, cwd=cwd)
            if root is not None:
                self._settle(workspace_id, root)  # the loop may have heard of it first
            done.set()

        threading.Thread(target=prepare, name="folders", daemon=True).start()
        done.wait(START_WAIT_S)
        with self._lock:
            return root is not None and time.monotonic() - self._changed.get(root, -RECENT_S) < RECENT_S

    def heard(self, workspace_id: str, session_id: str, *, agent: str, cwd: str) -> None:
        """Note that a session is at work, and settle its checkout where it was not known to be."""
        key = (workspace_id, session_id)
        with self._lock:
            self._ended.pop(key, None)
            known = self._at_work.get(key)
            if known is not None:
                known.heard = time.monotonic()
                return
        root = _root(cwd)
        try:
            ids = self._installed(workspace_id, root) if root else set()
            withheld = self._withheld(workspace_id, session_id, agent, ids) if ids else frozenset()
        except (HivemindError, sa.exc.SQLAlchemyError, sqlite3.Error):
            return  # the database is busy: its next word tries again
        with self._lock:
            self._at_work[key] = _AtWork(agent=agent, root=root, withheld=withheld, heard=time.monotonic())
        if root is not None:
            self._settle(workspace_id, root)

    def ended(self, workspace_id: str, session_id: str) -> bool:
        """Note that a session is at work no longer, and bring back what was away for its sake."""
        key = (workspace_id, session_id)
        with self._lock:
            self._ended[key] = None
            while len(self._ended) > MAX_ENDED:
                del self._ended[next(iter(self._ended))]
            gone = self._at_work.pop(key, None)
        return gone is not None and gone.root is not None and self._settle(workspace_id, gone.root)

    def expire(self) -> None:
        """Take sessions that nothing was heard of for long for ended, and try again what failed."""
        oldest = time.monotonic() - AT_WORK_S
        with self._lock:
            silent = [key for key, one in self._at_work.items() if one.heard < oldest]
            failed = list(self._failed)
        for key in silent:
            self.ended(*key)
        for workspace_id, root in failed:
            self._settle(workspace_id, root)

    def forget_draws(self) -> None:
        """Bring everything back and draw anew at the next word of each session: the settings changed."""
        with self._lock:
            self._at_work.clear()
        self.release()

    def release(self) -> None:
        """Bring back whatever is away, as before the worker leaves."""
        with self._lock:
            self._at_work.clear()
            away = [key for key, skills in self._lacks.items() if skills]
        for workspace_id, root in away:
            self._settle(workspace_id, root, wait_s=publish.PUBLISH_WAIT_S)

    def session(self, workspace_id: str, *, agent: str, cwd: str, claimed: str) -> str:
        """Name the session that an agent's own process in a folder belongs to; empty where it is not sure.

        `claimed` is what its environment said at its start: true until that session ends.
        """
        with self._lock:
            if claimed and (workspace_id, claimed) not in self._ended:
                return claimed
            root = _root(cwd)
            here = [
                session_id
                for (workspace, session_id), one in self._at_work.items()
                if workspace == workspace_id and one.agent == agent and root is not None and one.root == root
            ]
        return here[0] if len(here) == 1 else ""

    def _settle(self, workspace_id: str, root: Path, *, wait_s: float | None = None) -> bool:
        """Make the folders lack what they should; say whether that is another set than before.

        Where it cannot be done now, as on a full disk or beside another publication, it is tried again.
        """
        with self._settling:
            with self._lock:
                at_work = [
                    one.withheld
                    for (workspace, _), one in self._at_work.items()
                    if workspace == workspace_id and one.root == root
                ]
                wanted = frozenset.intersection(*at_work) if at_work else frozenset()
                before = self._lacks.get((workspace_id, root), frozenset())
                failed = (workspace_id, root) in self._failed
            if wanted == before and not failed:
                return False
            try:
                report = publish.hold_back(
                    self._database,
                    workspace_id=workspace_id,
                    root=root,
                    skill_ids=wanted,
                    wait_s=LOCK_WAIT_S if wait_s is None else wait_s,
                )
            except (HivemindError, OSError, sa.exc.SQLAlchemyError):
                with self._lock:
                    self._failed.add((workspace_id, root))
                return False
            with self._lock:
                self._failed.discard((workspace_id, root))
                self._lacks[workspace_id, root] = wanted
                if report.removed or report.written:
                    self._changed[root] = time.monotonic()
            return True

    def _installed(self, workspace_id: str, root: Path) -> set[str]:
        """Give the live skills with a file in a checkout, or with one that is away."""
        i, s = schema.installs, schema.skills
        query = (
            sa.select(i.c.skill_id)
            .join(s, sa.and_(s.c.workspace_id == i.c.workspace_id, s.c.skill_id == i.c.skill_id))
            .where(i.c.workspace_id == workspace_id, i.c.root == str(root))
            .where(s.c.state.in_([state.value for state in LIVE_STATES]))
        )
        with self._database.read(workspace_id) as workspace:
            return set(workspace.execute(query).scalars())


def _root(cwd: str) -> Path | None:
    project = project_of(cwd)
    try:
        return Path(project.root).resolve() if project and project.root else None
    except (OSError, RuntimeError, ValueError):
        return None
