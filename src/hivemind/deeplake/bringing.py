"""Store what a Deeplake workspace holds: each event once, skills as candidates."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace

import sqlalchemy as sa

from hivemind.capture import exclusion
from hivemind.capture.exclusion import Rules
from hivemind.capture.git import project_of
from hivemind.capture.ingest import redact
from hivemind.capture.redaction import Redactor
from hivemind.deeplake import rows
from hivemind.deeplake.tables import Tables
from hivemind.domain.events import session_key
from hivemind.domain.text import storable
from hivemind.library import importing
from hivemind.library.importing import Offered, Result
from hivemind.store import schema, sessions
from hivemind.store.database import Database, Workspace

#: Events that are stored at once, at most.
BATCH_EVENTS = 500
ACTOR = "policy:import"


@dataclass(slots=True, kw_only=True)
class Brought:
    """Count what was read and what became of it: each row is stored, held, left out or refused."""

    rows: int = 0
    sessions: int = 0
    events: int = 0
    redactions: int = 0
    held: int = 0  #: rows of sessions that were captured here already
    left_out: int = 0  #: rows of folders and repositories that are kept out of the store
    refused: int = 0  #: rows that say nothing that can be stored
    skills: list[Result] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bringer:
    """Bring a workspace over."""

    tables: Tables
    database: Database
    workspace_id: str
    redactor: Redactor
    excluding: Rules
    dry_run: bool = False

    def sessions(self, table: str, *, progress: Callable[[int], None]) -> Brought:
        """Store the rows of a table of sessions; again, it stores what is new."""
        done = Brought()
        for path in self.tables.values(table, "path"):
            found = self.tables.rows(
                table, rows.SESSION_COLUMNS, where=("path", path), order=rows.SESSION_ORDER
            )
            number, read = 0, list[rows.Told]()
            for row in found:
                number += 1
                told = rows.session_row(row)
                if told is not None and told.events:
                    read.append(told)
            done.rows += number
            done.refused += number - len(read)
            for session_id in dict.fromkeys(told.facts.session_id for told in read):
                of_session = [told for told in read if told.facts.session_id == session_id]
                self._one(session_key(session_id), of_session, done)
            progress(number)
        return done

    def _one(self, session_id: str, told: list[rows.Told], done: Brought) -> None:
        facts = replace(told[0].facts, session_id=session_id, cwd=storable(told[0].facts.cwd[:4096]))
        if exclusion.leaves_out(self.excluding, facts.cwd):
            done.left_out += len(told)
            return
        events = [event for one in told for event in one.events]
        with self.database.read(self.workspace_id) as workspace:
            if _is_captured_here(workspace, session_id):
                done.held += len(told)
                return
        done.sessions += 1
        if self.dry_run:
            done.events += len(events)
            return
        project = project_of(facts.cwd) if facts.cwd else None
        cleaned = [redact(event, self.redactor) for event in events]
        for start in range(0, len(cleaned), BATCH_EVENTS):
            with self.database.write(self.workspace_id) as workspace:
                batch = cleaned[start : start + BATCH_EVENTS]
                stored = sessions.append(workspace, facts, events=batch, project=project)
                done.events += stored.events
                done.redactions += stored.redactions

    def skills(self, table: str, done: Brought) -> None:
        """Offer the newest version of each skill to the gates; what passes becomes a candidate."""
        newest: dict[tuple[str, str], rows.SkillRow] = {}
        for name in self.tables.values(table, "name"):
            found = self.tables.rows(table, rows.SKILL_COLUMNS, where=("name", name), order=rows.SKILL_ORDER)
            for row in filter(None, map(rows.skill_row, found)):
                held = newest.get((row.project, row.name))
                if held is None or row.version >= held.version:
                    newest[row.project, row.name] = row
        with self.database.write(self.workspace_id) as workspace:
            for row in newest.values():
                done.skills += importing.take_in(
                    workspace,
                    self._offered([row]),
                    project_id=_project_named(workspace, row.project),
                    actor=ACTOR,
                    author=storable(row.author),
                )
            if self.dry_run:
                workspace.connection.rollback()

    def _offered(self, chosen: Iterable[rows.SkillRow]) -> Iterator[Offered]:
        for row in chosen:
            text = self.redactor.redact(storable(row.text)).text
            yield Offered(source=f"deeplake:{row.name} version {row.version}", text=text, folder=row.name)


def _is_captured_here(workspace: Workspace, session_id: str) -> bool:
    """Say whether a session's events came from its own transcript: they would be here twice."""
    s = schema.sessions
    here = sa.and_(s.c.workspace_id == workspace.workspace_id, s.c.session_id == session_id)
    if workspace.execute(sa.select(s.c.session_id).where(here)).first() is None:
        return False
    t = schema.transcripts
    read = sa.and_(t.c.workspace_id == workspace.workspace_id, t.c.session_id == session_id)
    return workspace.execute(sa.select(t.c.path).where(read).limit(1)).first() is not None


def _project_named(workspace: Workspace, name: str) -> str:
    """Give the project of a name where one alone has it; else it is for every project, and waits."""
    p = schema.projects
    query = sa.select(p.c.project_id).where(p.c.workspace_id == workspace.workspace_id, p.c.name == name)
    found = workspace.execute(query).scalars().all() if name else []
    return found[0] if len(found) == 1 else ""
