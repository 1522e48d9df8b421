"""Store what spans and log records say: redacted, in one transaction, each of them once."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from typing import Any, Protocol

from hivemind.capture.ingest import redact
from hivemind.capture.redaction import Redactor
from hivemind.domain.events import ResultStatus, SessionFacts, session_key
from hivemind.domain.outcomes import Report
from hivemind.otlp import gathering, logs, mapping, verdicts
from hivemind.otlp.conventions import claude_code
from hivemind.otlp.conventions.base import Work
from hivemind.otlp.conversation import (
    AGENT,
    Conversation,
    Said,
    conversations,
    read_all,
    session_of,
    trace_path,
)
from hivemind.otlp.mapping import Judged, Known, Mapped
from hivemind.otlp.spans import LogRecord, Span, moment
from hivemind.store import episodes, late, problems, sessions
from hivemind.store.database import Database, Workspace
from hivemind.store.sessions import RedactedEvent

#: What is recorded of spans and log records that say nothing of an agent, for `hivemind doctor`.
UNMAPPED, SOURCE = "otlp-unmapped", "otlp"
#: So many instrumentations are named in one request at most.
_MAX_NAMED = 10
_SCOPE = re.compile(r"[\w.@/:-]{1,100}")
_MAX_NOTE_CHARS = 1_000


class Rules(Protocol):
    """Name the part of the settings that says what is kept out."""

    def excludes_remote(self, remote: str) -> bool:
        """Say whether sessions of a project are kept out."""


@dataclass(slots=True, kw_only=True)
class Stored:
    """Count what became of the spans, or the log records, of one request."""

    received: int = 0
    mapped: int = 0  #: that say something of an agent's work, also those known before
    repeated: int = 0  #: of these, those that had been stored before
    excluded: int = 0  #: of a project that is kept out
    unplaced: int = 0  #: log records that are of no trace, no conversation and no answer that is known
    events: int = 0
    outcomes: int = 0
    unmapped: Counter[str] = field(default_factory=Counter)  #: by instrumentation
    sessions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ready:
    conversation: Conversation
    events: tuple[RedactedEvent, ...]  #: that are not stored yet
    times: Mapping[str, datetime]  #: of what is stored, where it is known to have been earlier
    results: Mapping[str, ResultStatus]  #: how calls ended of which that was not known
    reports: tuple[Report, ...]


def store(
    database: Database,
    workspace_id: str,
    spans: Sequence[Span] = (),
    *,
    records: Sequence[LogRecord] = (),
    redactor: Redactor,
    rules: Rules | None = None,
) -> Stored:
    """Store what spans and log records say of agents' work; what was stored before is left alone.

    Either all of it is stored or, where this raises, none.
    """
    done = Stored(received=len(spans) + len(records))
    said = [one for one in read_all(spans) if _says(one, done)]
    known = {(one.span.trace_id, one.span.span_id) for one in said}
    told = logs.read(records)
    done.mapped += sum(one.records for one in told.said)
    _count(done, "spans", (s.scope for s in spans if (s.trace_id, s.span_id) not in known))
    _count(done, "log records", told.unmapped.elements())
    all_ready = partial(_all_ready, redactor=redactor, rules=rules, done=done)
    with database.read(workspace_id) as workspace:
        groups, named = _grouped(workspace, [*said, *_placed(workspace, told.said, done=done)])
        early = gathering.early(workspace, named)
        moves = [move for move in early if gathering.is_possible(workspace, move)]
        ready = [] if moves else all_ready(workspace, groups)
    if moves:
        with database.write(workspace_id) as workspace:
            gathering.gather(workspace, moves)
        with database.read(workspace_id) as workspace:
            groups, named = _grouped(workspace, [*said, *_placed(workspace, told.said, done=done)])
            ready = all_ready(workspace, groups)
    paths = _to_remember(ready, named, moved=[move.trace_id for move in early])
    if not (ready or paths or done.unmapped):
        return done
    with database.write(workspace_id) as workspace:
        for one in ready:
            _write(workspace, one, done=done)
        for trace_id, session_id in paths.items():
            late.remember(workspace, trace_path(trace_id), agent=AGENT, session_id=session_id)
        for scope, count in done.unmapped.most_common(_MAX_NAMED):
            message = f"{scope} say nothing of an agent's work, and are not stored"
            problems.record(workspace, source=SOURCE, slug=UNMAPPED, message=message, count=count)
    concerned = {one.conversation.session_id for one in ready} | {move.target for move in moves}
    done.sessions = tuple(sorted(concerned))
    return done


def _count(done: Stored, what: str, scopes: Iterable[str]) -> None:
    done.unmapped.update(
        f"{what} of {scope if _SCOPE.fullmatch(scope) else 'unnamed instrumentation'}" for scope in scopes
    )


def _all_ready(
    workspace: Workspace,
    groups: Sequence[Conversation],
    *,
    redactor: Redactor,
    rules: Rules | None,
    done: Stored,
) -> list[_Ready]:
    ids = [mapping.record_event_id(one.span) for group in groups for one in group.said]
    before = late.stored(workspace, ids)
    groups = _not_captured(workspace, groups, done=done)
    taken = [_taken(group, before, rules=rules, done=done) for group in groups]
    return [_prepared(workspace, group, redactor=redactor) for group in taken if group is not None]


def _not_captured(
    workspace: Workspace, groups: Sequence[Conversation], *, done: Stored
) -> list[Conversation]:
    """Leave out sessions of Claude Code that its own transcripts tell already, and tell better."""
    own = {
        group.session_id: session_key(one.reading.conversation_id)
        for group in groups
        for one in group.said
        if claude_code.is_its(one.span) and one.reading.conversation_id
    }
    captured = late.existing(workspace, list(own.values())) if own else set()
    left = [group for group in groups if own.get(group.session_id) not in captured]
    done.repeated += sum(o.records for group in groups for o in group.said) - sum(
        o.records for group in left for o in group.said
    )
    return left


def _placed(workspace: Workspace, told: Sequence[Said], *, done: Stored) -> list[Said]:
    """Give what log records told with its place, where the span or the answer that it is about is known."""
    done.unplaced = 0
    if not told:
        return []
    spans = late.stored(workspace, [mapping.span_event_id(o.span) for o in told if o.span.trace_id])
    lost = [o for o in told if not (o.span.trace_id or o.reading.conversation_id)]
    answers = late.of_answers(workspace, [o.reading.response_id for o in lost if o.reading.response_id])
    found = []
    for one in told:
        row = spans.get(mapping.span_event_id(one.span)) or answers.get(one.reading.response_id)
        if row is not None and (not one.reading.conversation_id or row.session_id == _own_session(one)):
            about = ""
            if one.reading.verdicts and row.at is not None:
                about = sessions.latest_prompt(workspace, row.session_id, before=row.at)
            found.append(replace(one, session_id=row.session_id, agent_id=row.agent_id, about=about))
        elif one.span.trace_id or one.reading.conversation_id:
            found.append(one)
        else:
            done.unplaced += one.records
    return found


def _own_session(one: Said) -> str:
    span = one.span
    return session_of(one.reading.conversation_id, service=span.service, trace_id=span.trace_id)


def _says(one: Said, done: Stored) -> bool:
    """Say whether a span says something; one that only names its conversation helps to place others."""
    has_work = one.reading.work is not None or bool(one.reading.verdicts)
    done.mapped += has_work
    return has_work or bool(one.reading.conversation_id)


def _grouped(workspace: Workspace, said: Sequence[Said]) -> tuple[list[Conversation], dict[str, str]]:
    paths = [trace_path(o.span.trace_id) for o in said if o.span.trace_id and not o.reading.conversation_id]
    known = late.of_trace(workspace, list(dict.fromkeys(paths))) if paths else {}
    groups, named = conversations(said, known=known)
    return groups, {trace: key for trace, key in named.items() if trace_path(trace) not in known}


def _taken(
    group: Conversation, before: Mapping[str, Any], *, rules: Rules | None, done: Stored
) -> Conversation | None:
    """Give what is new in a conversation; None where nothing is, or where it is kept out."""
    if rules is not None and rules.excludes_remote(group.project.remote):
        done.excluded += sum(one.records for one in group.said)
        return None
    ids = {mapping.record_event_id(one.span): one for one in group.said}
    done.repeated += sum(one.records for key, one in ids.items() if key in before)
    fresh = tuple(
        one
        for key, one in ids.items()
        if key not in before and (one.reading.work is not None or one.reading.verdicts)
    )
    return replace(group, said=fresh) if fresh else None


def _prepared(workspace: Workspace, group: Conversation, *, redactor: Redactor) -> _Ready:
    known = Known(
        data=partial(_data, workspace),
        unanswered=lambda: [
            (row.tool_name, row.tool_call_id, row.data)
            for row in late.unanswered(workspace, group.session_id)
        ],
        is_asked=lambda: late.prompts(workspace, group.session_id) > 0,
    )
    mapped = mapping.map_conversation(group, known=known)
    before = late.stored(workspace, [key for key, _ in mapped.events])
    times, results = _better(mapped, before)
    return _Ready(
        conversation=group,
        # A request repeats what was said before: most of a long conversation is stored already.
        events=tuple(
            redact(mapping.timed(placed), redactor) for key, placed in mapped.events if key not in before
        ),
        times=times,
        results=results,
        reports=tuple(_reports(group.session_id, mapped.judged, redactor)),
    )


def _better(mapped: Mapped, before: Mapping[str, Any]) -> tuple[dict[str, datetime], dict[str, ResultStatus]]:
    """Give what is known better now of events that are stored: an earlier time, or how a call ended."""
    times: dict[str, datetime] = {}
    results: dict[str, ResultStatus] = {}
    for key, placed in mapped.events:
        row, status = before.get(key), placed.event.status
        if row is None:
            continue
        at = moment(placed.at_ns)
        if placed.exact and at is not None and (row.at is None or at < row.at):
            times[key] = at
        if status not in (None, ResultStatus.UNKNOWN) and row.status == ResultStatus.UNKNOWN.value:
            results[key] = status
    return times, results


def _data(workspace: Workspace, key: str) -> Mapping[str, Any] | None:
    row = late.stored(workspace, [key]).get(key)
    return None if row is None else row.data if isinstance(row.data, dict) else {}


def _reports(session_id: str, judged: Sequence[Judged], redactor: Redactor) -> list[Report]:
    found = []
    for one in judged:
        meant = verdicts.judgement(one.verdict)
        if meant is not None:
            note = redactor.redact(one.verdict.note[:_MAX_NOTE_CHARS]).text
            found.append(
                Report(
                    session_id=session_id,
                    label=meant.label.value,
                    score=meant.reward,
                    actor=verdicts.actor(one.verdict),
                    at=moment(one.at_ns) or datetime.now(UTC),
                    event_id=one.event_id,
                    note=note,
                )
            )
    # The last report counts: where evaluations of one moment disagree, the work was not good.
    return sorted(found, key=lambda r: (r.at, -(r.score if r.score is not None else r.label == "success")))


def _to_remember(
    ready: Sequence[_Ready], named: Mapping[str, str], *, moved: Iterable[str]
) -> dict[str, str]:
    """Give the traces of which something may come that does not say which conversation it is part of."""
    all_said = [said for one in ready for said in one.conversation.said]
    unsure = {
        said.span.trace_id
        for said in all_said
        if not said.reading.conversation_id and said.reading.work is not Work.VERDICT
    }
    # Log records and spans come in requests of their own, in either order.
    unsure.update(said.span.trace_id for said in all_said if said.span.log_id)
    unsure.update(moved)
    return {trace_id: session_id for trace_id, session_id in named.items() if trace_id in unsure}


def _write(workspace: Workspace, one: _Ready, *, done: Stored) -> None:
    group = one.conversation
    before = late.latest(workspace, group.session_id)
    # Who judges the work, in log records, is another program than the one that did it.
    is_its_own = before is None or any(not said.span.log_id for said in group.said)
    facts = SessionFacts(
        session_id=group.session_id, agent=AGENT, agent_version=group.version[:100] if is_its_own else ""
    )
    project = group.project if is_its_own else None
    stored = sessions.append(workspace, facts, events=one.events, project=project)
    done.events += stored.events
    moved = late.settle(workspace, times=one.times, results=one.results)
    first = min((e.event.at for e in one.events if e.event.at is not None), default=None)
    if moved or (before is not None and first is not None and first < before):
        late.renumber(workspace, group.session_id)
    for report in one.reports:
        about = report.event_id or sessions.latest_prompt(workspace, group.session_id)
        episodes.report(workspace, replace(report, event_id=about))
        done.outcomes += 1
