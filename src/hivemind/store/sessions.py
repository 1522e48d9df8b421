"""Write and read sessions and their events."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from typing import Any

import sqlalchemy as sa

from hivemind.domain.events import Event, EventKind, ResultStatus, SessionFacts, event_id
from hivemind.domain.projects import main_folder, project_id
from hivemind.errors import HivemindError
from hivemind.store import bulk, lessons, schema, search
from hivemind.store.database import Workspace
from hivemind.store.origin import sides, was_done
from hivemind.store.positions import contended

#: Bound parameters of one statement; SQLite before 3.32 allows 999.
_CHUNK = 900
#: A session's id is shown by so much of its beginning, or more where others begin alike, in characters.
SHORT_ID_CHARS = 8
#: Times that an append looks again which of its events others have stored meanwhile.
MAX_TRIES = 5
_USAGE_COLUMNS = ("input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens")


@dataclass(frozen=True, slots=True, kw_only=True)
class RedactedEvent:
    """Pair an event, its texts redacted, with how many secrets were replaced in it."""

    event: Event
    redactions: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectFacts:
    """Describe the project that a session works on."""

    project_id: str
    name: str
    remote: str = ""
    root: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """Say who sent a session's events to a server, under which ids, and which places they have there."""

    person_id: str
    keys: Sequence[str]  #: one an event; nobody else's event can have such an id
    seqs: Sequence[int]
    to_seq: int  #: the session's events before it have all been sent by now


@dataclass(frozen=True, slots=True, kw_only=True)
class Appended:
    """Count what one append stored; what was stored before is not counted again."""

    events: int = 0
    redactions: int = 0


def append(
    workspace: Workspace,
    facts: SessionFacts,
    *,
    events: Sequence[RedactedEvent],
    project: ProjectFacts | None = None,
    sent: Sent | None = None,
) -> Appended:
    """Store a session's new events in order; those stored before are known by their ids and left alone.

    `sent` is given on a server, where events keep the ids and the places that their machine gave them.
    """
    if project is not None:
        project = known_project(workspace, project)
        _adopt_sessions(workspace, project)
    # From here to the end of the transaction nobody else appends to the session.
    row = _put_session(workspace, facts, project=project, person_id=sent.person_id if sent else "")
    if sent is not None and row.person_id != sent.person_id:
        raise contended(f"session {facts.session_id!r} is being stored for somebody else")
    if project is not None:
        put_project(workspace, project)
    keyed = _keyed(events, facts.session_id, keys=sent.keys if sent else None)
    places = dict(zip(sent.keys, sent.seqs, strict=True)) if sent else None
    for _ in range(MAX_TRIES):
        known = _known(workspace, list(keyed))
        fresh = {key: e for key, e in keyed.items() if key not in known}
        seqs = places or {key: row.next_seq + n for n, key in enumerate(fresh)}
        work = partial(_insert, workspace, facts.session_id, fresh=fresh, seqs=seqs)
        # A resumed session has the events of the one before, which somebody may be appending just now.
        if not fresh or workspace.seam.attempt(workspace.connection, work):
            break
    else:
        raise contended(f"the events of session {facts.session_id!r} are being stored by another process")
    _raise_usage(workspace, {key: e for key, e in keyed.items() if e.event.usage and key in known})
    next_seq = max(row.next_seq, sent.to_seq) if sent else row.next_seq + len(fresh)
    if fresh or next_seq > row.next_seq:
        _count(workspace, facts.session_id, fresh=list(fresh.values()), next_seq=next_seq)
    return Appended(events=len(fresh), redactions=sum(e.redactions for e in fresh.values()))


def _keyed(
    events: Sequence[RedactedEvent], session_id: str, *, keys: Sequence[str] | None
) -> dict[str, RedactedEvent]:
    """Key events by their ids, the first of each id in its place."""
    keyed: dict[str, RedactedEvent] = {}
    for n, e in enumerate(events):
        key = (
            keys[n]
            if keys is not None
            else event_id(session_id=session_id, native_id=e.event.native_id, kind=e.event.kind)
        )
        held = keyed.setdefault(key, e).event
        # A message is written in several records, each with the usage so far: the last has the whole.
        if held.usage and e.event.usage and e.event.usage.output_tokens > held.usage.output_tokens:
            keyed[key] = replace(e, event=replace(held, usage=e.event.usage))
    return keyed


def known_project(workspace: Workspace, project: ProjectFacts) -> ProjectFacts:
    """Give a folder's project as other sessions in the same folder, or another worktree, know it."""
    if project.remote or not project.root:
        return project
    s, p = schema.sessions, schema.projects
    rows = workspace.execute(
        sa.select(p.c.project_id, p.c.name, p.c.remote, p.c.root, sa.func.coalesce(s.c.cwd, "").label("cwd"))
        .distinct()
        .outerjoin(s, sa.and_(s.c.workspace_id == p.c.workspace_id, s.c.project_id == p.c.project_id))
        .where(p.c.workspace_id == workspace.workspace_id, p.c.project_id != project.project_id)
    )
    folder = main_folder(project.root)
    found = [
        row
        for row in rows
        if main_folder(row.cwd) == folder or (row.remote and main_folder(row.root) == folder)
    ]
    row = min(found, key=lambda r: (not r.remote, r.root != project.root, r.project_id), default=None)
    if row is None:
        return project
    return ProjectFacts(project_id=row.project_id, name=row.name, remote=row.remote, root=project.root)


def _adopt_sessions(workspace: Workspace, project: ProjectFacts) -> None:
    """Move the sessions of a folder whose remote was not known yet, to be mined again under it."""
    if project.root and project.remote:
        move(workspace, project_id(remote="", root=project.root), to=project)


def move(workspace: Workspace, moved: str, *, to: ProjectFacts) -> None:
    """Give a project's sessions to another project, to be mined again there."""
    s = schema.sessions
    workspace.execute(
        s.update()
        .where(s.c.workspace_id == workspace.workspace_id, s.c.project_id == moved)
        .values(project_id=to.project_id, git_remote=to.remote, mined_by=0)
    )


def put_project(workspace: Workspace, project: ProjectFacts) -> None:
    """Store a project, or what is now known of it."""
    t = schema.projects
    known = workspace.execute(
        sa.select(t.c.name, t.c.remote, t.c.root).where(
            t.c.workspace_id == workspace.workspace_id, t.c.project_id == project.project_id
        )
    ).first()
    # Whoever works on a project would wait here for everybody else who does.
    if known is not None and (not project.root or known == (project.name, project.remote, project.root)):
        return
    statement = workspace.seam.insert(t).values(
        workspace_id=workspace.workspace_id,
        project_id=project.project_id,
        name=project.name,
        remote=project.remote,
        root=project.root,
        created_at=datetime.now(UTC),
    )
    found = {c: getattr(statement.excluded, c) for c in ("name", "remote", "root")} if project.root else None
    if found:
        statement = statement.on_conflict_do_update(index_elements=["workspace_id", "project_id"], set_=found)
    else:
        statement = statement.on_conflict_do_nothing()
    workspace.execute(statement)


def _put_session(
    workspace: Workspace, facts: SessionFacts, *, project: ProjectFacts | None, person_id: str
) -> Any:
    t = schema.sessions
    where = sa.and_(t.c.workspace_id == workspace.workspace_id, t.c.session_id == facts.session_id)
    held = sa.select(t).where(where).with_for_update()
    row = workspace.execute(held).first()
    if row is None:
        new = {
            "session_id": facts.session_id,
            "agent": facts.agent,
            "agent_version": facts.agent_version,
            "cwd": facts.cwd,
            "git_branch": facts.git_branch,
            "project_id": project.project_id if project else "",
            "git_remote": project.remote if project else "",
            "person_id": person_id,
        }
        is_ours = bulk.put_new(workspace, t, new)
        row = workspace.execute(held).one()
        if is_ours:
            return row
    changes: dict[str, Any] = {
        name: getattr(facts, name)
        for name in ("agent_version", "cwd", "git_branch")
        if getattr(facts, name)
        and (not getattr(row, name) or name != "cwd")
        and getattr(facts, name) != getattr(row, name)
    }
    if project is not None and (not row.project_id or (project.remote and project.remote != row.git_remote)):
        changes |= {"project_id": project.project_id, "git_remote": project.remote}
    if changes:
        workspace.execute(t.update().where(where).values(**changes))
    return row


def _known(workspace: Workspace, keys: list[str]) -> set[str]:
    t, known = schema.events, set[str]()
    for start in range(0, len(keys), _CHUNK):
        found = workspace.execute(
            sa.select(t.c.event_id).where(
                t.c.workspace_id == workspace.workspace_id, t.c.event_id.in_(keys[start : start + _CHUNK])
            )
        )
        known.update(found.scalars())
    return known


def _raise_usage(workspace: Workspace, usages: dict[str, RedactedEvent]) -> None:
    t = schema.events
    for key, e in usages.items():
        usage = e.event.usage
        assert usage is not None  # noqa: S101 - chosen by the caller for having one
        workspace.execute(
            t.update()
            .where(t.c.workspace_id == workspace.workspace_id, t.c.event_id == key)
            .where(t.c.output_tokens < usage.output_tokens)
            .values(**{name: getattr(usage, name) for name in _USAGE_COLUMNS})
        )


def _insert(
    workspace: Workspace, session_id: str, *, fresh: dict[str, RedactedEvent], seqs: Mapping[str, int]
) -> None:
    rows, documents = [], []
    for key, e in fresh.items():
        rows.append(event_row(workspace.workspace_id, session_id, key=key, seq=seqs[key], e=e))
        documents.append((key, indexed_text(e.event.text, e.event.data)))
    bulk.append(workspace, schema.events, rows)
    search.index_events(workspace, documents)


#: What the data of an event holds that records how its session was told, and nothing that was done.
_RECORDS = frozenset({"span", "tools"})


def indexed_text(text: str, data: Any) -> str:
    """Give the text under which an event is found: what a person reads, and a call's whole input.

    The record of a trace's span is found by nobody who looks for work.
    """
    if not text and data and data.keys() <= _RECORDS:
        return ""
    return f"{text}\n{json.dumps(data, ensure_ascii=False)}" if data else text


def event_row(workspace_id: str, session_id: str, *, key: str, seq: int, e: RedactedEvent) -> dict[str, Any]:
    """Give an event as a row of `events`."""
    event, usage = e.event, e.event.usage
    return {
        "workspace_id": workspace_id,
        "event_id": key,
        "session_id": session_id,
        "seq": seq,
        "kind": event.kind.value,
        "at": event.at,
        "agent_id": event.agent_id,
        "tool_name": event.tool_name,
        "tool_call_id": event.tool_call_id,
        "status": event.status.value if event.status else None,
        "exit_code": event.exit_code,
        "request_model": event.request_model,
        "message_id": usage.message_id if usage else "",
        "text": event.text,
        "data": event.data or None,
        "redactions": e.redactions,
        **{name: getattr(usage, name) if usage else None for name in _USAGE_COLUMNS},
    }


def _count(workspace: Workspace, session_id: str, *, fresh: list[RedactedEvent], next_seq: int) -> None:
    t, events = schema.sessions, [e.event for e in fresh]
    times = [e.at for e in events if e.at is not None]
    answered = [e for e in events if e.request_model and e.request_model != "<synthetic>"]
    # A subagent's model names the session only until its own is known.
    models = [e.request_model for e in answered if not e.agent_id]
    row = workspace.execute(
        sa.select(t.c.title, t.c.started_at, t.c.ended_at, t.c.request_model).where(
            t.c.workspace_id == workspace.workspace_id, t.c.session_id == session_id
        )
    ).one()
    changes: dict[str, Any] = {
        "next_seq": next_seq,
        "prompts": t.c.prompts + sum(e.kind is EventKind.PROMPT for e in events),
        "tool_calls": t.c.tool_calls + sum(e.kind is EventKind.TOOL_CALL for e in events),
        "tool_results": t.c.tool_results + sum(e.kind is EventKind.TOOL_RESULT for e in events),
        "tool_errors": t.c.tool_errors + sum(e.status is ResultStatus.ERROR for e in events),
    }
    if times:
        changes["started_at"] = min([*times, *([row.started_at] if row.started_at else [])])
        changes["ended_at"] = max([*times, *([row.ended_at] if row.ended_at else [])])
    if models:
        changes["request_model"] = models[-1]
    elif answered and not row.request_model:
        changes["request_model"] = answered[-1].request_model
    title = title_of(events)
    if title and (not row.title or (row.title.startswith("/") and not title.startswith("/"))):
        changes["title"] = title
    workspace.execute(
        t.update()
        .where(t.c.workspace_id == workspace.workspace_id, t.c.session_id == session_id)
        .values(**changes)
    )


def title_of(events: Iterable[Event]) -> str:
    """Give the first line of the first request, 120 characters at most; a slash command only if no other."""
    prompts = [
        e.text.strip() for e in events if e.kind is EventKind.PROMPT and not e.agent_id and e.text.strip()
    ]
    spoken = [p for p in prompts if not p.startswith("/")]
    return (spoken or prompts or [""])[0].splitlines()[0][:120] if prompts else ""


def cwd_of(workspace: Workspace, session_id: str) -> str:
    """Give the folder that a stored session began in; empty where it is not known."""
    t = schema.sessions
    found = workspace.execute(
        sa.select(t.c.cwd).where(t.c.workspace_id == workspace.workspace_id, t.c.session_id == session_id)
    ).scalar()
    return str(found or "")


def session(workspace: Workspace, session_id: str) -> Any:
    """Give a session's row by its id or an unambiguous beginning of it; raise where there is none."""
    t = schema.sessions
    rows = workspace.execute(
        sa.select(t)
        .where(
            t.c.workspace_id == workspace.workspace_id, t.c.session_id.startswith(session_id, autoescape=True)
        )
        .order_by(t.c.session_id)
        .limit(3)
    ).all()
    exact = [row for row in rows if row.session_id == session_id]
    if len(exact or rows) != 1:
        found = "is the beginning of several sessions" if rows else "is not a stored session"
        raise HivemindError("session-unknown", f"{session_id!r} {found}", hint="see `hivemind sessions list`")
    return (exact or rows)[0]


def short_id(workspace: Workspace, session_id: str) -> str:
    """Give the shortest beginning of an id, of eight characters or more, that no other session has."""
    t = schema.sessions
    ids = sa.select(t.c.session_id).where(t.c.workspace_id == workspace.workspace_id)
    before = ids.where(t.c.session_id < session_id).order_by(t.c.session_id.desc()).limit(1)
    after = ids.where(t.c.session_id > session_id).order_by(t.c.session_id).limit(1)
    neighbours = [*workspace.execute(before).scalars(), *workspace.execute(after).scalars()]
    shared = max((_shared_chars(session_id, other) for other in neighbours), default=0)
    return session_id[: max(SHORT_ID_CHARS, shared + 1)]


def _shared_chars(one: str, other: str) -> int:
    pairs = zip(one, other, strict=False)
    return next((n for n, (a, b) in enumerate(pairs) if a != b), min(len(one), len(other)))


def recent(workspace: Workspace, *, limit: int, project_id: str = "") -> list[Any]:
    """Give the newest sessions first, with their project's name."""
    t, p = schema.sessions, schema.projects
    query = (
        sa.select(t, p.c.name.label("project"))
        .outerjoin(p, sa.and_(p.c.workspace_id == t.c.workspace_id, p.c.project_id == t.c.project_id))
        .where(was_done(workspace))
        .order_by(schema.latest(t.c.ended_at), t.c.session_id)
        .limit(limit)
    )
    if project_id:
        query = query.where(t.c.project_id == project_id)
    return list(workspace.execute(query))


def events_of(workspace: Workspace, session_id: str) -> list[Any]:
    """Give a session's events in order."""
    t = schema.events
    return list(
        workspace.execute(
            sa.select(t)
            .where(t.c.workspace_id == workspace.workspace_id, t.c.session_id == session_id)
            .order_by(t.c.seq)
        )
    )


def latest_prompt(workspace: Workspace, session_id: str, *, before: datetime | None = None) -> str:
    """Name the event of a session's latest prompt by a person, up to a time; empty where there is none."""
    t = schema.events
    found = workspace.execute(
        sa.select(t.c.event_id)
        .where(t.c.workspace_id == workspace.workspace_id, t.c.session_id == session_id)
        .where(t.c.kind == EventKind.PROMPT.value, t.c.agent_id == "")
        .where(t.c.at <= before if before is not None else sa.true())
        .order_by(t.c.seq.desc())
        .limit(1)
    ).scalar()
    return str(found or "")


def projects_of(workspace: Workspace, session_ids: Sequence[str]) -> list[str]:
    """Give the projects of some sessions, in order."""
    t = schema.sessions
    here = sa.and_(t.c.workspace_id == workspace.workspace_id, t.c.session_id.in_(session_ids[:_CHUNK]))
    return sorted(workspace.execute(sa.select(t.c.project_id).where(here).distinct()).scalars())


def sender_of(workspace: Workspace, session_id: str) -> str | None:
    """Name who sent a session, nobody where it was captured here; None where there is no such session."""
    t = schema.sessions
    query = sa.select(t.c.person_id).where(
        t.c.workspace_id == workspace.workspace_id, t.c.session_id == session_id
    )
    found = workspace.execute(query).scalar()
    return None if found is None else str(found)


def note_sender(workspace: Workspace, session_ids: Sequence[str], *, person_id: str) -> None:
    """Keep who sent some sessions, where nobody is known to have."""
    t = schema.sessions
    here = sa.and_(t.c.workspace_id == workspace.workspace_id, t.c.session_id.in_(session_ids[:_CHUNK]))
    workspace.execute(t.update().where(here, t.c.person_id == "").values(person_id=person_id))


def totals(workspace: Workspace) -> dict[str, int]:
    """Count sessions, events and transcripts of the workspace, without imported rows."""
    counted = {
        "sessions": sides(workspace, schema.sessions),
        "events": sides(workspace, schema.events),
        "transcripts": (schema.transcripts.c.workspace_id == workspace.workspace_id,),
    }
    return {
        # One count a side: each is a range of an index, which both in one are not.
        name: sum(workspace.execute(sa.select(sa.func.count()).where(side)).scalar_one() for side in either)
        for name, either in counted.items()
    }


def prune(workspace: Workspace, session_ids: Sequence[str]) -> int:
    """Delete sessions with their events, search entries and mined occurrences; give the number of events."""
    t, deleted = schema.sessions, 0
    for session_id in session_ids:
        # What is being appended to it is deleted along with it, or comes to a session that is new again.
        workspace.execute(
            sa.select(t.c.session_id)
            .where(t.c.workspace_id == workspace.workspace_id, t.c.session_id == session_id)
            .with_for_update()
        )
        lessons.keep_what_was_learnt(workspace, session_id)
        rows = events_of(workspace, session_id)
        search.forget_events(workspace, [(r.event_id, indexed_text(r.text, r.data)) for r in rows])
        for table in (
            schema.events,
            schema.occurrences,
            schema.evidence,
            schema.offers,
            schema.exposures,
            schema.episodes,
            schema.outcomes,
            schema.sessions,
        ):
            workspace.execute(
                table.delete().where(
                    table.c.workspace_id == workspace.workspace_id, table.c.session_id == session_id
                )
            )
        deleted += len(rows)
    return deleted
