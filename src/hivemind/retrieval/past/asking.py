"""Read what a person or an agent says about which past work to search."""

import re
from datetime import UTC, datetime, timedelta

from hivemind.domain.outcomes import Outcome
from hivemind.errors import HivemindError
from hivemind.store import past
from hivemind.store.database import Workspace
from hivemind.store.past import Filter

_AGO = re.compile(r"(\d{1,5})\s*(h|d|w)", re.IGNORECASE)
_HOURS = {"h": 1, "d": 24, "w": 168}


def filter_of(
    workspace: Workspace,
    *,
    project: str = "",
    agent: str = "",
    since: str = "",
    until: str = "",
    outcome: str = "",
    now: datetime | None = None,
) -> Filter:
    """Read a filter; raise HivemindError where a time or an outcome cannot be read.

    A project is named by its name, its remote or its folder; one that is not known allows nothing.
    """
    outcome = outcome.strip().lower()
    if outcome and outcome not in set(Outcome):
        raise HivemindError(
            "outcome-unreadable", f"{outcome!r} is not an outcome", hint="say success, failure or unknown"
        )
    now = now or datetime.now(UTC)
    return Filter(
        project_ids=_projects(workspace, project.strip()) if project.strip() else None,
        agent=_storable(agent.strip().lower()),
        since=moment(since, now=now),
        until=moment(until, now=now, ends=True),
        outcome=outcome,
    )


def _projects(workspace: Workspace, asked: str) -> tuple[str, ...]:
    wanted = asked.casefold().rstrip("/")
    return tuple(
        row.project_id
        for row in past.projects(workspace)
        if wanted in (row.project_id, row.name.casefold(), row.remote.casefold(), row.root.casefold())
    )


def _storable(text: str) -> str:
    return text.encode("utf-8", "replace").decode("utf-8", "replace")


def moment(text: str, *, now: datetime, ends: bool = False) -> datetime | None:
    """Read a day, a time or so many hours, days or weeks ago (`36h`, `7d`, `2w`).

    It is in UTC where no zone is said. With `ends` a day is meant with all of it.
    """
    text = text.strip()
    if not text:
        return None
    try:
        ago = _AGO.fullmatch(text)
        if ago:
            return now - timedelta(hours=int(ago[1]) * _HOURS[ago[2].lower()])
        found = datetime.fromisoformat(text)
        if ends and len(text) <= len("2026-11-22"):
            found += timedelta(days=1)
        return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise HivemindError(
            "time-unreadable", f"{text[:40]!r} is not a time", hint="say 2026-11-22, 2026-11-22T14:30 or 7d"
        ) from error
