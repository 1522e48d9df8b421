"""A machine for tests of syncing: its own data folder, home and database, with sessions of its own."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from hivemind.config import Settings
from hivemind.domain.events import Event, EventKind, ResultStatus, SessionFacts, Usage
from hivemind.domain.projects import project_id
from hivemind.store import schema, sessions
from hivemind.store.database import Database, open_database
from hivemind.store.sessions import ProjectFacts
from hivemind.sync import running
from hivemind.sync.credentials import Credentials

REMOTE = "github.com/acme/shop"
NOW = datetime(2026, 11, 3, 10, tzinfo=UTC)
TEAM = Settings(capture_team=(REMOTE,))


@dataclass
class Computer:
    """Hold one machine of one person."""

    folder: Path
    url: str
    token: str
    settings: Settings = TEAM

    def __post_init__(self) -> None:
        self.data.mkdir(parents=True, exist_ok=True)
        self.database: Database = open_database(self.data / "hivemind.db")

    @property
    def home(self) -> Path:
        return self.folder / "home" / "ada"

    @property
    def data(self) -> Path:
        return self.home / "data"

    def credentials(self) -> Credentials:
        return Credentials(url=self.url, token=self.token)

    def sync(self, **more: Any) -> running.Round:
        """Sync once."""
        machine = running.machine_of(self.data, agents=["claude"])
        values: dict[str, Any] = {"seconds": 20.0, "rules": self.settings} | more
        return running.run(
            self.database,
            remote=self.credentials(),
            who=running.Who(machine=machine, home=str(self.home)),
            **values,
        )

    def has(
        self,
        session_id: str,
        texts: list[str],
        *,
        remote: str = REMOTE,
        folder: str = "",
        at: datetime = NOW,
        first: int = 0,
    ) -> None:
        """Store events of a session; their ids are made of the session and their place."""
        root = folder or str(self.home / remote.rpartition("/")[2])
        project = ProjectFacts(
            project_id=project_id(remote=remote, root=root), name="shop", remote=remote, root=root
        )
        events = [
            sessions.RedactedEvent(event=_event(session_id, first + n, text, at=at))
            for n, text in enumerate(texts)
        ]
        with self.database.write() as workspace:
            facts = SessionFacts(session_id=session_id, agent="claude", cwd=root, git_branch="main")
            sessions.append(workspace, facts, events=events, project=project)

    def close(self) -> None:
        self.database.close()


def _event(session_id: str, n: int, text: str, *, at: datetime) -> Event:
    kinds = (EventKind.PROMPT, EventKind.TOOL_CALL, EventKind.TOOL_RESULT, EventKind.USAGE)
    kind = kinds[n % len(kinds)]
    more: dict[str, Any] = {}
    if kind in (EventKind.TOOL_CALL, EventKind.TOOL_RESULT):
        more = {"tool_name": "Bash", "tool_call_id": f"{session_id}-{n // 4}"}
    if kind is EventKind.TOOL_CALL:
        more["data"] = {"command": text, "deep": {"list": [1, 2.5, None, True]}}
    if kind is EventKind.TOOL_RESULT:
        more |= {"status": ResultStatus.ERROR, "exit_code": 2}
    if kind is EventKind.USAGE:
        more["usage"] = Usage(message_id=f"m{n}", input_tokens=n, output_tokens=n + 1)
    return Event(kind=kind, native_id=f"~{session_id}-{n}", text=text, at=at + timedelta(seconds=n), **more)


def stored(database: Database, workspace_id: str) -> dict[str, list[str]]:
    """Give the texts of every session's events in order, as a database has them."""
    e = schema.events
    with database.read(workspace_id) as workspace:
        rows = workspace.execute(
            sa.select(e.c.session_id, e.c.seq, e.c.text)
            .where(e.c.workspace_id == workspace_id)
            .order_by(e.c.session_id, e.c.seq, e.c.event_id)
        ).all()
    found: dict[str, list[str]] = {}
    for row in rows:
        found.setdefault(row.session_id, []).append(row.text)
    return found


def texts(count: int, *, word: str = "step") -> list[str]:
    """Make texts that are told apart."""
    return [f"{word} {n}" for n in range(count)]
