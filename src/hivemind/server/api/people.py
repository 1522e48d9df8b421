"""`/export` and `/people`: all that a space holds, and taking out what is a person's."""

import json
from collections.abc import Iterator
from datetime import datetime
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Path
from fastapi.responses import StreamingResponse
from pydantic import BaseModel

from hivemind.domain.accounts import Role, Scope
from hivemind.errors import HivemindError
from hivemind.server.api.asking import AdminWithin, ReaderWithin, TheSite, note
from hivemind.server.api.shapes import Line
from hivemind.store import accounts, deletions, sessions, whole
from hivemind.store.database import Database
from hivemind.store.schema import utc_text

router = APIRouter(tags=["data"])
MEDIA_TYPE = "application/x-ndjson"
#: Of an export, sent at once.
PIECE_BYTES = 262_144
_OPTIONS = orjson.OPT_APPEND_NEWLINE | orjson.OPT_PASSTHROUGH_DATETIME


class Deleted(BaseModel):
    """What was deleted."""

    sessions: int
    events: int
    machines: int


@router.get("/export", response_class=StreamingResponse, responses={200: {"content": {MEDIA_TYPE: {}}}})
def export(asked: AdminWithin, site: TheSite) -> StreamingResponse:
    """Give everything of a space, one JSON object a line: its table, and the row."""
    if not asked.is_own:
        with site.database.write(asked.viewer.workspace_id, alone=False) as workspace:
            note(workspace, asked.viewer, "export", "", scope=asked.scope)
    headers = {"Content-Disposition": f'attachment; filename="{asked.scope.value}.ndjson"'}
    return StreamingResponse(_pieces(site.database, asked.space), media_type=MEDIA_TYPE, headers=headers)


def _pieces(database: Database, space: str) -> Iterator[bytes]:
    """Give the lines in pieces: each that is sent costs a turn of the event loop and of a thread."""
    piece = bytearray()
    with database.read(space) as workspace:
        for table in whole.EXPORTED:
            for row in whole.rows(workspace, table):
                piece += _line(table.name, row)
                if len(piece) >= PIECE_BYTES:
                    yield bytes(piece)
                    piece.clear()
    yield bytes(piece)


def _line(table: str, row: dict[str, Any]) -> bytes:
    told = {"table": table, "row": row}
    try:
        return orjson.dumps(told, default=_plain, option=_OPTIONS)
    except orjson.JSONEncodeError:
        # Numbers beyond 64 bits, and halves of a surrogate pair.
        return json.dumps(told, default=_plain).encode() + b"\n"


def _plain(value: Any) -> Any:
    return utc_text(value) if isinstance(value, datetime) else str(value)


@router.delete("/people/{person_id}/data")
def delete_data(
    person_id: Annotated[Line, Path(max_length=40)], asked: ReaderWithin, site: TheSite
) -> Deleted:
    """Delete a person's sessions with all that was made of them but skills: yours, or as an admin anybody's.

    With `scope=me` everything in your own space is deleted.
    """
    viewer = asked.viewer
    if person_id != viewer.person_id:
        viewer.require(Role.ADMIN)
        if asked.is_own:
            raise HivemindError(
                "person-unknown", "that is not your own space", hint="with scope=me give your own id"
            )
        with site.database.read(viewer.workspace_id) as workspace:
            known = {one.person_id for one in accounts.members(workspace, with_removed=True)}
        if person_id not in known:
            raise HivemindError(
                "person-unknown", f"{person_id!r} was never a member here", hint="see `GET /api/v1/members`"
            )
    else:
        viewer.require(Role.WRITER)
    with site.database.write(asked.space) as workspace:
        ids = whole.sessions_of(workspace, person_id)
        deletions.note(workspace, dict.fromkeys(ids, person_id))
        events = sessions.prune(workspace, ids)
        machines = whole.forget_machines(workspace, person_id)
        if asked.scope is Scope.ME:
            whole.forget_space(workspace)
        detail = {"sessions": len(ids), "events": events}
        note(workspace, viewer, "person.delete-data", person_id, scope=asked.scope, detail=detail)
    return Deleted(sessions=len(ids), events=events, machines=machines)
