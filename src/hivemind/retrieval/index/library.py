"""Read from the database what an index is made of: which skills are live, and their texts."""

import sqlite3
from collections.abc import Iterator, Sequence

from hivemind.retrieval.candidates import texts
from hivemind.retrieval.index.segment import Entry

#: What is the same as long as nothing was decided and written.
Mark = tuple[int, int]
#: What is the same as long as no skill changed.
Stamp = tuple[int, int, str]
#: Of each live skill: its version and its project.
Live = dict[str, tuple[int, str]]


def mark(connection: sqlite3.Connection) -> Mark:
    """Give what changes with every decision about a skill and every version of one; found without a scan."""
    row = connection.execute(
        "SELECT (SELECT max(rowid) FROM decisions), (SELECT max(rowid) FROM skill_versions)"
    ).fetchone()
    return row[0] or 0, row[1] or 0


def stamp(connection: sqlite3.Connection, workspace_id: str) -> Stamp:
    """Give what changes with the live skills."""
    count, versions, at = connection.execute(
        "SELECT count(*), coalesce(sum(version), 0), coalesce(max(updated_at), '') FROM skills"
        " WHERE workspace_id = ? AND state IN ('trial', 'active')",
        (workspace_id,),
    ).fetchone()
    return int(count), int(versions), str(at)


def live(connection: sqlite3.Connection, workspace_id: str) -> Live:
    """Give the live skills."""
    rows = connection.execute(
        "SELECT skill_id, version, project_id FROM skills"
        " WHERE workspace_id = ? AND state IN ('trial', 'active')",
        (workspace_id,),
    )
    return {str(skill_id): (int(version), str(project_id)) for skill_id, version, project_id in rows}


def entries(connection: sqlite3.Connection, workspace_id: str, skill_ids: Sequence[str]) -> Iterator[Entry]:
    """Give the texts of live skills."""
    for row in texts(connection, workspace_id, skill_ids):
        skill_id, version, _, project_id, name, description, requests, body = row
        yield Entry(
            skill_id=skill_id,
            version=version,
            project_id=project_id,
            name=name,
            description=description,
            requests=requests,
            body=body,
        )
