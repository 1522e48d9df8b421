"""Read what a team's projects have more than the server knows, in pieces, and make it ready to go."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from hivemind.capture import boundary, exclusion, ingest
from hivemind.domain.events import Event, EventKind, ResultStatus, Usage
from hivemind.domain.exposures import Arm, Channel, Offer
from hivemind.domain.outcomes import Report
from hivemind.store import episodes, remotes
from hivemind.store.database import Database
from hivemind.store.remotes import Waiting
from hivemind.sync.elsewhere import Elsewhere
from hivemind.sync.places import Places
from hivemind.sync.wire import (
    MAX_NAME_CHARS,
    MAX_NOTE_CHARS,
    MAX_REPORTS,
    SentEvent,
    SentOffer,
    SentReport,
    SentSession,
    canonical,
)

#: Of one batch, as far as single events allow.
BATCH_EVENTS, BATCH_BYTES, BATCH_SESSIONS = 400, 1_000_000, 100
#: Usage is counted up after it was stored: that of so many events before is sent again with what follows.
USAGE_AGAIN = 20
MAX_OFFERS = 2_000


class Rules(exclusion.Rules, Protocol):
    """Name the part of the settings that says what goes up."""

    @property
    def capture_enabled(self) -> bool:
        """Say whether anything is captured."""

    def shares(self, folder: str, remote: str) -> bool:
        """Say whether sessions of a repository, in a folder, go to the team."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Hold a piece of one session that one batch has room for."""

    waiting: Waiting
    session: SentSession
    bytes: int
    redactions: int
    left_out: int
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


def batches(found: Iterator[Part]) -> Iterator[list[Part]]:
    """Put pieces of sessions together; a session is in a batch once."""
    batch: list[Part] = []
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


def parts(
    database: Database, workspace_id: str, chosen: Sequence[Waiting], *, rules: Rules, home: str
) -> Iterator[Part]:
    """Read what sessions have more, in pieces that a batch has room for; nothing is held beyond a piece."""
    private, shared = _folders(database, workspace_id, rules) if chosen else ([], [])
    for one in chosen:
        places = Places(home=home, root=one.root, name=one.project)
        elsewhere = Elsewhere(private=private, shared=shared, root=one.root, cwd=one.cwd, home=home)
        first = one.sent_seq
        is_first = True
        while is_first or first < one.next_seq:
            part = _part(
                database,
                workspace_id,
                one,
                first=first,
                places=places,
                elsewhere=elsewhere,
                is_first=is_first,
            )
            yield part
            first, is_first = part.session.to_seq, False


def _folders(database: Database, workspace_id: str, rules: Rules) -> tuple[list[str], list[str]]:
    """Give the folders of the projects that do not go to the team, and of those that do."""
    private: list[str] = []
    shared: list[str] = []
    with database.read(workspace_id) as workspace:
        known = remotes.projects(workspace)
    for one in known:
        if one.root:
            (shared if goes_up(rules, one.root, one.remote) else private).append(one.root)
    return private, shared


def _part(
    database: Database,
    workspace_id: str,
    one: Waiting,
    *,
    first: int,
    places: Places,
    elsewhere: Elsewhere,
    is_first: bool,
) -> Part:
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
        made = {r.tool_call_id for r in rows if r.kind == EventKind.TOOL_CALL.value and r.seq >= first}
        answered = {row.tool_call_id for row in rows if row.kind == EventKind.TOOL_RESULT.value}
        # Of a result that goes later than its call.
        for row in remotes.calls(workspace, one.session_id, elsewhere.unknown(answered - made - {""})):
            elsewhere.look(row.tool_call_id, row.text, row.data)
    events: list[SentEvent] = []
    size, redactions, left_out, to_seq = 0, 0, 0, first
    for row in rows:
        if row.seq < first and row.kind != EventKind.USAGE.value:
            continue
        event, is_left_out = sent_event(row, places=places, elsewhere=elsewhere)
        length = len(canonical(event.as_json()))
        if events and size + length > BATCH_BYTES and to_seq > first:
            break
        size += length
        redactions += event.redactions if row.seq >= first else 0
        left_out += is_left_out
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
    return Part(
        waiting=one,
        session=session,
        bytes=size,
        redactions=redactions,
        left_out=left_out,
        sent_offers=one.offers if is_first else max(one.offers, one.sent_offers),
        sent_reports=one.reports if is_first else max(one.reports, one.sent_reports),
    )


def sent_event(row: Any, *, places: Places, elsewhere: Elsewhere) -> tuple[SentEvent, bool]:
    """Make an event ready to go: redacted again, by the rules of today, and without a person's folders.

    Also says whether it was about a project that is not shared, and its words were left out.
    """
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
    event, is_left_out = elsewhere.without(event)
    again = ingest.redact(event, boundary.redactor())
    shown = replace(again.event, text=places.text(again.event.text), data=places.value(again.event.data))
    redactions = again.redactions if is_left_out else row.redactions + again.redactions
    sent = SentEvent(event_id=row.event_id, seq=row.seq, event=shown, redactions=redactions)
    return sent, is_left_out


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
    left_out: int  #: calls and results that are about projects that are not shared


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
    for part in parts(database, workspace_id, chosen, rules=rules, home=home):
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
            left_out=held.get("left_out", 0) + part.left_out,
        )
        progress()
    return list(found.values())


_COUNTED = ("events", "offers", "reports", "bytes", "redactions", "left_out")


def shown(
    database: Database,
    workspace_id: str,
    *,
    rules: Rules,
    home: str,
    session_id: str = "",
    with_refused: bool = False,
) -> Iterator[SentSession]:
    """Give what would go up, piece by piece and word for word; `session_id` may be the beginning of one."""
    chosen = waiting(database, workspace_id, rules=rules, with_refused=with_refused)
    of_one = [one for one in chosen if one.session_id.startswith(session_id)]
    for part in parts(database, workspace_id, of_one, rules=rules, home=home):
        yield part.session
