"""Keep which sessions were deleted on a server: the machines that sent them still have them."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import sqlalchemy as sa

from hivemind.store import bulk, schema
from hivemind.store.database import Workspace

_CHUNK = 500


def note(workspace: Workspace, senders: Mapping[str, str]) -> None:
    """Note that sessions are deleted, each with the person who had sent it."""
    at = datetime.now(UTC)
    for session_id, person_id in senders.items():
        row = {"session_id": session_id, "person_id": person_id, "at": at}
        bulk.put(workspace, schema.deleted_sessions, row)


def of_person(workspace: Workspace, person_id: str, session_ids: Sequence[str]) -> set[str]:
    """Give those of some sessions that a person had sent and that were deleted."""
    t, found = schema.deleted_sessions, set[str]()
    for start in range(0, len(session_ids), _CHUNK):
        query = sa.select(t.c.session_id).where(
            t.c.workspace_id == workspace.workspace_id,
            t.c.person_id == person_id,
            t.c.session_id.in_(session_ids[start : start + _CHUNK]),
        )
        found.update(workspace.execute(query).scalars())
    return found
