"""`/audit`: who did what."""

from datetime import datetime
from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel

from hivemind.domain.accounts import Scope
from hivemind.server.api.asking import Admin, TheSite
from hivemind.server.api.shapes import After, Limit, Line, Page, cursor, place
from hivemind.store import accounts, audit

router = APIRouter(tags=["audit"])


class Entry(BaseModel):
    """One thing that somebody did."""

    entry_id: str
    at: datetime
    person_id: str
    person: str
    token_id: str
    action: str
    subject: str
    detail: dict[str, Any]


@router.get("/audit")
def list_audit(
    viewer: Admin,
    site: TheSite,
    limit: Limit = 50,
    after: After = "",
    person_id: Line = "",
    action: Line = "",
) -> Page[Entry]:
    """List what was done in the workspace, the latest first."""
    behind = place(after, str)
    with site.database.read(viewer.space(Scope.TEAM)) as workspace:
        names = {one.person_id: one.name for one in accounts.members(workspace, with_removed=True)}
        found = audit.listed(
            workspace,
            limit=limit + 1,
            before=behind[0] or "" if behind else "",
            person_id=person_id,
            action=action,
        )
    shown = [
        Entry(
            entry_id=one.entry_id,
            at=one.at,
            person_id=one.person_id,
            person=names.get(one.person_id, ""),
            token_id=one.token_id,
            action=one.action,
            subject=one.subject,
            detail=one.detail,
        )
        for one in found[:limit]
    ]
    return Page(items=shown, next=cursor(shown[-1].entry_id) if len(found) > limit else "")
