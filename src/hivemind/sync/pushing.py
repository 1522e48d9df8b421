"""Send what a team's projects have more than the server knows; the database itself is the queue."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from hivemind.capture import boundary, exclusion, ingest
from hivemind.domain.events import Event, EventKind, ResultStatus, Usage
from hivemind.domain.exposures import Arm, Channel, Offer
from hivemind.domain.outcomes import Report
from hivemind.store import episodes, remotes
from hivemind.store.database import Database
from hivemind.store.remotes import Waiting
from hivemind.sync.client import Client, RefusedError
from hivemind.sync.places import Places
from hivemind.sync.wire import (
    MAX_NAME_CHARS,
    MAX_NOTE_CHARS,
    MAX_REPORTS,
    Batch,
    Fate,
    Machine,
    Receipt,
    SentEvent,
    SentOffer,
    SentReport,
    SentSession,
    canonical,
    read_counts,
    read_receipt,
)

#: Of one batch, as far as single events allow.
BATCH_EVENTS, BATCH_BYTES, BATCH_SESSIONS = 400, 1_000_000, 100
#: Usage is counted up after it was stored: that of so many events before is sent again with what follows.
USAGE_AGAIN = 20
#: Sessions that are asked about at once, after the server was restored.
ASKED = 500
MAX_OFFERS = 2_000
#: Times that a round begins anew where the server turned out to lack something.
MAX_PASSES = 3


class Rules(exclusion.Rules, Protocol):
    """Name the part of the settings that says what goes up."""

    @property
    def capture_enabled(self) -> bool:
        """Say whether anything is captured."""

    def shares(self, folder: str, remote: str) -> bool:
        """Say whether sessions of a repository, in a folder, go to the team."""


@dataclass(slots=True, kw_only=True)
class Sending:
    """Count what went up, or would."""

    sessions: set[str] = field(default_factory=set)
    batches: int = 0
    gaps: int = 0  #: times that the server lacked what came before
    events: int = 0
    offers: int = 0
    reports: int = 0
    redactions: int = 0
    bytes: int = 0  #: of the events before they are compressed
    refused: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Part:
    """Hold a piece of one session that one batch has room for."""

    waiting: Waiting
    session: SentSession
    bytes: int
    redactions: int
    sent_offers: int
    sent_reports: int


def waiting(
    database: Database, workspace_id: str, *, rules: Rules, with_refused: bool = False
) -> list[Waiting]:
    """Give the sessions that a person lets go up and that have more than was sent."""
    if not rules.capture_enabled:
        return []
    with database.read(workspace_id) as workspace:
        found = remotes.waiting(workspace, with_refused=with_refused)
    allowed: dict[tuple[str, str], bool] = {}
    chosen = []
    for one in found:
        place = (one.cwd, one.remote)
        if place not in allowed:
            allowed[place] = goes_up(rules, one.cwd, one.remote)
        if allowed[place]:
            chosen.append(one)
    return chosen


def goes_up(rules: Rules, folder: str, remote: str) -> bool:
    """Say whether what is done in a folder of a repository goes to the team."""
    if not (remote and rules.shares(folder, remote)):
        return False
    return not (exclusion.leaves_out(rules, folder) or rules.excludes_remote(remote))


def push(
    database: Database,
    workspace_id: str,
    *,
    client: Client,
    machine: Machine,
    rules: Rules,
    home: str,
    done: Sending,
    with_refused: bool = False,
) -> None:
    """Send batch after batch until all is there, or the deadline is over; what is there by then stays."""
    for _ in range(MAX_PASSES):
        gaps = done.gaps
        chosen = waiting(database, workspace_id, rules=rules, with_refused=with_refused)
        for batch in batches(parts(database, workspace_id, chosen, home=home)):
            left = [part for part in batch if part.waiting.session_id not in done.refused]
            if left and client.deadline.left_s:
                _send(database, workspace_id, left, client=client, machine=machine, done=done)
        if done.gaps == gaps or not client.deadline.left_s:
            return


def _send(
    database: Database,
    workspace_id: str,
    batch: Sequence[_Part],
    *,
    client: Client,
    machine: Machine,
    done: Sending,
) -> None:
    try:
        body = Batch(machine=machine, sessions=tuple(part.session for part in batch)).as_json()
        receipt = read_receipt(client.post("/api/v1/sync/sessions", body).value)
    except RefusedError as error:
        if error.status not in (400, 413, 422):
            raise
        if len(batch) > 1:  # one of them is the reason: the others must not wait for it
            for part in batch:
                _send(database, workspace_id, [part], client=client, machine=machine, done=done)
            return
        _refused(database, workspace_id, batch[0], error.message, done=done)
        return
    if _stored(database, workspace_id, batch, receipt, done=done):
        return
    # Restored since the round began: whatever else it lost is sent in the next pass.
    done.gaps += 1
    ask_again(database, workspace_id, client=client)
    with database.write(workspace_id) as workspace:
        remotes.update(workspace, receipt=receipt.number)


def _refused(database: Database, workspace_id: str, part: _Part, why: str, *, done: Sending) -> None:
    one = part.waiting
    done.refused[one.session_id] = why
    with database.write(workspace_id) as workspace:
        remotes.put_upload(
            workspace,
            one.session_id,
            sent_seq=part.session.from_seq,
            sent_offers=one.sent_offers,
            sent_reports=one.sent_reports,
            refused=why,
        )


def _stored(
    database: Database, workspace_id: str, batch: Sequence[_Part], receipt: Receipt, *, done: Sending
) -> bool:
    """Note what a batch's answer says; False where the server has taken fewer batches than it had before."""
    answers = {held.session_id: held for held in receipt.sessions}
    done.batches += 1
    with database.write(workspace_id) as workspace:
        for part in batch:
            answer, session = answers.get(part.session.session_id), part.session
            if answer is None:
                continue
            is_stored = answer.fate is Fate.STORED
            done.gaps += not is_stored
            sent = session.to_seq if is_stored else min(answer.held, session.from_seq)
            remotes.put_upload(
                workspace,
                session.session_id,
                sent_seq=sent,
                sent_offers=part.sent_offers if is_stored else 0,
                sent_reports=part.sent_reports if is_stored else 0,
            )
            if is_stored:
                done.sessions.add(session.session_id)
                done.events += session.to_seq - session.from_seq
                done.offers += len(session.offers)
                done.reports += len(session.reports)
                done.redactions += part.redactions
                done.bytes += part.bytes
        known = remotes.remote(workspace)
        is_behind = known is not None and receipt.number <= known.receipt
        if not is_behind:
            remotes.update(workspace, receipt=receipt.number)
    return not is_behind


def ask_again(
    database: Database, workspace_id: str, *, client: Client, sessions: Sequence[str] | None = None
) -> int:
    """Ask a server that lost something how much of each session it has; gives how many it has less of."""
    with database.read(workspace_id) as workspace:
        known = sorted(remotes.uploads(workspace)) if sessions is None else list(sessions)
    changed = 0
    for start in range(0, len(known), ASKED):
        asked = known[start : start + ASKED]
        held = read_counts(client.post("/api/v1/sync/held", {"sessions": asked}).value)
        with database.write(workspace_id) as workspace:
            changed += remotes.take_back(workspace, {one: held.get(one, 0) for one in asked})
    return changed


def batches(found: Iterator[_Part]) -> Iterator[list[_Part]]:
    """Put pieces of sessions together; a session is in a batch once."""
    batch: list[_Part] = []
    events = size = 0
    for part in found:
        is_full = (
            events + len(part.session.events) > BATCH_EVENTS
            or size + part.bytes > BATCH_BYTES
            or len(batch) >= BATCH_SESSIONS
            or any(part.session.session_id == other.session.session_id for other in batch)
        )
        if batch and is_full:
            yield batch
            batch, events, size = [], 0, 0
        batch.append(part)
        events += len(part.session.events)
        size += part.bytes
    if batch:
        yield batch


def parts(database: Database, workspace_id: str, chosen: Sequence[Waiting], *, home: str) -> Iterator[_Part]:
    """Read what sessions have more, in pieces that a batch has room for; nothing is held beyond a piece."""
    for one in chosen:
        places = Places(home=home, root=one.root, name=one.project)
        first = one.sent_seq
        is_first = True
        while is_first or first < one.next_seq:
            part = _part(database, workspace_id, one, first=first, places=places, is_first=is_first)
            yield part
            first, is_first = part.session.to_seq, False


def _part(
    database: Database, workspace_id: str, one: Waiting, *, first: int, places: Places, is_first: bool
) -> _Part:
    with database.read(workspace_id) as workspace:
        before = max(0, first - USAGE_AGAIN) if one.next_seq > first else first
        limit = BATCH_EVENTS - USAGE_AGAIN + first - before
        rows = remotes.events_between(workspace, one.session_id, first=before, limit=limit)
        offered = (
            remotes.offers_of(workspace, one.session_id, limit=MAX_OFFERS)
            if is_first and one.offers > one.sent_offers
            else []
        )
        reported = (
            episodes.reports(workspace, one.session_id)[-MAX_REPORTS:]
            if is_first and one.reports > one.sent_reports
            else []
        )
    events: list[SentEvent] = []
    size, redactions, to_seq = 0, 0, first
    for row in rows:
        if row.seq < first and row.kind != EventKind.USAGE.value:
            continue
        event = sent_event(row, places=places)
        length = len(canonical(event.as_json()))
        if events and size + length > BATCH_BYTES and to_seq > first:
            break
        size += length
        redactions += event.redactions if row.seq >= first else 0
        events.append(event)
        to_seq = max(to_seq, row.seq + 1)
    is_all = len(rows) < limit and (not rows or to_seq > rows[-1].seq)
    if is_all:
        to_seq = max(to_seq, one.next_seq)
    redactor = boundary.redactor()
    session = SentSession(
        session_id=one.session_id,
        agent=one.agent,
        agent_version=one.agent_version[:100],
        cwd=places.folder(one.cwd)[:1_000],
        git_branch=redactor.redact(one.git_branch).text[:300],
        remote=one.remote,
        from_seq=first,
        to_seq=to_seq,
        events=tuple(events),
        offers=tuple(sent_offer(row) for row in offered),
        reports=tuple(sent_report(row, places=places) for row in reported),
    )
    return _Part(
        waiting=one,
        session=session,
        bytes=size,
        redactions=redactions,
        sent_offers=one.offers if is_first else max(one.offers, one.sent_offers),
        sent_reports=one.reports if is_first else max(one.reports, one.sent_reports),
    )


def sent_event(row: Any, *, places: Places) -> SentEvent:
    """Make an event ready to go: redacted again, by the rules of today, and without a person's folders."""
    usage = None
    if row.kind == EventKind.USAGE.value or row.message_id:
        usage = Usage(
            message_id=row.message_id,
            input_tokens=row.input_tokens or 0,
            output_tokens=row.output_tokens or 0,
            cache_read_tokens=row.cache_read_tokens or 0,
            cache_write_tokens=row.cache_write_tokens or 0,
        )
    event = Event(
        kind=EventKind(row.kind),
        native_id=row.event_id,
        text=row.text,
        at=row.at,
        agent_id=row.agent_id,
        tool_name=row.tool_name,
        tool_call_id=row.tool_call_id,
        status=ResultStatus(row.status) if row.status else None,
        exit_code=row.exit_code,
        request_model=row.request_model,
        usage=usage,
        data=row.data or {},
    )
    again = ingest.redact(event, boundary.redactor())
    shown = replace(again.event, text=places.text(again.event.text), data=places.value(again.event.data))
    return SentEvent(
        event_id=row.event_id, seq=row.seq, event=shown, redactions=row.redactions + again.redactions
    )


def sent_offer(row: Any) -> SentOffer:
    """Make an offer ready to go."""
    share = row.share if isinstance(row.share, float) and math.isfinite(row.share) else 0.0
    return SentOffer(
        offer_id=row.offer_id,
        content_hash=row.content_hash,
        offer=Offer(
            session_id=row.session_id,
            skill_id=row.skill_id,
            version=row.version,
            channel=Channel(row.channel),
            arm=Arm(row.arm),
            agent=row.agent,
            at=row.at,
            share=min(1.0, max(0.0, share)),
            request_model=row.request_model,
            event_id=row.event_id,
        ),
    )


def sent_report(row: Any, *, places: Places) -> SentReport:
    """Make what was reported ready to go."""
    note = boundary.redactor().redact(row.note[:MAX_NOTE_CHARS]).text
    return SentReport(
        report_id=row.outcome_id,
        report=Report(
            session_id=row.session_id,
            label=row.score_label,
            score=row.score_value,
            actor=boundary.redactor().redact(row.evaluation_name).text[:MAX_NAME_CHARS],
            at=row.at,
            event_id=row.event_id,
            commit=row.commit_id,
            note=places.text(note)[:MAX_NOTE_CHARS],
        ),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """Say what of one session would go up."""

    session_id: str
    agent: str
    project: str
    remote: str
    title: str
    events: int
    offers: int
    reports: int
    bytes: int
    redactions: int


def plan(
    database: Database,
    workspace_id: str,
    *,
    rules: Rules,
    home: str,
    with_refused: bool = False,
    progress: Callable[[], object] = lambda: None,
) -> list[Planned]:
    """Say precisely what would go up now, and send nothing."""
    found: dict[str, Planned] = {}
    chosen = waiting(database, workspace_id, rules=rules, with_refused=with_refused)
    for part in parts(database, workspace_id, chosen, home=home):
        one, session = part.waiting, part.session
        held: Mapping[str, int] = (
            {}
            if one.session_id not in found
            else {name: getattr(found[one.session_id], name) for name in _COUNTED}
        )
        found[one.session_id] = Planned(
            session_id=one.session_id,
            agent=one.agent,
            project=one.project,
            remote=one.remote,
            title=one.title,
            events=held.get("events", 0) + sum(e.seq >= session.from_seq for e in session.events),
            offers=held.get("offers", 0) + len(session.offers),
            reports=held.get("reports", 0) + len(session.reports),
            bytes=held.get("bytes", 0) + part.bytes,
            redactions=held.get("redactions", 0) + part.redactions,
        )
        progress()
    return list(found.values())


_COUNTED = ("events", "offers", "reports", "bytes", "redactions")
