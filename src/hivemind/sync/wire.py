"""What goes over the wire, as frozen values and as JSON: one definition for both ends.

Each value has `as_json` and a reader that raises HivemindError("sync-malformed") for anything else; defaults
are left out. `canonical` is the one way to write a document that is signed.
"""

import json
import re
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, TypeVar

from hivemind.domain.events import MAX_SESSION_ID_CHARS, Event, EventKind, ResultStatus, Usage
from hivemind.domain.exposures import Arm, Channel, Offer
from hivemind.domain.outcomes import CLEARED, Outcome, Report
from hivemind.store import schema
from hivemind.sync import reading

#: Of one batch, which its sender keeps far below.
MAX_SESSIONS, MAX_EVENTS, MAX_OFFERS, MAX_REPORTS = 500, 5_000, 5_000, 1_000
#: Of one text of an event; ingestion shortens at a fourth of it.
MAX_TEXT_CHARS = 1 << 22
MAX_NAME_CHARS, MAX_FOLDER_CHARS, MAX_REMOTE_CHARS = 300, 4_096, 500
MAX_NOTE_CHARS = 10_000
#: Sessions that one answer may name as deleted.
MAX_DELETED = 1_000
_EVENT_ID = re.compile(r"e[0-9a-f]{30}")
SKILL_ID = re.compile(r"s[0-9a-f]{12}")
_OFFER_ID = re.compile(r"x[0-9a-f]{24}")
_REPORT_ID = re.compile(r"r[0-9a-f]{24}")
_COMMIT = re.compile(r"[0-9a-f]{0,64}")
_LABELS = (*(one.value for one in Outcome), CLEARED)
_HASH = re.compile(r"[0-9a-f]{64}")
_MACHINE_ID = re.compile(r"[0-9a-f]{32}")
_E = TypeVar("_E", bound=StrEnum)
_REMOTE = re.compile(r"[^\s/]+/[^\s]+")


def canonical(value: Any) -> bytes:
    """Write JSON in the one way that both ends write it."""
    return json.dumps(
        value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False
    ).encode()


def named(source: dict[str, Any], key: str, pattern: re.Pattern[str]) -> str:
    """Read an id."""
    value = reading.text(source, key, most=MAX_NAME_CHARS, default=None)
    if not pattern.fullmatch(value):
        reading.refuse(key, "is not an id")
    return value


def one_of(source: dict[str, Any], key: str, kind: type[_E]) -> _E:
    """Read a word of a closed list."""
    value = reading.text(source, key, most=MAX_NAME_CHARS, default=None)
    try:
        return kind(value)
    except ValueError:
        reading.refuse(key, "is none of " + ", ".join(kind))


def remote_in(source: dict[str, Any], *, may_be_empty: bool) -> str:
    """Read the name of a repository."""
    value = reading.text(source, "remote", most=MAX_REMOTE_CHARS)
    if not (_REMOTE.fullmatch(value) or (may_be_empty and not value)):
        reading.refuse("remote", "is not host/owner/name")
    return value


def _time(value: datetime | None) -> str | None:
    return schema.utc_text(value) if value else None


def _short(values: dict[str, Any]) -> dict[str, Any]:
    """Leave out what a reader takes for granted."""
    return {key: value for key, value in values.items() if value not in (None, "", 0, [], {})}


@dataclass(frozen=True, slots=True, kw_only=True)
class SentEvent:
    """Hold one event with its id and its place in its session."""

    event_id: str
    seq: int
    event: Event
    redactions: int = 0

    def as_json(self) -> dict[str, Any]:
        """Give it as JSON."""
        e, u = self.event, self.event.usage
        usage = (
            _short(
                {
                    "message_id": u.message_id,
                    "input": u.input_tokens,
                    "output": u.output_tokens,
                    "cache_read": u.cache_read_tokens,
                    "cache_write": u.cache_write_tokens,
                }
            )
            if u
            else None
        )
        values = _short(
            {
                "kind": e.kind.value,
                "text": e.text,
                "at": _time(e.at),
                "agent_id": e.agent_id,
                "tool_name": e.tool_name,
                "tool_call_id": e.tool_call_id,
                "status": e.status.value if e.status else None,
                "request_model": e.request_model,
                "data": e.data,
                "redactions": self.redactions,
            }
        )
        values |= {"id": self.event_id, "seq": self.seq}
        if e.exit_code is not None:
            values["exit_code"] = e.exit_code
        return values | ({"usage": usage} if usage is not None else {})


def read_event(value: Any) -> SentEvent:
    """Read an event."""
    source = reading.mapping(value, "an event")
    usage = None
    if source.get("usage") is not None:
        counted = reading.mapping(source["usage"], "usage")
        usage = Usage(
            message_id=reading.text(counted, "message_id", most=MAX_NAME_CHARS),
            input_tokens=reading.integer(counted, "input"),
            output_tokens=reading.integer(counted, "output"),
            cache_read_tokens=reading.integer(counted, "cache_read"),
            cache_write_tokens=reading.integer(counted, "cache_write"),
        )
    event_id = named(source, "id", _EVENT_ID)
    event = Event(
        kind=one_of(source, "kind", EventKind),
        native_id=event_id,
        text=reading.text(source, "text", most=MAX_TEXT_CHARS),
        at=reading.time(source, "at"),
        agent_id=reading.text(source, "agent_id", most=MAX_NAME_CHARS),
        tool_name=reading.text(source, "tool_name", most=MAX_NAME_CHARS),
        tool_call_id=reading.text(source, "tool_call_id", most=MAX_NAME_CHARS),
        status=one_of(source, "status", ResultStatus) if source.get("status") is not None else None,
        exit_code=reading.optional_integer(source, "exit_code"),
        request_model=reading.text(source, "request_model", most=MAX_NAME_CHARS),
        usage=usage,
        data=reading.plain(source, "data"),
    )
    return SentEvent(
        event_id=event_id,
        seq=reading.integer(source, "seq"),
        event=event,
        redactions=reading.integer(source, "redactions"),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class SentOffer:
    """Hold one offer; the version is named by its content, as each machine counts its own."""

    offer_id: str
    offer: Offer
    content_hash: str

    def as_json(self) -> dict[str, Any]:
        """Give it as JSON."""
        o = self.offer
        return _short(
            {
                "id": self.offer_id,
                "skill_id": o.skill_id,
                "content_hash": self.content_hash,
                "channel": o.channel.value,
                "arm": o.arm.value,
                "share": o.share,
                "request_model": o.request_model,
                "event_id": o.event_id,
                "at": _time(o.at),
            }
        )


def read_offer(value: Any, *, session_id: str, agent: str) -> SentOffer:
    """Read an offer of a session."""
    source = reading.mapping(value, "an offer")
    at = reading.time(source, "at")
    if at is None:
        reading.refuse("at", "is missing")
    return SentOffer(
        offer_id=named(source, "id", _OFFER_ID),
        content_hash=named(source, "content_hash", _HASH) if source.get("content_hash") else "",
        offer=Offer(
            session_id=session_id,
            skill_id=named(source, "skill_id", SKILL_ID),
            version=0,
            channel=one_of(source, "channel", Channel),
            arm=one_of(source, "arm", Arm),
            agent=agent,
            at=at,
            share=reading.number(source, "share"),
            request_model=reading.text(source, "request_model", most=MAX_NAME_CHARS),
            event_id=named(source, "event_id", _EVENT_ID) if source.get("event_id") else "",
        ),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class SentReport:
    """Hold what was reported about a session."""

    report_id: str
    report: Report

    def as_json(self) -> dict[str, Any]:
        """Give it as JSON."""
        r = self.report
        values = _short(
            {
                "id": self.report_id,
                "label": r.label,
                "actor": r.actor,
                "at": _time(r.at),
                "event_id": r.event_id,
                "commit": r.commit,
                "note": r.note,
            }
        )
        return values if r.score is None else values | {"score": r.score}


def read_report(value: Any, *, session_id: str) -> SentReport:
    """Read a report on a session."""
    source = reading.mapping(value, "a report")
    at, label = reading.time(source, "at"), reading.text(source, "label", most=MAX_NAME_CHARS, default=None)
    commit = reading.text(source, "commit", most=MAX_NAME_CHARS)
    if at is None:
        reading.refuse("at", "is missing")
    if label not in _LABELS:
        reading.refuse("label", "is none of " + ", ".join(_LABELS))
    if not _COMMIT.fullmatch(commit):
        reading.refuse("commit", "is not the id of a commit")
    return SentReport(
        report_id=named(source, "id", _REPORT_ID),
        report=Report(
            session_id=session_id,
            label=label,
            score=reading.number(source, "score") if source.get("score") is not None else None,
            actor=reading.text(source, "actor", most=MAX_NAME_CHARS, default=None),
            at=at,
            event_id=named(source, "event_id", _EVENT_ID) if source.get("event_id") else "",
            commit=commit,
            note=reading.text(source, "note", most=MAX_NOTE_CHARS),
        ),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class SentSession:
    """Hold what a session has more than the server knew."""

    session_id: str
    agent: str
    agent_version: str = ""
    cwd: str = ""  #: below the home folder of its person, as `~/…`
    git_branch: str = ""
    remote: str
    from_seq: int  #: all events before it were sent earlier
    to_seq: int  #: all before it have been sent with these
    events: tuple[SentEvent, ...] = ()
    offers: tuple[SentOffer, ...] = ()
    reports: tuple[SentReport, ...] = ()  #: the earliest first

    def as_json(self) -> dict[str, Any]:
        """Give it as JSON."""
        values: dict[str, Any] = {name: getattr(self, name) for name in _SESSION_TEXTS}
        for name in ("events", "offers", "reports"):
            values[name] = [one.as_json() for one in getattr(self, name)]
        return _short(values) | {"from_seq": self.from_seq, "to_seq": self.to_seq}


_SESSION_TEXTS = ("session_id", "agent", "agent_version", "cwd", "git_branch", "remote")


def read_session(value: Any) -> SentSession:
    """Read a session; its events have places before `to_seq`."""
    source = reading.mapping(value, "a session")
    session_id = reading.text(source, "session_id", most=MAX_SESSION_ID_CHARS, default=None)
    agent = reading.text(source, "agent", most=32, default=None)
    to_seq = reading.integer(source, "to_seq")
    events = tuple(map(read_event, reading.items(source, "events", most=MAX_EVENTS)))
    if any(event.seq >= to_seq for event in events):
        reading.refuse("seq", "is not before to_seq")
    offers = reading.items(source, "offers", most=MAX_OFFERS)
    reports = reading.items(source, "reports", most=MAX_REPORTS)
    return SentSession(
        session_id=session_id,
        agent=agent,
        agent_version=reading.text(source, "agent_version", most=MAX_NAME_CHARS),
        cwd=reading.text(source, "cwd", most=MAX_FOLDER_CHARS),
        git_branch=reading.text(source, "git_branch", most=MAX_NAME_CHARS),
        remote=remote_in(source, may_be_empty=False),
        from_seq=reading.integer(source, "from_seq", most=to_seq),
        to_seq=to_seq,
        events=events,
        offers=tuple(read_offer(one, session_id=session_id, agent=agent) for one in offers),
        reports=tuple(read_report(one, session_id=session_id) for one in reports),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """Name the machine that sends."""

    machine_id: str
    label: str = ""
    agents: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Give it as JSON."""
        return {"machine_id": self.machine_id, "label": self.label, "agents": list(self.agents)}


def read_machine(value: Any) -> Machine:
    """Read a machine."""
    source = reading.mapping(value, "machine")
    agents = reading.items(source, "agents", most=50)
    return Machine(
        machine_id=machine_id(reading.text(source, "machine_id", most=MAX_NAME_CHARS)),
        label=reading.text(source, "label", most=MAX_NAME_CHARS),
        agents=tuple(reading.text({"agents": name}, "agents", most=32) for name in agents),
    )


def machine_id(text: str) -> str:
    """Require a machine's id."""
    if not _MACHINE_ID.fullmatch(text):
        reading.refuse("machine_id", "is not an id")
    return text


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Hold what one request sends."""

    machine: Machine
    sessions: tuple[SentSession, ...]

    def as_json(self) -> dict[str, Any]:
        """Give it as JSON."""
        return {"machine": self.machine.as_json(), "sessions": [s.as_json() for s in self.sessions]}


def read_batch(value: Any) -> Batch:
    """Read a batch; a session is in it once."""
    source = reading.mapping(value, "a batch")
    sessions = tuple(map(read_session, reading.items(source, "sessions", most=MAX_SESSIONS)))
    if len({s.session_id for s in sessions}) < len(sessions):
        reading.refuse("sessions", "name one twice")
    if sum(len(s.events) for s in sessions) > MAX_EVENTS:
        reading.refuse("events", f"are more than {MAX_EVENTS}")
    return Batch(machine=read_machine(source.get("machine")), sessions=sessions)


class Fate(StrEnum):
    """Name what became of a session that was sent."""

    STORED = "stored"
    GAP = "gap"  #: events before these are missing: send from `held` on
    DELETED = "deleted"  #: somebody had it deleted there: nothing of it is to be sent again


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """Say how many of a session's events a server has, and what it did with those that came."""

    session_id: str
    held: int
    fate: Fate

    def as_json(self) -> dict[str, Any]:
        """Give it as JSON."""
        return {"session_id": self.session_id, "held": self.held, "fate": self.fate.value}


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """Answer a batch: how many the server has taken from the machine, and what became of each session."""

    number: int
    sessions: tuple[Held, ...]

    def as_json(self) -> dict[str, Any]:
        """Give it as JSON."""
        return {"receipt": self.number, "sessions": [s.as_json() for s in self.sessions]}


def read_receipt(value: Any) -> Receipt:
    """Read a receipt."""
    source = reading.mapping(value, "a receipt")
    held = []
    for one in reading.items(source, "sessions", most=MAX_SESSIONS):
        each = reading.mapping(one, "a session")
        held.append(
            Held(
                session_id=reading.text(each, "session_id", most=MAX_SESSION_ID_CHARS, default=None),
                held=reading.integer(each, "held"),
                fate=one_of(each, "fate", Fate),
            )
        )
    return Receipt(number=reading.integer(source, "receipt"), sessions=tuple(held))


def read_counts(value: Any) -> tuple[dict[str, int], frozenset[str]]:
    """Read how much of each session is held, and which were deleted."""
    answer = reading.mapping(value, "an answer")
    source = reading.mapping(answer.get("held"), "held")
    deleted = [
        reading.text({"deleted": one}, "deleted", most=MAX_SESSION_ID_CHARS)
        for one in reading.items(answer, "deleted", most=MAX_DELETED)
    ]
    return {str(key): reading.integer(source, key) for key in source}, frozenset(deleted)


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """Say where a server stands: its workspace and key, and how many batches it has of the machine."""

    workspace: str
    public_key: str
    receipt: int

    def as_json(self) -> dict[str, Any]:
        """Give it as JSON."""
        return {"workspace": self.workspace, "public_key": self.public_key, "receipt": self.receipt}


def read_state(value: Any) -> State:
    """Read a state."""
    source = reading.mapping(value, "a state")
    return State(
        workspace=reading.text(source, "workspace", most=64, default=None),
        public_key=reading.text(source, "public_key", most=MAX_NAME_CHARS, default=None),
        receipt=reading.integer(source, "receipt"),
    )
