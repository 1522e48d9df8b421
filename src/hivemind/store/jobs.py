"""Work that workers share: rows that one of them leases, keeps with heartbeats, and finishes or gives back.

What a worker writes for a job and `finish` belong in one transaction: it then counts once, however often the
job was begun. A worker that died sends no heartbeats; when its lease is over, the next claim takes the job.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from hivemind.errors import HivemindError
from hivemind.store import schema
from hivemind.store.database import Workspace

#: A lease without a heartbeat; a worker sends one several times within it.
LEASE = timedelta(seconds=60)
#: How long a job waits after its first failure; twice as long after each further one.
FIRST_WAIT, LONGEST_WAIT = timedelta(seconds=30), timedelta(hours=6)
#: Attempts, also those of workers that died, after which a job waits until it is asked for again.
MAX_ATTEMPTS = 8
MAX_ERROR_CHARS = 1_000
#: The kinds of job that distil a project, and that bring up to date what concerns several of them.
DISTIL, SETTLE = "distil", "settle"
#: The kind that deletes what a workspace keeps no longer.
PRUNE = "prune"
#: The key of a job that is for a whole workspace.
WHOLE = "workspace"
MAX_KEY_CHARS, MAX_KIND_CHARS, MAX_OWNER_CHARS = 200, 32, 180


class LeaseLostError(HivemindError):
    """Report that a job is another worker's by now: what was done for it is to be rolled back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """Hold a job as it was claimed."""

    workspace_id: str
    kind: str
    key: str
    data: dict[str, Any] = field(default_factory=dict)
    asked: int  #: times that it had been asked for when it was claimed
    owner: str  #: the worker, and this lease of it
    lease_until: datetime
    attempts: int  #: this one counts


def enqueue(
    workspace: Workspace,
    kind: str,
    key: str,
    *,
    data: dict[str, Any] | None = None,
    due_at: datetime | None = None,
) -> None:
    """Ask for a job once: the same kind and key is one row, due at the earliest time that was asked for.

    What is asked for again while a worker is at it is done once more afterwards, with the newest data.
    """
    if not 0 < len(key) <= MAX_KEY_CHARS or not 0 < len(kind) <= MAX_KIND_CHARS:
        raise ValueError(f"a job's kind and key are short: {kind!r}, {key[:99]!r}")
    t, now = schema.jobs, workspace.seam.now(workspace.connection)
    due_at = due_at or now
    new = workspace.seam.insert(t).values(
        workspace_id=workspace.workspace_id,
        kind=kind,
        key=key,
        data=data or {},
        asked=1,
        created_at=now,
        due_at=due_at,
        attempts=0,
    )
    is_leased = t.c.owner != ""
    has_failed = sa.and_(t.c.attempts > 0, t.c.due_at.is_not(None))
    earlier = sa.case((t.c.due_at <= new.excluded.due_at, t.c.due_at), else_=new.excluded.due_at)
    changes = {
        "data": new.excluded.data,
        "asked": t.c.asked + 1,
        # Of one that failed, the wait stands; of one that was given up, the count begins anew.
        "due_at": sa.case((sa.or_(is_leased, has_failed), t.c.due_at), else_=earlier),
        "attempts": sa.case((sa.and_(~is_leased, t.c.due_at.is_(None)), 0), else_=t.c.attempts),
    }
    workspace.execute(new.on_conflict_do_update(index_elements=[*t.primary_key], set_=changes))


def ask_to_distil(workspace: Workspace, project_id: str) -> None:
    """Ask for a project to be distilled, in the transaction that stored what it has anew."""
    enqueue(workspace, DISTIL, project_id or WHOLE)


def ask_to_settle(workspace: Workspace, *, after: timedelta = timedelta()) -> None:
    """Ask for what concerns a whole workspace to be brought up to date."""
    enqueue(workspace, SETTLE, WHOLE, due_at=workspace.seam.now(workspace.connection) + after)


def ask_to_prune(workspace: Workspace) -> None:
    """Ask for sessions to be deleted that are older than the workspace keeps them."""
    enqueue(workspace, PRUNE, WHOLE)


def claim(
    workspace: Workspace, kinds: Sequence[str], *, owner: str, limit: int = 1, lease: timedelta = LEASE
) -> list[Job]:
    """Lease jobs that are due, those that wait longest first; none that another worker holds."""
    if not owner:
        raise ValueError("whoever claims has a name")
    t, now = schema.jobs, workspace.seam.now(workspace.connection)
    rows = workspace.execute(
        sa.select(t)
        .where(t.c.workspace_id == workspace.workspace_id, t.c.kind.in_(kinds), _claimable(now))
        .order_by(t.c.due_at, t.c.kind, t.c.key)
        .limit(limit)
        .with_for_update(skip_locked=True)
    ).all()
    until = schema.to_millisecond(now + lease)
    # Each lease has a name of its own: a thread that was away must not end what another of its worker began.
    owner = f"{owner[:MAX_OWNER_CHARS]} {uuid.uuid4().hex[:12]}"
    claimed = []
    for row in rows:
        if row.attempts >= MAX_ATTEMPTS:  # its workers died: it may be what kills them
            _change(workspace, row, due_at=None, owner="", lease_until=None, last_error=_DIED)
            continue
        _change(workspace, row, owner=owner, lease_until=until, attempts=row.attempts + 1)
        claimed.append(
            Job(
                workspace_id=row.workspace_id,
                kind=row.kind,
                key=row.key,
                data=row.data,
                asked=row.asked,
                owner=owner,
                lease_until=until,
                attempts=row.attempts + 1,
            )
        )
    return claimed


_DIED = "its workers ended without a word, each time"


def _claimable(now: datetime) -> sa.ColumnElement[bool]:
    t = schema.jobs
    return sa.and_(t.c.due_at <= now, sa.or_(t.c.lease_until.is_(None), t.c.lease_until < now))


def _change(workspace: Workspace, job: Any, *more: sa.ColumnElement[bool], **values: Any) -> bool:
    t = schema.jobs
    here = sa.and_(t.c.workspace_id == workspace.workspace_id, t.c.kind == job.kind, t.c.key == job.key)
    return workspace.execute(t.update().where(here, *more).values(**values)).rowcount == 1


def _mine(job: Job) -> sa.ColumnElement[bool]:
    return schema.jobs.c.owner == job.owner


def heartbeat(workspace: Workspace, job: Job, *, lease: timedelta = LEASE) -> bool:
    """Keep a job for longer; False where it is another worker's by now, and this one has to stop."""
    until = workspace.seam.now(workspace.connection) + lease
    return _change(workspace, job, _mine(job), lease_until=until)


def finish(workspace: Workspace, job: Job) -> bool:
    """End a job that is done; False where it was asked for again meanwhile and waits for its next worker.

    Raises LeaseLostError where it is another worker's by now.
    """
    t = schema.jobs
    here = sa.and_(t.c.workspace_id == workspace.workspace_id, t.c.kind == job.kind, t.c.key == job.key)
    done = workspace.execute(t.delete().where(here, _mine(job), t.c.asked == job.asked)).rowcount == 1
    if not done:
        now = workspace.seam.now(workspace.connection)
        _end(workspace, job, due_at=now, attempts=0, last_error="")
    return done


def fail(workspace: Workspace, job: Job, error: str) -> datetime | None:
    """Give a job back that failed, with why; gives when it is due again, None where it is given up.

    Raises LeaseLostError where it is another worker's by now.
    """
    due_at = None
    if job.attempts < MAX_ATTEMPTS:
        wait = min(FIRST_WAIT * 2 ** (job.attempts - 1), LONGEST_WAIT)
        due_at = workspace.seam.now(workspace.connection) + wait
    _end(workspace, job, due_at=due_at, last_error=error[:MAX_ERROR_CHARS])
    return due_at


def release(workspace: Workspace, job: Job) -> None:
    """Give a job back that was not tried, as its worker ends; raise LeaseLostError as `fail` does."""
    _end(workspace, job, attempts=job.attempts - 1)


def _end(workspace: Workspace, job: Job, **values: Any) -> None:
    if not _change(workspace, job, _mine(job), owner="", lease_until=None, **values):
        raise LeaseLostError(
            "lease-lost",
            f"job {job.kind} {job.key!r} is another worker's by now",
            hint="nothing is lost: what was done twice is stored once",
        )


def workspaces_due(workspace: Workspace, kinds: Sequence[str]) -> list[str]:
    """Name the workspaces in which a job can be claimed now, to be gone through one by one."""
    t, now = schema.jobs, workspace.seam.now(workspace.connection)
    due = sa.select(t.c.workspace_id).distinct().where(t.c.kind.in_(kinds), _claimable(now))
    return sorted(workspace.execute(due).scalars())


def listed(workspace: Workspace) -> list[Any]:
    """Give the jobs of the workspace, those given up first, then by when they are due."""
    t = schema.jobs
    here = sa.select(t).where(t.c.workspace_id == workspace.workspace_id)
    return list(workspace.execute(here.order_by(schema.earliest(t.c.due_at), t.c.kind, t.c.key)))
