"""Delete the sessions that a team's workspace keeps no longer, as its admins set it."""

from collections.abc import Callable
from datetime import UTC, datetime

from hivemind.library import team_settings
from hivemind.store import audit, jobs, sessions, whole, workspace_settings
from hivemind.store.database import Database

#: Sessions that one transaction deletes; the team's other writes come in between.
BATCH = 20
#: Every workspace is looked at this often, in seconds.
EVERY_S = 3_600.0
ACTION = "retention.prune"


def ask(database: Database) -> None:
    """Ask for every workspace that keeps sessions for a time to be looked at; asked twice it is done once."""
    with database.read() as workspace:
        named = workspace_settings.workspaces_with(workspace, workspace_settings.RETENTION_DAYS)
    for workspace_id in named:
        with database.write(workspace_id, alone=False) as workspace:
            jobs.ask_to_prune(workspace)


def prune(
    database: Database, workspace_id: str, *, stopped: Callable[[], bool], now: datetime | None = None
) -> int:
    """Delete what is too old, each batch with its entry of the audit log; gives how many sessions went."""
    deleted = 0
    while not stopped():
        with database.write(workspace_id) as workspace:
            # Read anew each time: an admin may have thought better of it.
            held = team_settings.of(workspace)
            cutoff = held.cutoff(now or datetime.now(UTC))
            ids = whole.ended_before(workspace, cutoff, limit=BATCH) if cutoff else []
            if not ids:
                break
            events = sessions.prune(workspace, ids)
            detail = {"sessions": ids, "events": events, "retention_days": held.retention_days}
            audit.record(workspace, ACTION, person_id="", detail=detail)
        deleted += len(ids)
    return deleted
