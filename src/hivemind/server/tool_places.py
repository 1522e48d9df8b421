"""Where the tools of agents find what they answer with: this machine's file, or a team's server."""

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from hivemind.capture.git import project_of
from hivemind.domain.accounts import Role, Scope
from hivemind.errors import HivemindError
from hivemind.retrieval import shared, withholding
from hivemind.retrieval.candidates import candidates
from hivemind.retrieval.rank import Candidate, rank
from hivemind.server import worker_socket
from hivemind.server.access.viewer import Viewer
from hivemind.server.caller import Caller
from hivemind.server.drawing import Draw
from hivemind.store import audit, sessions
from hivemind.store.database import Database, Workspace, open_database, open_read_only

#: Names the project of the folder that the server was started in, or of the address that it is called by.
HERE = "."


class Place(Protocol):
    """Give transactions and what depends on where the tools run."""

    @property
    def workspace_id(self) -> str:
        """Name the workspace."""

    @contextmanager
    def reading(self) -> Iterator[Workspace]:
        """Open a transaction that reads."""

    def libraries(self) -> Iterator[Workspace]:
        """Read the spaces whose skills are meant, one after the other, the nearest first."""

    @contextmanager
    def writing(self) -> Iterator[Workspace]:
        """Open a transaction that writes; raise HivemindError where the caller may not."""

    def project_id(self, workspace: Workspace) -> str | None:
        """Give the project whose skills are meant beside those of every project; None: all are."""

    def project_named(self, workspace: Workspace, named: str) -> str:
        """Give the project that a filter names, with its id in the place of `.`."""

    def newest(self, workspace: Workspace) -> Any:
        """Give the session that is meant where none is named."""

    def ranked(self, workspace: Workspace, query: str, *, limit: int) -> list[Candidate]:
        """Rank live skills for a query."""

    def arms(
        self, workspace: Workspace, caller: Caller, skill_ids: Sequence[str]
    ) -> Mapping[str, withholding.Assignment]:
        """Say which skills the caller's session is given."""

    def note(self, action: str, subject: str, *, detail: Mapping[str, Any]) -> None:
        """Keep that somebody read what may be another's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OnMachine:
    """Find it in the file of this machine's one user, opened for each call, for the project of a folder."""

    database_path: Path
    workspace_id: str
    cwd: Path

    @contextmanager
    def reading(self) -> Iterator[Workspace]:
        """Open the file for reading."""
        engine = open_read_only(self.database_path)
        try:
            with engine.connect() as connection:
                yield Workspace(connection, self.workspace_id)
        finally:
            engine.dispose()

    def libraries(self) -> Iterator[Workspace]:
        """Read the one workspace."""
        with self.reading() as workspace:
            yield workspace

    @contextmanager
    def writing(self) -> Iterator[Workspace]:
        """Open the file for writing."""
        database = open_database(self.database_path)
        try:
            with database.write(self.workspace_id) as workspace:
                yield workspace
        finally:
            database.close()

    def project_id(self, workspace: Workspace) -> str:  # noqa: ARG002 - the folder says it
        """Give the project of the folder."""
        project = project_of(str(self.cwd))
        return project.project_id if project else ""

    def project_named(self, workspace: Workspace, named: str) -> str:
        """Give the project that a filter names."""
        here = project_of(str(self.cwd)) if named == HERE else None
        return sessions.known_project(workspace, here).project_id if here else named

    def newest(self, workspace: Workspace) -> Any:
        """Give the newest session of the project."""
        here = project_of(str(self.cwd))
        known = sessions.known_project(workspace, here) if here else None
        found = sessions.recent(workspace, limit=1, project_id=known.project_id) if known else []
        if not found:
            raise HivemindError(
                "session-unknown", "no session of this project folder is stored yet", hint="give session_id"
            )
        return found[0]

    def ranked(self, workspace: Workspace, query: str, *, limit: int) -> list[Candidate]:
        """Rank the skills by the worker's index; where no worker answers, by the database alone."""
        project_id = self.project_id(workspace)
        asked = {"op": "rank", "workspace": self.workspace_id, "project": project_id, "prompt": query}
        answer = worker_socket.ask(self.database_path.parent, {**asked, "limit": limit})
        if found := _found(answer):
            return candidates(_driver(workspace), self.workspace_id, found)[:limit]
        return rank(
            _driver(workspace),
            workspace_id=self.workspace_id,
            project_id=project_id,
            prompt=query,
            limit=limit,
        )

    def arms(
        self, workspace: Workspace, caller: Caller, skill_ids: Sequence[str]
    ) -> Mapping[str, withholding.Assignment]:
        """Say which skills the caller's session is given."""
        return withholding.assign(
            _driver(workspace),
            workspace_id=self.workspace_id,
            session_id=caller.session_id,
            agent=caller.agent,
            skill_ids=skill_ids,
        )

    def note(self, action: str, subject: str, *, detail: Mapping[str, Any]) -> None:
        """Keep nothing: there is one user."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OnServer:
    """Find it in the space of a team, for a viewer and the project that the address names."""

    database: Database
    viewer: Viewer
    project: str = ""
    withholds: bool = True

    @property
    def workspace_id(self) -> str:
        """Name the team's workspace."""
        return self.viewer.space(Scope.TEAM)

    @contextmanager
    def reading(self) -> Iterator[Workspace]:
        """Open a transaction that reads."""
        with self.database.read(self.workspace_id) as workspace:
            yield workspace

    def libraries(self) -> Iterator[Workspace]:
        """Read the spaces that the token is good for: the team's, the organisation's, one's own."""
        for scope in (Scope.TEAM, Scope.ORG, Scope.ME):
            if scope in self.viewer.scopes:
                with self.database.read(self.viewer.space(scope)) as workspace:
                    yield workspace

    @contextmanager
    def writing(self) -> Iterator[Workspace]:
        """Open a transaction that writes, for whoever may."""
        self.viewer.require(Role.WRITER)
        with self.database.write(self.workspace_id) as workspace:
            yield workspace

    def project_id(self, workspace: Workspace) -> str | None:
        """Give the project that the address names."""
        return shared.project_named(workspace, self.project)

    def project_named(self, workspace: Workspace, named: str) -> str:
        """Give the project that a filter names."""
        return (self.project_id(workspace) or "") if named == HERE else named

    def newest(self, workspace: Workspace) -> Any:  # noqa: ARG002 - no session is at hand
        """Raise: which session calls is not known to a server."""
        raise HivemindError("session-unknown", "which session is meant is not known", hint="give session_id")

    def ranked(self, workspace: Workspace, query: str, *, limit: int) -> list[Candidate]:
        """Rank the team's skills."""
        return shared.ranked(workspace, query, project_id=self.project_id(workspace), limit=limit)

    def arms(
        self, workspace: Workspace, caller: Caller, skill_ids: Sequence[str]
    ) -> Mapping[str, withholding.Assignment]:
        """Say which of a space's skills the caller's session is given."""
        draw = Draw(viewer=self.viewer, caller=caller, is_on=self.withholds)
        return draw.arms(workspace, skill_ids)

    def note(self, action: str, subject: str, *, detail: Mapping[str, Any]) -> None:
        """Write it into the log of the team."""
        with self.database.write(self.workspace_id, alone=False) as workspace:
            audit.record(
                workspace,
                action,
                subject,
                person_id=self.viewer.person_id,
                token_id=self.viewer.token_id,
                detail=detail,
            )


def _found(answer: Mapping[str, Any] | None) -> list[tuple[str, int, float, float]]:
    """Read what the worker ranked: id, version, score and threshold of each."""
    rows = (answer or {}).get("ranked") or ()
    with suppress(TypeError, ValueError):
        return [(str(one), int(version), float(score), float(least)) for one, version, score, least in rows]
    return []


def _driver(workspace: Workspace) -> sqlite3.Connection:
    connection = workspace.connection.connection.driver_connection
    if not isinstance(connection, sqlite3.Connection):
        raise TypeError(f"{type(connection)} is not SQLite's connection")
    return connection
