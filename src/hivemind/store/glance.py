"""Count what is stored: straight from a database file, quick since stdlib only, or from any open database."""

import sqlite3
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from hivemind.errors import HivemindError

if TYPE_CHECKING:
    from hivemind.store.database import Workspace


@dataclass(frozen=True, slots=True, kw_only=True)
class Glance:
    """Hold what a workspace holds, in numbers."""

    sessions: int = 0
    events: int = 0
    transcripts: int = 0
    offers: int = 0  #: times that a skill was given to an agent
    withheld: int = 0  #: times that one fitted and was not given
    only_withheld: tuple[str, ...] = ()  #: skills that fitted a session, and that none has had so far
    problems: int = 0
    flags: int = 0  #: of skills that a person should look at again
    new_models: tuple[str, ...] = ()  #: why more is withheld with each, one line a model
    skills: dict[str, int] = field(default_factory=dict)  #: by state, those with any
    model_calls: int = 0  #: today's, of every workspace, as the cap counts them
    model_cost_usd: float = 0.0
    model_failure: str = ""  #: what the latest call of the workspace failed with, if it did


def glance(path: Path, workspace_id: str) -> Glance:
    """Count a workspace's rows; nothing where the file is not there yet."""
    if not path.exists():
        return Glance()
    try:
        connection = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)
        try:
            numbers = {
                name: int(connection.execute(query, (workspace_id,)).fetchone()[0])
                for name, (table, query) in _COUNTS.items()
                if _is_there(connection, table)
            }
            new_models = _new_models(connection, workspace_id)
            only_withheld = _only_withheld(connection, workspace_id)
            states = connection.execute(_STATES, (workspace_id,)).fetchall()
            calls, cost, failure = _model_calls(connection, workspace_id)
        finally:
            connection.close()
    except sqlite3.Error as error:
        raise HivemindError(
            "database-unusable", f"{path} cannot be read: {error}", hint="see `hivemind doctor`"
        ) from error
    return Glance(
        **numbers,
        new_models=new_models,
        only_withheld=only_withheld,
        skills={state: int(number) for state, number in states},
        model_calls=calls,
        model_cost_usd=cost,
        model_failure=failure,
    )


def team_of(path: Path, workspace_id: str) -> tuple[str, int]:
    """Give the server that a workspace last synced with, and how many skills of it are live here."""
    if not path.exists():
        return "", 0
    try:
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as connection:
            if not (_is_there(connection, "remotes") and _is_there(connection, "received")):
                return "", 0
            row = connection.execute(
                "SELECT url FROM remotes WHERE workspace_id = ?", (workspace_id,)
            ).fetchone()
            live = connection.execute(_OF_THE_TEAM, (workspace_id,)).fetchone()
    except sqlite3.Error:
        return "", 0  # what is wrong with the file is said of the rest of it
    return (str(row[0]), int(live[0])) if row else ("", 0)


def glance_of(workspace: "Workspace") -> Glance:
    """Count a workspace's rows in an open database, such as one on a server."""
    import sqlalchemy as sa

    from hivemind.domain.exposures import Arm
    from hivemind.store import model_calls, offers, schema, sessions, skills

    here = workspace.workspace_id
    holdouts, calls = schema.holdouts, schema.model_calls
    reasons = (
        sa.select(holdouts.c.reason)
        .distinct()
        .where(holdouts.c.workspace_id == here, holdouts.c.request_model != "")
        .order_by(holdouts.c.reason)
    )
    latest = workspace.execute(
        sa.select(calls.c.status, calls.c.detail)
        .where(calls.c.workspace_id == here, calls.c.status != "running")
        .order_by(calls.c.at.desc())
        .limit(1)
    ).first()
    counts = {
        table.name: workspace.execute(
            sa.select(sa.func.count()).select_from(table).where(table.c.workspace_id == here)
        ).scalar_one()
        for table in (schema.problems, schema.flags)
    }
    today = model_calls.today(workspace)
    failed = latest is not None and latest.status in _FAILED
    return Glance(
        **sessions.totals(workspace),
        **counts,
        offers=offers.total(workspace),
        withheld=offers.total(workspace, Arm.WITHHELD),
        only_withheld=tuple(offers.only_withheld(workspace)),
        new_models=tuple(workspace.execute(reasons).scalars()),
        skills={state.value: number for state, number in skills.counts(workspace).items() if number},
        model_calls=today.calls,
        model_cost_usd=today.cost_usd,
        model_failure=f"{latest.status}: {latest.detail}" if latest is not None and failed else "",
    )


def _new_models(connection: sqlite3.Connection, workspace_id: str) -> tuple[str, ...]:
    if not _is_there(connection, "holdouts"):
        return ()
    rows = connection.execute(
        "SELECT DISTINCT reason FROM holdouts WHERE workspace_id = ? AND request_model != '' ORDER BY reason",
        (workspace_id,),
    )
    return tuple(str(reason) for (reason,) in rows)


def _only_withheld(connection: sqlite3.Connection, workspace_id: str) -> tuple[str, ...]:
    if not _is_there(connection, "offers"):
        return ()
    rows = connection.execute(
        "SELECT s.name FROM skills s JOIN offers o USING (workspace_id, skill_id) "
        "WHERE workspace_id = ? AND s.state IN ('trial', 'active') "
        "GROUP BY s.skill_id HAVING min(o.arm = 'withheld') ORDER BY s.name",
        (workspace_id,),
    )
    return tuple(str(name) for (name,) in rows)


def _is_there(connection: sqlite3.Connection, table: str) -> bool:
    """Say whether a table exists: a file of an older version is migrated at its next use."""
    query = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?"
    return connection.execute(query, (table,)).fetchone() is not None


def _model_calls(connection: sqlite3.Connection, workspace_id: str) -> tuple[int, float, str]:
    if not _is_there(connection, "model_calls"):
        return 0, 0.0, ""
    calls, cost = connection.execute(
        "SELECT count(*), coalesce(sum(cost_usd), 0.0) FROM model_calls WHERE at >= ?",
        (datetime.now(UTC).strftime("%Y-%m-%d"),),
    ).fetchone()
    latest = connection.execute(
        "SELECT status, detail FROM model_calls WHERE workspace_id = ? AND status != 'running' "
        "ORDER BY at DESC LIMIT 1",
        (workspace_id,),
    ).fetchone()
    failed = latest is not None and latest[0] in _FAILED
    return int(calls), float(cost), f"{latest[0]}: {latest[1]}" if failed else ""


_FAILED = ("failed", "timeout")
_OF_THE_TEAM = (
    "SELECT count(*) FROM received JOIN skills USING (workspace_id, skill_id) "
    "WHERE workspace_id = ? AND skills.state IN ('trial', 'active')"
)
#: Without imported rows of training data: what lies before their ids and behind (store/origin.py). One count
#: a side: each is a range of an index, which both in one are not.
_DONE = (
    "SELECT (SELECT count(*) FROM {table} WHERE workspace_id = ?1 AND session_id < 'import.') "
    "+ (SELECT count(*) FROM {table} WHERE workspace_id = ?1 AND session_id >= 'import/')"
)
_COUNTS = {
    "sessions": ("sessions", _DONE.format(table="sessions")),
    "events": ("events", _DONE.format(table="events")),
    "transcripts": ("transcripts", "SELECT count(*) FROM transcripts WHERE workspace_id = ?"),
    "offers": ("offers", "SELECT count(*) FROM offers WHERE workspace_id = ? AND arm = 'given'"),
    "withheld": ("offers", "SELECT count(*) FROM offers WHERE workspace_id = ? AND arm = 'withheld'"),
    "flags": ("flags", "SELECT count(*) FROM flags WHERE workspace_id = ?"),
    "problems": ("problems", "SELECT count(*) FROM problems WHERE workspace_id = ?"),
}
_STATES = "SELECT state, count(*) FROM skills WHERE workspace_id = ? GROUP BY state ORDER BY state"
