"""`/api/v1/sync`: machines send their sessions and take the skills that changed.

Nothing a machine says is believed: events are redacted again, skills pass the gates again, a project is what
its remote says, and a session belongs to the person whose token brought it first.
"""

import hashlib
import re
import zlib
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Annotated, Any

import sqlalchemy as sa
from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import JSONResponse
from starlette.concurrency import run_in_threadpool

from hivemind.capture import boundary, ingest
from hivemind.capture.redaction import Redactor
from hivemind.domain.accounts import Scope
from hivemind.domain.events import MAX_SESSION_ID_CHARS, SessionFacts
from hivemind.domain.outcomes import Report
from hivemind.domain.projects import normalise_remote, project_id, project_name
from hivemind.errors import HivemindError
from hivemind.server.access.viewer import Viewer
from hivemind.server.api.asking import Reader, TheSite, Writer
from hivemind.server.api.sync_skills import page_of, propose
from hivemind.server.site import Site
from hivemind.store import audit, deletions, episodes, jobs, machines, offers, schema, sessions
from hivemind.store.database import Workspace
from hivemind.store.sessions import ProjectFacts, Sent
from hivemind.sync import reading, signing, skill_wire, wire

router = APIRouter(prefix="/sync", tags=["sync"])
#: Sessions that are asked about at once.
MAX_ASKED = 1_000
#: How the id of a session ends that somebody else had a session of.
_OF_PERSON = re.compile(r"\.p[0-9a-f]{16}\Z")
#: Who may report beside people.
_PROGRAMS = ("agent", "ci", "eval", "program")
_NOT_IN_NAMES = re.compile(r"[^\w.@+-]+")


async def body_of(request: Request) -> Any:
    """Read a JSON body, compressed or not, within the site's limits."""
    data = await request.body()
    site = request.app.state.site
    return await run_in_threadpool(_decoded, data, request.headers.get("content-encoding", ""), site)


Body = Annotated[Any, Depends(body_of)]


def _decoded(data: bytes, encoding: str, site: Site) -> Any:
    if encoding.lower() == "gzip":
        data = inflated(data, most=site.limits.inflated_bytes)
    elif encoding:
        reading.refuse("the body", f"is encoded as {encoding[:40]!r}, and only gzip is known")
    return reading.decode(data, where="the body")


def inflated(data: bytes, *, most: int) -> bytes:
    """Unpack gzip, and no more of it than is allowed: a small body may stand for a large one."""
    unpacker = zlib.decompressobj(16 + zlib.MAX_WBITS)
    try:
        found = unpacker.decompress(data, most + 1)
    except zlib.error:
        reading.refuse("the body", "is not gzip")
    if len(found) > most:
        raise HivemindError(
            "body-too-large", f"a body holds {most:,} bytes at most, unpacked", hint="send it in parts"
        )
    if not unpacker.eof or unpacker.unused_data:
        reading.refuse("the body", "is cut off")
    return found


@router.get("/state")
def state(site: TheSite, viewer: Reader, machine: Annotated[str, Query(max_length=64)]) -> Response:
    """Say which key signs this workspace's skills, and how many batches were taken from a machine."""
    key = _machine_key(viewer, wire.machine_id(machine))
    public = public_key(site, viewer)
    with site.database.read(viewer.space(Scope.TEAM)) as workspace:
        receipt = machines.receipt(workspace, key, person_id=viewer.person_id)
    found = wire.State(workspace=viewer.workspace_id, public_key=public, receipt=receipt)
    return JSONResponse(found.as_json())


def public_key(site: Site, viewer: Viewer) -> str:
    """Give the public half of the workspace's key, which is made when it is first asked for."""
    with site.database.read(viewer.space(Scope.TEAM)) as workspace:
        held = machines.key(workspace)
    if held is None:
        pair = signing.new_pair()
        with site.database.write(viewer.space(Scope.TEAM)) as workspace:
            held = machines.make_key(workspace, lambda: (pair.public, pair.private))
    return str(held.public)


def _machine_key(viewer: Viewer, machine_id: str) -> str:
    """Key a machine by its person, too: nobody counts for another's machine."""
    return hashlib.blake2b(f"{viewer.person_id}\0{machine_id}".encode(), digest_size=16).hexdigest()


@router.post("/held")
def held(site: TheSite, viewer: Writer, body: Body) -> Response:
    """Say how many events of some of one's own sessions are here."""
    asked = reading.items(reading.mapping(body, "the body"), "sessions", most=MAX_ASKED)
    ids = [reading.text({"id": one}, "id", most=MAX_SESSION_ID_CHARS, default=None) for one in asked]
    with site.database.read(viewer.space(Scope.TEAM)) as workspace:
        found = {one: _held(workspace, viewer, one)[1] for one in ids}
        deleted = [one for one in ids if _is_deleted(workspace, viewer, one)]
    return JSONResponse({"held": found, "deleted": deleted})


def _held(workspace: Workspace, viewer: Viewer, session_id: str) -> tuple[str, int]:
    """Give the id that a person's session has here, and how many of its events are here."""
    s, own = schema.sessions, _own_id(viewer, session_id)
    rows = workspace.execute(
        sa.select(s.c.session_id, s.c.person_id, s.c.next_seq).where(
            s.c.workspace_id == workspace.workspace_id, s.c.session_id.in_([session_id, own])
        )
    )
    known = {row.session_id: row for row in rows}
    # Of two people's sessions with one id the second has its person's name behind it.
    plain, named = known.get(session_id), known.get(own)
    if named is not None and named.person_id == viewer.person_id:
        return own, int(named.next_seq)
    if plain is None or plain.person_id == viewer.person_id:
        return session_id, int(plain.next_seq) if plain else 0
    return own, 0


def _own_id(viewer: Viewer, session_id: str) -> str:
    """Give the id that a person's session has where somebody else had one of the same id before."""
    return f"{session_id[: MAX_SESSION_ID_CHARS - 20]}.{viewer.person_id}"


def _is_deleted(workspace: Workspace, viewer: Viewer, session_id: str) -> bool:
    names = [session_id, _own_id(viewer, session_id)]
    return bool(deletions.of_person(workspace, viewer.person_id, names))


@router.post("/sessions")
def receive(site: TheSite, viewer: Writer, body: Body, request: Request) -> Response:
    """Store what sessions have more; the same again changes nothing, a gap is answered with what is here."""
    batch = wire.read_batch(body)
    with site.database.read(viewer.space(Scope.TEAM)) as workspace:
        redactor = boundary.redactor_of(workspace)
    prepared = [_Prepared(session, redactor) for session in batch.sessions]
    answers: dict[str, wire.Held] = {}
    with site.database.write(viewer.space(Scope.TEAM), alone=False) as workspace:
        events = redactions = reports = 0
        projects: set[str] = set()
        # In one order everywhere, so that two batches never wait for each other.
        for one in sorted(prepared, key=lambda p: p.session.session_id):
            answer, stored = _store(workspace, viewer, one)
            answers[one.session.session_id] = answer
            events += stored.events
            redactions += stored.redactions
            reports += stored.reports
            if stored.events or stored.reports:
                projects.add(one.project.project_id)
        detail = {"events": events, "reports": reports, "redactions": redactions}
        _audit(workspace, viewer, batch, answers, detail)
        machine = batch.machine
        number = machines.count(
            workspace,
            _machine_key(viewer, machine.machine_id),
            person_id=viewer.person_id,
            label=machine.label,
            agents=machine.agents,
        )
        # Last: whoever sends of a project waits here for everybody else who does.
        for project in sorted(projects):
            jobs.ask_to_distil(workspace, project)
    request.app.state.metrics.synced_events.inc(events)
    receipt = wire.Receipt(number=number, sessions=tuple(answers[s.session_id] for s in batch.sessions))
    return JSONResponse(receipt.as_json())


class _Prepared:
    """Hold a session with its events redacted, before a transaction begins that others may wait for."""

    def __init__(self, session: wire.SentSession, redactor: Redactor) -> None:
        if _OF_PERSON.search(session.session_id):
            reading.refuse("session_id", "ends as a name that the server gives")
        if normalise_remote(f"https://{session.remote}") != session.remote:
            reading.refuse("remote", "is not a normalised git remote")
        if session.cwd and not session.cwd.startswith("~"):
            reading.refuse("cwd", "is not below ~")
        self.session = session
        self.events = []
        for sent in session.events:
            again = ingest.redact(sent.event, redactor)
            self.events.append(replace(again, redactions=again.redactions + sent.redactions))
        self.reports = [replace(one, report=_cleaned(one.report, redactor)) for one in session.reports]
        self.facts = SessionFacts(
            session_id=session.session_id,
            agent=session.agent,
            agent_version=redactor.redact(session.agent_version).text,
            cwd=redactor.redact(session.cwd).text,
            git_branch=redactor.redact(session.git_branch).text,
        )
        self.project = ProjectFacts(
            project_id=project_id(remote=session.remote, root=""),
            name=project_name(remote=session.remote, root=""),
            remote=session.remote,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Stored:
    """Count what was new of a session."""

    events: int = 0
    redactions: int = 0
    reports: int = 0


def _store(workspace: Workspace, viewer: Viewer, one: _Prepared) -> tuple[wire.Held, _Stored]:
    session = one.session
    here, known = _held(workspace, viewer, session.session_id)
    if _is_deleted(workspace, viewer, session.session_id):
        return wire.Held(session_id=session.session_id, held=0, fate=wire.Fate.DELETED), _Stored()
    if session.from_seq > known:
        return wire.Held(session_id=session.session_id, held=known, fate=wire.Fate.GAP), _Stored()
    sent = Sent(
        person_id=viewer.person_id,
        keys=[event_key(viewer, e.event_id) for e in session.events],
        seqs=[e.seq for e in session.events],
        to_seq=session.to_seq,
    )
    stored = sessions.append(
        workspace, replace(one.facts, session_id=here), events=one.events, project=one.project, sent=sent
    )
    _store_offers(workspace, viewer, session, here)
    reports = _store_reports(workspace, viewer, one, here)
    number = max(known, session.to_seq)
    held = wire.Held(session_id=session.session_id, held=number, fate=wire.Fate.STORED)
    return held, _Stored(events=stored.events, redactions=stored.redactions, reports=reports)


def event_key(viewer: Viewer, event_id: str) -> str:
    """Give the id that a person's event has here: nobody can take the place of another's."""
    digest = hashlib.blake2b(f"{viewer.person_id}\0{event_id}".encode(), digest_size=15)
    return "e" + digest.hexdigest()


def _store_offers(workspace: Workspace, viewer: Viewer, session: wire.SentSession, here: str) -> None:
    if not session.offers:
        return
    v = schema.skill_versions
    ids = sorted({one.offer.skill_id for one in session.offers})
    rows = workspace.execute(
        sa.select(v.c.skill_id, v.c.content_hash, sa.func.max(v.c.version).label("version"))
        .where(v.c.workspace_id == workspace.workspace_id, v.c.skill_id.in_(ids[:900]))
        .group_by(v.c.skill_id, v.c.content_hash)
    )
    versions = {(row.skill_id, row.content_hash): row.version for row in rows}
    for one in session.offers:
        version = versions.get((one.offer.skill_id, one.content_hash), 0)
        event_id = event_key(viewer, one.offer.event_id) if one.offer.event_id else ""
        offer = replace(one.offer, session_id=here, version=version, event_id=event_id)
        digest = hashlib.blake2b(f"{viewer.person_id}\0{one.offer_id}".encode(), digest_size=12)
        offers.put(workspace, offer, offer_id="x" + digest.hexdigest())


def _cleaned(report: Report, redactor: Redactor) -> Report:
    # A clock that is ahead would have the last word for ever.
    at = min(report.at, datetime.now(UTC))
    return replace(report, at=at, note=redactor.redact(report.note).text)


def _store_reports(workspace: Workspace, viewer: Viewer, one: _Prepared, here: str) -> int:
    """Note how a session went, each word once; give how many were new."""
    said = {}
    for sent in one.reports:
        digest = hashlib.blake2b(f"{viewer.person_id}\0{sent.report_id}".encode(), digest_size=12)
        event_id = event_key(viewer, sent.report.event_id) if sent.report.event_id else ""
        said["r" + digest.hexdigest()] = replace(
            sent.report, session_id=here, event_id=event_id, actor=_who(sent.report.actor, viewer)
        )
    return episodes.receive(workspace, here, said) if said else 0


def _who(actor: str, viewer: Viewer) -> str:
    """Name who reported: a program by its own name, a person by whose token it is."""
    kind, _, name = actor.partition(":")
    if kind not in _PROGRAMS:
        return viewer.actor
    return f"{kind}:{_NOT_IN_NAMES.sub('-', name)[:60].strip('-') or 'unnamed'}"


def _audit(
    workspace: Workspace,
    viewer: Viewer,
    batch: wire.Batch,
    answers: dict[str, wire.Held],
    counted: dict[str, int],
) -> None:
    detail = counted | {
        "machine": batch.machine.label,
        "sessions": len(batch.sessions),
        "gaps": sum(answer.fate is wire.Fate.GAP for answer in answers.values()),
    }
    audit.record(
        workspace,
        "sync.upload",
        ", ".join(sorted({session.remote for session in batch.sessions})),
        person_id=viewer.person_id,
        token_id=viewer.token_id,
        detail=detail,
    )


@router.get("/skills", responses={304: {"description": "Nothing has changed since."}})
def skills(
    request: Request,
    site: TheSite,
    viewer: Reader,
    since: Annotated[str, Query(max_length=300)] = "",
    machine: Annotated[str, Query(max_length=64)] = "",
    limit: Annotated[int, Query(ge=1, le=skill_wire.MAX_SKILLS)] = 50,
) -> Response:
    """Give the skills of the team and of the organisation that changed since a place, each signed."""
    public_key(site, viewer)  # so that there is one
    page = page_of(site, viewer, since=since, limit=limit)
    etag = f'"{page.cursor}"'
    headers = {"ETag": etag, "Cache-Control": "private, no-cache"}
    if since == page.cursor and request.headers.get("if-none-match", "") == etag:
        return Response(status_code=304, headers=headers)
    if machine and not page.has_more:
        number = page.cursor.partition("-")[0]
        with site.database.write(viewer.space(Scope.TEAM), alone=False) as workspace:
            machines.note_pull(
                workspace,
                _machine_key(viewer, wire.machine_id(machine)),
                person_id=viewer.person_id,
                number=int(number),
            )
    return JSONResponse(page.as_json(), headers=headers)


@router.post("/skills")
def share(site: TheSite, viewer: Writer, body: Body) -> Response:
    """Propose a skill to the team: a candidate, or where the team has it already, a version to look at."""
    shared = skill_wire.read_shared(body)
    return JSONResponse(propose(site, viewer, shared))
