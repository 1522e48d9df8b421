"""Count what is stored straight from the database file, for `hivemind status`: quick, since stdlib only."""

import sqlite3
from dataclasses import dataclass, field
from pathlib import Path

from hivemind.errors import HivemindError


@dataclass(frozen=True, slots=True, kw_only=True)
class Glance:
    """Hold what a workspace holds, in numbers."""

    sessions: int = 0
    events: int = 0
    transcripts: int = 0
    exposures: int = 0
    problems: int = 0
    skills: dict[str, int] = field(default_factory=dict)  #: by state, those with any


def glance(path: Path, workspace_id: str) -> Glance:
    """Count a workspace's rows; nothing where the file is not there yet."""
    if not path.exists():
        return Glance()
    try:
        connection = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)
        try:
            numbers = {
                name: int(connection.execute(query, (workspace_id,)).fetchone()[0])
                for name, query in _COUNTS.items()
            }
            states = connection.execute(_STATES, (workspace_id,)).fetchall()
        finally:
            connection.close()
    except sqlite3.Error as error:
        raise HivemindError(
            "database-unusable", f"{path} cannot be read: {error}", hint="see `hivemind doctor`"
        ) from error
    return Glance(**numbers, skills={state: int(number) for state, number in states})


_COUNTS = {
    "sessions": "SELECT count(*) FROM sessions WHERE workspace_id = ?",
    "events": "SELECT count(*) FROM events WHERE workspace_id = ?",
    "transcripts": "SELECT count(*) FROM transcripts WHERE workspace_id = ?",
    "exposures": "SELECT count(*) FROM exposures WHERE workspace_id = ?",
    "problems": "SELECT count(*) FROM problems WHERE workspace_id = ?",
}
_STATES = "SELECT state, count(*) FROM skills WHERE workspace_id = ? GROUP BY state ORDER BY state"
