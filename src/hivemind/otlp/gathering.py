"""Move what log records told before it was known which conversation their trace is part of.

Log records come before the spans around them, and often only spans name the conversation. Until one does, the
trace is a session of its own; then what it has is moved, under the ids that it would have had at once.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hivemind.domain.events import Event, EventKind, ResultStatus, SessionFacts, Usage, event_id
from hivemind.domain.outcomes import Report
from hivemind.otlp.conversation import AGENT, session_of, trace_path
from hivemind.otlp.mapping import OPENING, TOLD
from hivemind.otlp.talk import scoped
from hivemind.store import episodes, late, lessons, sessions
from hivemind.store.database import Workspace
from hivemind.store.sessions import RedactedEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """Name a trace's own session, and the one that the trace turned out to be part of."""

    trace_id: str
    source: str
    target: str


def early(workspace: Workspace, named: Mapping[str, str]) -> list[Move]:
    """Give the traces that have a session of their own, and are named now for the first time."""
    moves = [
        Move(trace_id=trace_id, source=session_of("", service="", trace_id=trace_id), target=target)
        for trace_id, target in named.items()
    ]
    stored = late.existing(workspace, [move.source for move in moves])
    found = [move for move in moves if move.source in stored and move.source != move.target]
    known = late.of_trace(workspace, [trace_path(move.trace_id) for move in found])
    return [move for move in found if trace_path(move.trace_id) not in known]


def is_possible(workspace: Workspace, move: Move) -> bool:
    """Say whether a session can be moved: one that also has what spans told stays.

    The ids of that cannot be made anew: they are of words whose secrets are gone.
    """
    return _what(workspace, move) is not None


def gather(workspace: Workspace, moves: Sequence[Move]) -> None:
    """Move each session that can be moved."""
    for move in moves:
        what = _what(workspace, move)
        if what is not None:
            _move(workspace, move, rows=what[0], natives=what[1])


def _what(workspace: Workspace, move: Move) -> tuple[Sequence[Any], dict[str, str]] | None:
    """Give the events to be moved with their native ids; None where one is not known."""
    rows = sessions.events_of(workspace, move.source)
    natives = _natives(move, [row for row in rows if _record(row) is not None])
    return (rows, natives) if rows and all(row.event_id in natives for row in rows) else None


def _record(row: Any) -> dict[str, Any] | None:
    """Give what the record of a log's telling says; None for any other event."""
    span = row.data.get("span") if row.kind == EventKind.SYSTEM and isinstance(row.data, dict) else None
    return span if isinstance(span, dict) and isinstance(span.get(TOLD), list) else None


def _natives(move: Move, told: Sequence[Any]) -> dict[str, str]:
    """Give the native ids of what was told, by the ids that they made."""
    natives: dict[str, str] = {}
    for row in told:
        for native in (_record(row) or {})[TOLD]:
            for kind in EventKind:
                key = event_id(session_id=move.source, native_id=str(native), kind=kind)
                natives[key] = str(native)
    return natives


def _move(workspace: Workspace, move: Move, *, rows: Sequence[Any], natives: Mapping[str, str]) -> None:
    is_again = _is_again(workspace, move, rows)
    source = sessions.session(workspace, move.source)
    reports = episodes.reports(workspace, move.source)
    events: list[RedactedEvent] = []
    moved: dict[str, str] = {}
    for row in rows:
        native = natives[row.event_id]
        native = scoped(native, move.trace_id) if is_again else native
        moved[row.event_id] = event_id(session_id=move.target, native_id=native, kind=row.kind)
        events.append(RedactedEvent(event=_event(row, native, move), redactions=row.redactions))
    # The session goes on as another, so that its lessons are not to be counted for one that was deleted.
    lessons.replace_occurrences(workspace, source, occurrences=[])
    sessions.prune(workspace, [move.source])
    facts = SessionFacts(session_id=move.target, agent=AGENT, agent_version=source.agent_version)
    sessions.append(workspace, facts, events=events)
    late.renumber(workspace, move.target)
    for said in reports:
        report = Report(
            session_id=move.target,
            label=said.score_label,
            score=said.score_value,
            actor=said.evaluation_name,
            at=said.at,
            event_id=moved.get(said.event_id, "") or sessions.latest_prompt(workspace, move.target),
            commit=said.commit_id,
            note=said.note,
        )
        episodes.report(workspace, report)


def _is_again(workspace: Workspace, move: Move, rows: Sequence[Any]) -> bool:
    """Say whether the trace asked again what another one of the conversation had opened with."""
    first = next((span for row in rows if (span := _record(row)) and span[TOLD]), {})
    opening = first.get(OPENING)
    if not isinstance(opening, str) or not opening:
        return False
    key = event_id(session_id=move.target, native_id=opening, kind=EventKind.PROMPT)
    row = late.stored(workspace, [key]).get(key)
    return row is not None and (row.data or {}).get("trace") != move.trace_id


def _event(row: Any, native: str, move: Move) -> Event:
    data = dict(row.data or {})
    if row.kind == EventKind.PROMPT:
        data["trace"] = move.trace_id
    usage = None
    if row.kind == EventKind.USAGE:
        usage = Usage(
            message_id=row.message_id,
            input_tokens=row.input_tokens or 0,
            output_tokens=row.output_tokens or 0,
            cache_read_tokens=row.cache_read_tokens or 0,
            cache_write_tokens=row.cache_write_tokens or 0,
        )
    return Event(
        kind=EventKind(row.kind),
        native_id=native,
        text=row.text,
        at=row.at,
        agent_id=row.agent_id,
        tool_name=row.tool_name,
        tool_call_id=row.tool_call_id,
        status=ResultStatus(row.status) if row.status else None,
        request_model=row.request_model,
        usage=usage,
        data=data,
    )
