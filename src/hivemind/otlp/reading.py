"""Read the body of an OTLP/HTTP request: protobuf or JSON, gzip or not, within limits."""

import base64
import binascii
import math
import re
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from importlib import import_module
from typing import Any

import orjson

from hivemind.errors import HivemindError, how_to_install
from hivemind.otlp.spans import LogRecord, Span, SpanEvent, SpanStatus

JSON, PROTOBUF = "application/json", "application/x-protobuf"
_TRACE_ID, _SPAN_ID = re.compile(r"[0-9a-f]{32}"), re.compile(r"[0-9a-f]{16}")
#: Integers of 64 bits, beyond which databases and JSON readers differ.
_MAX_INT = 1 << 63


class Signal(StrEnum):
    """Name what a request brings."""

    TRACES = "traces"
    LOGS = "logs"
    METRICS = "metrics"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Names:
    """Name the parts of a signal's requests: in JSON, and as its message in protobuf."""

    resources: str
    scopes: str
    items: str
    module: str
    message: str


_NAMES = {
    Signal.TRACES: _Names(
        resources="resourceSpans",
        scopes="scopeSpans",
        items="spans",
        module="trace.v1.trace_service_pb2",
        message="ExportTraceServiceRequest",
    ),
    Signal.LOGS: _Names(
        resources="resourceLogs",
        scopes="scopeLogs",
        items="logRecords",
        module="logs.v1.logs_service_pb2",
        message="ExportLogsServiceRequest",
    ),
    Signal.METRICS: _Names(
        resources="resourceMetrics",
        scopes="scopeMetrics",
        items="metrics",
        module="metrics.v1.metrics_service_pb2",
        message="ExportMetricsServiceRequest",
    ),
}
_KINDS_OF_METRICS = ("gauge", "sum", "histogram", "exponentialHistogram", "summary")


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bound what one request may cost."""

    body_bytes: int = 16 << 20  #: as it is sent
    unpacked_bytes: int = 64 << 20
    spans: int = 20_000  #: or log records
    attributes: int = 1_000  #: of a span or an event, which has as many events at most
    text_chars: int = 1 << 20  #: of one value
    depth: int = 32  #: of values within values


class RefusedError(HivemindError):
    """Report a request that cannot be taken, with the HTTP status that says why."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__("otlp-refused", message)
        self.status = status


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """Hold the spans or log records of a request, and how many in it were none."""

    spans: tuple[Span, ...] = ()
    records: tuple[LogRecord, ...] = ()
    rejected: int = 0
    reason: str = ""


def media_type(content_type: str) -> str:
    """Give the encoding that a Content-Type names; raise RefusedError for one that OTLP does not have."""
    named = content_type.partition(";")[0].strip().lower()
    if named in (JSON, PROTOBUF):
        return named
    raise RefusedError(415, f"Content-Type {named[:100]!r} is neither {PROTOBUF} nor {JSON}")


def read(
    body: bytes,
    *,
    content_type: str,
    content_encoding: str = "",
    limits: Limits,
    signal: Signal = Signal.TRACES,
) -> Received:
    """Read a request; raise RefusedError where it cannot be taken as a whole.

    Of metrics nothing is taken: their points are counted as rejected.
    """
    media = media_type(content_type)
    if len(body) > limits.body_bytes:
        raise RefusedError(413, f"the body is larger than {limits.body_bytes} bytes")
    content = _unpacked(body, content_encoding, limits)
    groups = _protobuf_groups(content, signal) if media == PROTOBUF else _json_groups(content, signal)
    if signal is Signal.METRICS:
        points = sum(_points(metric) for _, _, metric in groups)
        return Received(rejected=points, reason="metrics are not stored: nothing is learnt from them")
    reader = _Reader(limits)
    add = reader.add_record if signal is Signal.LOGS else reader.add
    for resource, scope, item in groups:
        add(resource, scope, item)
    return Received(
        spans=tuple(reader.spans),
        records=tuple(reader.records),
        rejected=reader.rejected,
        reason=reader.reason,
    )


def _unpacked(body: bytes, encoding: str, limits: Limits) -> bytes:
    match encoding.strip().lower():
        case "" | "identity":
            content = body
        case "gzip" | "x-gzip":
            content = _gunzip(body, limits.unpacked_bytes)
        case other:
            raise RefusedError(415, f"Content-Encoding {other[:100]!r} is not gzip")
    if len(content) > limits.unpacked_bytes:
        raise RefusedError(413, f"the body is larger than {limits.unpacked_bytes} bytes unpacked")
    return content


def _gunzip(body: bytes, most: int) -> bytes:
    """Unpack an archive of one or several members, and no further than the limit."""
    parts: list[bytes] = []
    left, rest = most + 1, body
    while rest and left > 0:
        member = zlib.decompressobj(wbits=31)
        try:
            part = member.decompress(rest, left)
        except zlib.error as error:
            raise RefusedError(400, f"the body is not gzip: {error}") from error
        parts.append(part)
        left -= len(part)
        if left > 0 and not member.eof:
            raise RefusedError(400, "the archive ends too early")
        rest = member.unused_data
    return b"".join(parts)


_Group = tuple[Mapping[str, Any], str, Mapping[str, Any]]


def _json_groups(content: bytes, signal: Signal) -> Iterator[_Group]:
    try:
        document = orjson.loads(content)
    except orjson.JSONDecodeError as error:
        raise RefusedError(400, f"the body is not JSON: {error}") from error
    if not isinstance(document, dict):
        raise RefusedError(400, "the body is no object")
    names = _NAMES[signal]
    for of_resource in _objects(document.get(names.resources)):
        resource = _object(of_resource.get("resource"))
        for of_scope in _objects(of_resource.get(names.scopes)):
            scope = _object(of_scope.get("scope")).get("name")
            for item in _items(of_scope.get(names.items)):
                yield resource, scope if isinstance(scope, str) else "", _object(item)


def _protobuf_groups(content: bytes, signal: Signal) -> Iterator[_Group]:
    names = _NAMES[signal]
    try:
        from google.protobuf.message import DecodeError

        module = import_module(f"opentelemetry.proto.collector.{names.module}")
    except ImportError as error:
        raise RefusedError(
            415, f"protobuf needs an extra: {how_to_install('otlp')}; JSON needs nothing"
        ) from error
    request = getattr(module, names.message)()
    try:
        request.ParseFromString(content)
    except (DecodeError, ValueError, RecursionError) as error:
        raise RefusedError(400, f"the body is not the protobuf of {signal}: {error}") from error
    told = {Signal.TRACES: _told_span, Signal.LOGS: _told_record, Signal.METRICS: _told_metric}[signal]
    for of_resource in getattr(request, _snake(names.resources)):
        resource = {"attributes": of_resource.resource.attributes}
        for of_scope in getattr(of_resource, _snake(names.scopes)):
            for item in getattr(of_scope, _snake(names.items)):
                yield resource, of_scope.scope.name, told(item)


def _snake(name: str) -> str:
    return re.sub(r"[A-Z]", lambda capital: f"_{capital[0].lower()}", name)


def _told_span(span: Any) -> dict[str, Any]:
    return {
        "traceId": span.trace_id.hex(),
        "spanId": span.span_id.hex(),
        "parentSpanId": span.parent_span_id.hex(),
        "name": span.name,
        "startTimeUnixNano": span.start_time_unix_nano,
        "endTimeUnixNano": span.end_time_unix_nano,
        "attributes": span.attributes,
        "events": span.events,
        "status": {"code": span.status.code, "message": span.status.message},
    }


def _told_record(record: Any) -> dict[str, Any]:
    return {
        "traceId": record.trace_id.hex(),
        "spanId": record.span_id.hex(),
        "eventName": record.event_name,
        "timeUnixNano": record.time_unix_nano,
        "observedTimeUnixNano": record.observed_time_unix_nano,
        "attributes": record.attributes,
        "body": record.body,
    }


def _told_metric(metric: Any) -> dict[str, Any]:
    kind = metric.WhichOneof("data")
    return {"gauge": {"dataPoints": [None] * len(getattr(metric, kind).data_points)}} if kind else {}


def _points(metric: Mapping[str, Any]) -> int:
    return sum(len(_items(_object(metric.get(kind)).get("dataPoints"))) for kind in _KINDS_OF_METRICS)


class _Reader:
    """Turn decoded spans and log records into ours, one after the other."""

    def __init__(self, limits: Limits) -> None:
        self.spans: list[Span] = []
        self.records: list[LogRecord] = []
        self.rejected, self.reason = 0, ""
        self._limits = limits
        self._resource: tuple[Mapping[str, Any], dict[str, Any]] = ({}, {})

    def add(self, resource: Mapping[str, Any], scope: str, span: Mapping[str, Any]) -> None:
        """Take one span, or count it as rejected."""
        trace_id, span_id = _hex(span.get("traceId")), _hex(span.get("spanId"))
        if not (_is_id(trace_id, _TRACE_ID) and _is_id(span_id, _SPAN_ID)):
            self._reject(
                "spans need a traceId of 32 and a spanId of 16 hexadecimal digits that are not all 0"
            )
            return
        if len(self.spans) >= self._limits.spans:
            self._reject(f"a request may hold {self._limits.spans} spans")
            return
        parent = _hex(span.get("parentSpanId"))
        status = _object(span.get("status"))
        self.spans.append(
            Span(
                trace_id=trace_id,
                span_id=span_id,
                parent_id=parent if _is_id(parent, _SPAN_ID) else "",
                name=self._text(span.get("name")),
                start_ns=_int(span.get("startTimeUnixNano")),
                end_ns=_int(span.get("endTimeUnixNano")),
                status=_status(status.get("code")),
                status_message=self._text(status.get("message")),
                attributes=self._attributes(span.get("attributes")),
                events=self._events(span.get("events")),
                resource=self._resource_of(resource),
                scope=scope[:200],
            )
        )

    def add_record(self, resource: Mapping[str, Any], scope: str, record: Mapping[str, Any]) -> None:
        """Take one log record, or count it as rejected."""
        if len(self.records) >= self._limits.spans:
            self._reject(f"a request may hold {self._limits.spans} log records")
            return
        trace_id, span_id = _hex(record.get("traceId")), _hex(record.get("spanId"))
        attributes = self._attributes(record.get("attributes"))
        # Before records had names of their own, an attribute named an event.
        name = self._text(record.get("eventName")) or self._text(attributes.get("event.name"))
        is_traced = _is_id(trace_id, _TRACE_ID)
        self.records.append(
            LogRecord(
                trace_id=trace_id if is_traced else "",
                span_id=span_id if is_traced and _is_id(span_id, _SPAN_ID) else "",
                name=name[:300],
                at_ns=_int(record.get("timeUnixNano")) or _int(record.get("observedTimeUnixNano")),
                attributes=attributes,
                body=self._any(record.get("body")),
                resource=self._resource_of(resource),
                scope=scope[:200],
            )
        )

    def _resource_of(self, resource: Mapping[str, Any]) -> dict[str, Any]:
        """Read a resource once for all that follows of it."""
        if self._resource[0] is not resource:
            self._resource = (resource, self._attributes(resource.get("attributes")))
        return self._resource[1]

    def _any(self, given: Any) -> Any:
        """Read an AnyValue of either encoding."""
        return self._value(given, 0) if hasattr(given, "WhichOneof") else self._json_value(given, 0)

    def _reject(self, reason: str) -> None:
        self.rejected += 1
        self.reason = self.reason or reason

    def _events(self, events: Any) -> tuple[SpanEvent, ...]:
        found = []
        for event in _first(events, self._limits.attributes):
            if isinstance(event, dict):
                name, at, given = event.get("name"), event.get("timeUnixNano"), event.get("attributes")
            elif hasattr(event, "time_unix_nano"):
                name, at, given = event.name, event.time_unix_nano, event.attributes
            else:
                continue
            found.append(SpanEvent(name=self._text(name), at_ns=_int(at), attributes=self._attributes(given)))
        return tuple(found)

    def _attributes(self, given: Any) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for pair in _first(given, self._limits.attributes):
            if isinstance(pair, dict):
                key, value = pair.get("key"), self._json_value(pair.get("value"), 0)
            elif hasattr(pair, "key"):
                key, value = pair.key, self._value(pair.value, 0)
            else:
                continue
            if isinstance(key, str) and key:
                found[key[:300]] = value
        return found

    def _text(self, value: Any) -> str:
        return value[: self._limits.text_chars] if isinstance(value, str) else ""

    def _json_value(self, given: Any, depth: int) -> Any:
        """Read an AnyValue of OTLP/JSON: an object with one key that names the kind."""
        if not isinstance(given, dict) or depth > self._limits.depth:
            return None
        for kind, value in given.items():
            match kind:
                case "stringValue":
                    return self._text(value)
                case "boolValue":
                    return value is True
                case "intValue":
                    return _int(value)
                case "doubleValue":
                    return _double(value)
                case "bytesValue":
                    return self._text(value)
                case "arrayValue":
                    items = _first(_object(value).get("values"), self._limits.attributes)
                    return [self._json_value(item, depth + 1) for item in items]
                case "kvlistValue":
                    pairs = _first(_object(value).get("values"), self._limits.attributes)
                    return {
                        str(pair.get("key")): self._json_value(pair.get("value"), depth + 1)
                        for pair in pairs
                        if isinstance(pair, dict)
                    }
        return None

    def _value(self, given: Any, depth: int) -> Any:
        """Read an AnyValue of protobuf."""
        kind = given.WhichOneof("value")
        if kind is None or depth > self._limits.depth:
            return None
        match kind:
            case "string_value":
                return self._text(given.string_value)
            case "int_value" | "bool_value":
                return getattr(given, kind)
            case "double_value":
                return _double(given.double_value)
            case "bytes_value":
                return self._text(base64.b64encode(given.bytes_value).decode())
            case "array_value":
                items = _first(given.array_value.values, self._limits.attributes)
                return [self._value(item, depth + 1) for item in items]
            case "kvlist_value":
                pairs = _first(given.kvlist_value.values, self._limits.attributes)
                return {pair.key: self._value(pair.value, depth + 1) for pair in pairs}
        return None


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _items(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _objects(value: Any) -> Iterator[Mapping[str, Any]]:
    return (item for item in _items(value) if isinstance(item, dict))


def _first(values: Any, most: int) -> Any:
    """Give the first so many of a list, also of protobuf's kind."""
    if isinstance(values, list) or hasattr(values, "MergeFrom"):
        return values[:most]
    return ()


def _hex(value: Any) -> str:
    """Give an id as lower-case hexadecimal; base64, which some senders use all the same, is read, too."""
    if not isinstance(value, str):
        return ""
    if len(value) in (12, 24) and not set(value.lower()) <= set("0123456789abcdef"):
        try:
            return base64.b64decode(value, validate=True).hex()
        except (binascii.Error, ValueError):
            return ""
    return value.lower()


def _is_id(value: str, pattern: re.Pattern[str]) -> bool:
    return bool(pattern.fullmatch(value)) and bool(value.strip("0"))


def _int(value: Any) -> int:
    """Give an integer, which OTLP/JSON writes as a text; 0 for anything else."""
    if isinstance(value, str) and len(value) <= 20:
        try:
            value = int(value)
        except ValueError:
            return 0
    if isinstance(value, float) and math.isfinite(value):
        value = int(value)
    is_int = isinstance(value, int) and not isinstance(value, bool)
    return int(value) if is_int and abs(value) <= _MAX_INT else 0


def _double(value: Any) -> float | str | None:
    """Give a number; JSON has no word for what is none, and OTLP/JSON writes it as a text."""
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            return None
    if not isinstance(value, int | float) or isinstance(value, bool):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else str(number)


def _status(value: Any) -> SpanStatus:
    named = {"STATUS_CODE_OK": SpanStatus.OK, "STATUS_CODE_ERROR": SpanStatus.ERROR}
    if isinstance(value, str):
        return named.get(value, SpanStatus.UNSET)
    return SpanStatus(value) if type(value) is int and value in (0, 1, 2) else SpanStatus.UNSET
