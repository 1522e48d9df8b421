"""Load the skills that an index found."""

import sqlite3
from collections.abc import Iterator, Sequence

from hivemind.retrieval.rank import Candidate

_BATCH = 400
_TEXTS = """
SELECT s.skill_id, s.version, s.state, s.project_id, v.name, v.description, v.requests, v.body
FROM skills s
CROSS JOIN skill_versions v
    ON v.workspace_id = s.workspace_id AND v.skill_id = s.skill_id AND v.version = s.version
WHERE s.workspace_id = ? AND s.state IN ('trial', 'active') AND s.skill_id IN (?*)
"""


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
    for row in texts(connection, workspace_id, list(wanted)):
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


def texts(
    connection: sqlite3.Connection, workspace_id: str, skill_ids: Sequence[str]
) -> Iterator[tuple[str, int, str, str, str, str, str, str]]:
    """Give the id, version, state, project, name, description, requests and body of each live skill."""
    for start in range(0, len(skill_ids), _BATCH):
        batch = skill_ids[start : start + _BATCH]
        query = _TEXTS.replace("?*", ",".join("?" * len(batch)))
        yield from connection.execute(query, (workspace_id, *batch))
