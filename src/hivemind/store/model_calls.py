"""The ledger of model calls: each is written down before it is made, and counts against the day's cap."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from hivemind.domain.model_calls import CallStatus, Cap, Today
from hivemind.store import schema
from hivemind.store.database import Workspace

#: A call without an end is over after this: its process was killed.
RUNNING = timedelta(minutes=15)
#: What went wrong on the way is tried again so often in a day, and in all.
MAX_TRIES_A_DAY = 2
MAX_TRIES = 6
MAX_DETAIL_CHARS = 300


#: Where the model had its say: the same evidence is not put to it again.
FINAL = (
    *(CallStatus.USED, CallStatus.MALFORMED, CallStatus.EMPTY, CallStatus.REFUSED, CallStatus.GATED),
    *(CallStatus.STALE, CallStatus.TOO_LONG),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Describe a call that is to be made."""

    purpose: str
    subject: str  #: id of the skill
    evidence_hash: str
    kind: str
    model: str
    cost_usd: float | None  #: as estimated


def begin(workspace: Workspace, wanted: Wanted, *, cap: Cap) -> str | None:
    """Write down a call that is about to be made and give its id; None where the cap is reached."""
    workspace.seam.take_turns(workspace.connection, "model-calls")
    if today(workspace).reaches(cap, next_usd=wanted.cost_usd or 0.0):
        return None
    call_id = "m" + uuid.uuid4().hex[:24]
    workspace.execute(
        schema.model_calls.insert().values(
            workspace_id=workspace.workspace_id,
            call_id=call_id,
            at=datetime.now(UTC),
            purpose=wanted.purpose,
            subject=wanted.subject,
            evidence_hash=wanted.evidence_hash,
            kind=wanted.kind,
            asked_model=wanted.model,
            cost_usd=wanted.cost_usd,
            status=CallStatus.RUNNING.value,
        )
    )
    return call_id


def settle(workspace: Workspace, call_id: str, *, status: CallStatus, detail: str = "", **more: Any) -> None:
    """Write down how a call ended; `more` are other columns."""
    t = schema.model_calls
    workspace.execute(
        t.update()
        .where(t.c.workspace_id == workspace.workspace_id, t.c.call_id == call_id)
        .values(status=status.value, detail=detail[:MAX_DETAIL_CHARS], **more)
    )


def asked(workspace: Workspace, *, subject: str, evidence_hash: str) -> bool:
    """Say whether this evidence is not to be put to a model: it was, is being, or failed too often."""
    t = schema.model_calls
    now = datetime.now(UTC)
    rows = workspace.execute(
        sa.select(t.c.status, t.c.at).where(
            t.c.workspace_id == workspace.workspace_id,
            t.c.subject == subject,
            t.c.evidence_hash == evidence_hash,
        )
    ).all()
    if any(row.status in FINAL for row in rows):
        return True
    if any(row.status == CallStatus.RUNNING and row.at > now - RUNNING for row in rows):
        return True
    failed_today = sum(row.at >= _midnight(now) for row in rows)
    return len(rows) >= MAX_TRIES or failed_today >= MAX_TRIES_A_DAY


def today(workspace: Workspace) -> Today:
    """Count today's calls in every workspace of the database: the cap is its owner's."""
    t = schema.model_calls
    since = _midnight(datetime.now(UTC))
    costs = workspace.execute(sa.select(t.c.cost_usd).where(t.c.at >= since)).scalars().all()
    return Today(calls=len(costs), cost_usd=sum(cost or 0.0 for cost in costs))


def dearest(workspace: Workspace, *, kind: str, model: str) -> float | None:
    """Give what the dearest of the last calls of a model cost, to estimate the next one by."""
    t = schema.model_calls
    rows: Sequence[Any] = (
        workspace.execute(
            sa.select(t.c.cost_usd)
            .where(t.c.kind == kind, t.c.asked_model == model, t.c.cost_usd.is_not(None))
            .order_by(t.c.at.desc())
            .limit(10)
        )
        .scalars()
        .all()
    )
    return max(rows, default=None)


def recent(workspace: Workspace, *, limit: int) -> list[Any]:
    """Give the latest calls of the workspace, the latest first."""
    t, s = schema.model_calls, schema.skills
    query = (
        sa.select(t, sa.func.coalesce(s.c.name, "").label("skill"))
        .outerjoin(s, sa.and_(s.c.workspace_id == t.c.workspace_id, s.c.skill_id == t.c.subject))
        .where(t.c.workspace_id == workspace.workspace_id)
    )
    return list(workspace.execute(query.order_by(t.c.at.desc(), t.c.call_id).limit(limit)))


def _midnight(now: datetime) -> datetime:
    return now.replace(hour=0, minute=0, second=0, microsecond=0)


def by_day(workspace: Workspace) -> list[Any]:
    """Give the calls, tokens and cost of each day, the first day first."""
    t = schema.model_calls
    day = sa.func.substr(sa.cast(t.c.at, sa.String), 1, 10)
    tokens = sa.func.coalesce(t.c.input_tokens, 0) + sa.func.coalesce(t.c.output_tokens, 0)
    return list(
        workspace.execute(
            sa.select(
                day.label("day"),
                sa.func.count().label("calls"),
                sa.func.sum(tokens).label("tokens"),
                sa.func.coalesce(sa.func.sum(t.c.cost_usd), 0.0).label("cost_usd"),
            )
            .where(t.c.workspace_id == workspace.workspace_id)
            .group_by(day)
            .order_by(day)
        )
    )
