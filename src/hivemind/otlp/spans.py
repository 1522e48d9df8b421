"""Spans and log records as they came in, whatever they were encoded in."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import IntEnum
from typing import Any

#: Years that a span can be from; other times are mistakes.
_YEARS = range(2000, 2200)


class SpanStatus(IntEnum):
    """Name how a span ended; most instrumentations leave it unset where all went well."""

    UNSET = 0
    OK = 1
    ERROR = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class SpanEvent:
    """Hold something that happened within a span."""

    name: str
    at_ns: int
    attributes: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """Hold one span; attributes are JSON values, and a resource's are shared by its spans."""

    trace_id: str  #: 32 hexadecimal digits
    span_id: str  #: 16 of them
    parent_id: str = ""
    name: str = ""
    start_ns: int = 0
    end_ns: int = 0
    status: SpanStatus = SpanStatus.UNSET
    status_message: str = ""
    attributes: Mapping[str, Any] = field(default_factory=dict)
    events: tuple[SpanEvent, ...] = ()
    resource: Mapping[str, Any] = field(default_factory=dict)
    scope: str = ""  #: the instrumentation that made it
    log_id: str = ""  #: of the log records that told of the span, where they did and not the span itself

    @property
    def service(self) -> str:
        """Give the name of the program that the span is from."""
        name = self.resource.get("service.name")
        return name if isinstance(name, str) else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LogRecord:
    """Hold one log record; what it says is in its attributes, its body or both."""

    trace_id: str = ""  #: empty where the record is of no trace
    span_id: str = ""
    name: str = ""  #: of the event; plain log lines have none
    at_ns: int = 0
    attributes: Mapping[str, Any] = field(default_factory=dict)
    body: Any = None
    resource: Mapping[str, Any] = field(default_factory=dict)
    scope: str = ""


def moment(time_ns: int) -> datetime | None:
    """Give a time from nanoseconds since 1970; None for one that no span can be from."""
    try:
        at = datetime.fromtimestamp(time_ns / 1e9, UTC)
    except (ValueError, OverflowError, OSError):
        return None
    return at if at.year in _YEARS else None
