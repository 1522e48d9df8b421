"""Read from the database what an index is made of: which skills are live, and their texts."""

import sqlite3
from collections.abc import Iterator, Sequence

from hivemind.retrieval.index.segment import Entry
from hivemind.retrieval.rank import Candidate

_BATCH = 400
_TEXTS = """
SELECT s.skill_id, s.version, s.state, s.project_id, v.name, v.description, v.requests, v.body
FROM skills s
CROSS JOIN skill_versions v
    ON v.workspace_id = s.workspace_id AND v.skill_id = s.skill_id AND v.version = s.version
WHERE s.workspace_id = ? AND s.state IN ('trial', 'active') AND s.skill_id IN (?*)
"""

#: What is the same as long as no skill changed.
Stamp = tuple[int, int, str]
#: Of each live skill: its version and its project.
Live = dict[str, tuple[int, str]]


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
    for row in _texts(connection, workspace_id, skill_ids):
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


def candidates(
    connection: sqlite3.Connection,
    workspace_id: str,
    found: Sequence[tuple[str, int, float, float]],
) -> list[Candidate]:
    """Load what was found, given as (skill id, version, score, threshold), for those who render it.

    What was retired or replaced since is left out: the index may be a moment behind.
    """
    wanted = {skill_id: (version, score, threshold) for skill_id, version, score, threshold in found}
    loaded = {}
    for row in _texts(connection, workspace_id, list(wanted)):
        skill_id, version, state, project_id, name, description, _, body = row
        its_version, score, threshold = wanted[skill_id]
        if version == its_version:
            loaded[skill_id] = Candidate(
                skill_id=skill_id,
                version=version,
                state=state,
                project_id=project_id,
                name=name,
                description=description,
                body=body,
                score=score,
                threshold=threshold,
            )
    return [loaded[skill_id] for skill_id in wanted if skill_id in loaded]


def _texts(
    connection: sqlite3.Connection, workspace_id: str, skill_ids: Sequence[str]
) -> Iterator[tuple[str, int, str, str, str, str, str, str]]:
    for start in range(0, len(skill_ids), _BATCH):
        batch = skill_ids[start : start + _BATCH]
        query = _TEXTS.replace("?*", ",".join("?" * len(batch)))
        yield from connection.execute(query, (workspace_id, *batch))
