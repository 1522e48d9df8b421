"""Keep how far a workspace of this machine is in sync with a server: what went up, and what came."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from hivemind.domain.events import EventKind
from hivemind.store import bulk, schema
from hivemind.store.database import Workspace
from hivemind.store.origin import was_done

MAX_ERROR_CHARS = 500
_CHUNK = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Remote:
    """Hold the server that a workspace syncs with."""

    url: str
    remote_workspace: str
    public_key: str = ""
    number: int = 0
    chain: str = ""
    receipt: int = 0
    synced_at: datetime | None = None
    last_error: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """Hold a session that has more than the server knows of."""

    session_id: str
    agent: str
    agent_version: str
    cwd: str
    git_branch: str
    remote: str
    root: str
    project: str
    title: str
    next_seq: int
    sent_seq: int
    offers: int
    sent_offers: int
    reports: int
    sent_reports: int
    refused: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """Hold a skill that came from a server, as it said it."""

    skill_id: str
    scope: str
    remote_version: int
    version: int
    content_hash: str
    state: str
    signature: str = ""
    refused: str = ""
    at: datetime


def remote(workspace: Workspace) -> Remote | None:
    """Give the server of a workspace, None where it never synced."""
    t = schema.remotes
    row = workspace.execute(sa.select(t).where(t.c.workspace_id == workspace.workspace_id)).first()
    return Remote(**{name: row._mapping[name] for name in Remote.__dataclass_fields__}) if row else None


def begin(workspace: Workspace, *, url: str, remote_workspace: str, public_key: str) -> Remote:
    """Begin with a server; with another one than before, all that is known of the other is forgotten.

    Its skills are then this machine's own, under this machine's rules.
    """
    held = remote(workspace)
    same = held is not None and (held.url, held.remote_workspace) == (url, remote_workspace)
    if held is not None and same and held.public_key in ("", public_key):
        new = held
    else:
        forget(workspace)
        new = Remote(url=url, remote_workspace=remote_workspace)
    change(workspace, new, public_key=public_key)
    found = remote(workspace)
    assert found is not None  # noqa: S101 - written above
    return found


def forget(workspace: Workspace) -> None:
    """Forget the server, and what went up and came."""
    here = workspace.workspace_id
    for table in (schema.remotes, schema.uploads, schema.received):
        workspace.execute(table.delete().where(table.c.workspace_id == here))
    t = schema.skills
    workspace.execute(t.update().where(t.c.workspace_id == here, t.c.scope != "me").values(scope="me"))


def change(workspace: Workspace, held: Remote, **values: Any) -> None:
    """Keep what is new about the server."""
    known = {name: getattr(held, name) for name in Remote.__dataclass_fields__} | values
    known["last_error"] = known["last_error"][:MAX_ERROR_CHARS]
    bulk.put(workspace, schema.remotes, known)


def update(workspace: Workspace, **values: Any) -> None:
    """Keep some of what is new about the server, if there is one."""
    t = schema.remotes
    if "last_error" in values:
        values["last_error"] = values["last_error"][:MAX_ERROR_CHARS]
    workspace.execute(t.update().where(t.c.workspace_id == workspace.workspace_id).values(**values))


def waiting(workspace: Workspace, *, with_refused: bool = False) -> list[Waiting]:
    """Give the sessions of repositories that have more than was sent, the longest ended first."""
    s, u, p = schema.sessions, schema.uploads, schema.projects
    offered, reported = (_counted(workspace, t) for t in (schema.offers, schema.outcomes))
    offers, reports = (sa.func.coalesce(t.c.rows, 0) for t in (offered, reported))
    sent_seq, sent_offers, sent_reports = (
        sa.func.coalesce(c, 0) for c in (u.c.sent_seq, u.c.sent_offers, u.c.sent_reports)
    )
    refused = sa.func.coalesce(u.c.refused, "")
    query = (
        sa.select(
            *(s.c[name] for name in ("session_id", "agent", "agent_version", "cwd", "git_branch", "title")),
            s.c.git_remote.label("remote"),
            s.c.next_seq,
            sa.func.coalesce(p.c.root, "").label("root"),
            sa.func.coalesce(p.c.name, "").label("project"),
            sent_seq.label("sent_seq"),
            sent_offers.label("sent_offers"),
            offers.label("offers"),
            sent_reports.label("sent_reports"),
            reports.label("reports"),
            refused.label("refused"),
        )
        .outerjoin(u, sa.and_(u.c.workspace_id == s.c.workspace_id, u.c.session_id == s.c.session_id))
        .outerjoin(p, sa.and_(p.c.workspace_id == s.c.workspace_id, p.c.project_id == s.c.project_id))
        .outerjoin(offered, offered.c.session_id == s.c.session_id)
        .outerjoin(reported, reported.c.session_id == s.c.session_id)
        .where(was_done(workspace), s.c.git_remote != "", u.c.deleted_at.is_(None))
        .where(sa.or_(s.c.next_seq > sent_seq, offers > sent_offers, reports > sent_reports))
        .order_by(schema.earliest(s.c.ended_at), s.c.session_id)
    )
    if not with_refused:
        query = query.where(refused == "")
    return [Waiting(**row._mapping) for row in workspace.execute(query)]


def _counted(workspace: Workspace, table: sa.Table) -> sa.Subquery:
    """Count a table's rows of each session."""
    return (
        sa.select(table.c.session_id, sa.func.count().label("rows"))
        .where(table.c.workspace_id == workspace.workspace_id)
        .group_by(table.c.session_id)
        .subquery()
    )


def events_between(workspace: Workspace, session_id: str, *, first: int, limit: int) -> list[Any]:
    """Give a session's events from one place on, in order."""
    t = schema.events
    query = (
        sa.select(t)
        .where(t.c.workspace_id == workspace.workspace_id, t.c.session_id == session_id, t.c.seq >= first)
        .order_by(t.c.seq)
        .limit(limit)
    )
    return list(workspace.execute(query))


def calls(workspace: Workspace, session_id: str, call_ids: Sequence[str]) -> list[Any]:
    """Give calls of tools of a session, by their ids."""
    t, found = schema.events, list[Any]()
    for start in range(0, len(call_ids), _CHUNK):
        query = sa.select(t.c.tool_call_id, t.c.text, t.c.data).where(
            t.c.workspace_id == workspace.workspace_id,
            t.c.session_id == session_id,
            t.c.kind == EventKind.TOOL_CALL.value,
            t.c.tool_call_id.in_(call_ids[start : start + _CHUNK]),
        )
        found += workspace.execute(query)
    return found


def offers_of(workspace: Workspace, session_id: str, *, limit: int) -> list[Any]:
    """Give a session's offers with the hash of what was offered, the latest first."""
    o, v, r = schema.offers, schema.skill_versions, schema.received
    query = (
        sa.select(o, sa.func.coalesce(r.c.content_hash, v.c.content_hash, "").label("content_hash"))
        .outerjoin(
            v,
            sa.and_(
                v.c.workspace_id == o.c.workspace_id, v.c.skill_id == o.c.skill_id, v.c.version == o.c.version
            ),
        )
        .outerjoin(
            r,
            sa.and_(
                r.c.workspace_id == o.c.workspace_id, r.c.skill_id == o.c.skill_id, r.c.version == o.c.version
            ),
        )
        .where(o.c.workspace_id == workspace.workspace_id, o.c.session_id == session_id)
        .order_by(o.c.at.desc(), o.c.offer_id)
        .limit(limit)
    )
    return list(workspace.execute(query))


def put_upload(
    workspace: Workspace,
    session_id: str,
    *,
    sent_seq: int,
    sent_offers: int,
    sent_reports: int = 0,
    refused: str = "",
) -> None:
    """Keep how far a session has gone up."""
    values: dict[str, Any] = {"session_id": session_id, "sent_seq": sent_seq, "sent_offers": sent_offers}
    values |= {"sent_reports": sent_reports, "refused": refused[:MAX_ERROR_CHARS]}
    values["sent_at"] = datetime.now(UTC)
    bulk.put(workspace, schema.uploads, values)


def uploads(workspace: Workspace) -> dict[str, int]:
    """Give how many events of each session were sent."""
    t = schema.uploads
    rows = workspace.execute(
        sa.select(t.c.session_id, t.c.sent_seq).where(t.c.workspace_id == workspace.workspace_id)
    )
    return {row.session_id: row.sent_seq for row in rows}


def take_back(workspace: Workspace, held: Mapping[str, int]) -> int:
    """Believe a server that it has less of some sessions than was sent; give how many those are."""
    t, changed = schema.uploads, 0
    for session_id, number in held.items():
        here = sa.and_(t.c.workspace_id == workspace.workspace_id, t.c.session_id == session_id)
        less = t.update().where(here, t.c.sent_seq > number)
        changed += workspace.execute(less.values(sent_seq=number)).rowcount
        # What came with the events is sent again: it is known by its ids.
        workspace.execute(t.update().where(here).values(sent_offers=0, sent_reports=0))
    return changed


def note_deleted(workspace: Workspace, session_ids: Collection[str]) -> None:
    """Note that the server had sessions deleted: nothing of them is sent again."""
    t, at = schema.uploads, datetime.now(UTC)
    for session_id in sorted(session_ids):
        row: dict[str, Any] = {"session_id": session_id, "sent_seq": 0, "sent_offers": 0, "sent_reports": 0}
        bulk.put(workspace, t, row | {"refused": "", "sent_at": at, "deleted_at": at})


def deleted(workspace: Workspace) -> int:
    """Count the sessions that were deleted at the server and are here still."""
    t = schema.uploads
    here = (t.c.workspace_id == workspace.workspace_id, t.c.deleted_at.is_not(None))
    return int(workspace.execute(sa.select(sa.func.count()).where(*here)).scalar_one())


def received(workspace: Workspace) -> dict[str, Received]:
    """Give the skills that came, by id."""
    t = schema.received
    rows = workspace.execute(sa.select(t).where(t.c.workspace_id == workspace.workspace_id))
    names = Received.__dataclass_fields__
    return {row.skill_id: Received(**{name: row._mapping[name] for name in names}) for row in rows}


def received_one(workspace: Workspace, skill_id: str) -> Received | None:
    """Give a skill that came, None where it did not."""
    t = schema.received
    row = workspace.execute(
        sa.select(t).where(t.c.workspace_id == workspace.workspace_id, t.c.skill_id == skill_id)
    ).first()
    return Received(**{name: row._mapping[name] for name in Received.__dataclass_fields__}) if row else None


def put_received(workspace: Workspace, new: Received) -> None:
    """Keep what a server said about a skill."""
    bulk.put(workspace, schema.received, {name: getattr(new, name) for name in Received.__dataclass_fields__})


def set_scope(workspace: Workspace, skill_id: str, scope: str) -> None:
    """Say how far a skill reaches, and so who decides on it."""
    t = schema.skills
    here = sa.and_(t.c.workspace_id == workspace.workspace_id, t.c.skill_id == skill_id)
    workspace.execute(t.update().where(here, t.c.scope != scope).values(scope=scope))


def projects(workspace: Workspace) -> Sequence[Any]:
    """Give the projects with how many sessions each has, and how many of their events were sent."""
    s, p, u = schema.sessions, schema.projects, schema.uploads
    query = (
        sa.select(
            p.c.project_id,
            p.c.name,
            p.c.remote,
            p.c.root,
            sa.func.count(s.c.session_id).label("sessions"),
            sa.func.coalesce(sa.func.sum(u.c.sent_seq), 0).label("sent"),
        )
        .outerjoin(s, sa.and_(s.c.workspace_id == p.c.workspace_id, s.c.project_id == p.c.project_id))
        .outerjoin(u, sa.and_(u.c.workspace_id == s.c.workspace_id, u.c.session_id == s.c.session_id))
        .where(p.c.workspace_id == workspace.workspace_id)
        .group_by(p.c.project_id, p.c.name, p.c.remote, p.c.root)
        .order_by(p.c.name, p.c.project_id)
    )
    return list(workspace.execute(query))
