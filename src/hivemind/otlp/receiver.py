"""Answer an OTLP/HTTP export: whatever serves HTTP calls `receive`, on the local worker and on the server."""

from dataclasses import dataclass, field

import orjson
import sqlalchemy as sa

from hivemind.capture.redaction import Redactor
from hivemind.errors import HivemindError
from hivemind.otlp import reading, storing
from hivemind.otlp.reading import JSON, PROTOBUF, Limits, Received, RefusedError, Signal
from hivemind.otlp.storing import Rules, Stored
from hivemind.store.database import Database

#: Where each signal is sent, by OTLP's own convention.
PATHS = {f"/v1/{signal}": signal for signal in Signal}
#: What a signal's rejected parts are called in an answer.
_REJECTED = {
    Signal.TRACES: "rejectedSpans",
    Signal.LOGS: "rejectedLogRecords",
    Signal.METRICS: "rejectedDataPoints",
}
#: What a sender that came too early is told to wait, in seconds.
RETRY_AFTER_S = 2
#: Codes of google.rpc.Status, which errors are told in.
_CODES = {400: 3, 401: 16, 403: 7, 404: 5, 405: 12, 413: 3, 415: 3, 429: 8, 503: 14}
_INTERNAL = 13


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """Hold an HTTP response."""

    status: int
    headers: dict[str, str]
    body: bytes
    stored: Stored | None = field(default=None)  #: what became of it, where it was accepted


def receive(
    database: Database,
    *,
    workspace_id: str,
    body: bytes,
    content_type: str,
    content_encoding: str = "",
    signal: Signal = Signal.TRACES,
    redactor: Redactor,
    rules: Rules | None = None,
    limits: Limits | None = None,
) -> Answer:
    """Store what a request brings and answer it; what is answered with 200, and not rejected, is stored.

    Never raises for anything that a sender can do. A database that is busy makes the sender try again.
    """
    try:
        received = reading.read(
            body,
            content_type=content_type,
            content_encoding=content_encoding,
            limits=limits or Limits(),
            signal=signal,
        )
    except RefusedError as error:
        return refusal(error.status, error.message, content_type=content_type)
    if signal is Signal.METRICS:
        # 404 would have every SDK whose one address is set report an error with each export.
        return _accepted(received, Stored(), content_type=content_type, signal=signal)
    try:
        stored = storing.store(
            database, workspace_id, received.spans, records=received.records, redactor=redactor, rules=rules
        )
    except sa.exc.DBAPIError as error:
        return refusal(503, f"nothing was stored: {error.orig}"[:500], content_type=content_type)
    except HivemindError as error:
        return refusal(503, f"nothing was stored: {error.message}"[:500], content_type=content_type)
    return _accepted(received, stored, content_type=content_type, signal=signal)


def refusal(status: int, message: str, *, content_type: str) -> Answer:
    """Tell a sender why nothing was taken; after 429 and 503 it tries again."""
    headers = {"Content-Type": _answered_in(content_type)}
    if status in (429, 503):
        headers["Retry-After"] = str(RETRY_AFTER_S)
    code = _CODES.get(status, _INTERNAL)
    if headers["Content-Type"] == JSON:
        return Answer(status=status, headers=headers, body=orjson.dumps({"code": code, "message": message}))
    said = message.encode("utf-8", "replace")
    return Answer(
        status=status, headers=headers, body=b"\x08" + _varint(code) + b"\x12" + _varint(len(said)) + said
    )


def _accepted(received: Received, stored: Stored, *, content_type: str, signal: Signal) -> Answer:
    media = _answered_in(content_type)
    rejected = received.rejected + stored.excluded + stored.unplaced
    reason = received.reason
    if stored.unplaced and not reason:
        reason = "log records need a trace, a conversation's id or the id of an answer that is stored"
    if rejected and not reason:
        reason = f"{signal} of a project that capture.exclude_remotes keeps out"
    if media == JSON:
        said: dict[str, object] = {}
        if rejected:
            said = {"partialSuccess": {_REJECTED[signal]: str(rejected), "errorMessage": reason}}
        body = orjson.dumps(said)
    else:
        body = b""
        if rejected:
            text = reason.encode("utf-8", "replace")
            inner = b"\x08" + _varint(rejected) + b"\x12" + _varint(len(text)) + text
            body = b"\x0a" + _varint(len(inner)) + inner
    return Answer(status=200, headers={"Content-Type": media}, body=body, stored=stored)


def _answered_in(content_type: str) -> str:
    """Answer in the encoding of the request; in JSON, which anybody reads, where it had none of ours."""
    named = content_type.partition(";")[0].strip().lower()
    return PROTOBUF if named == PROTOBUF else JSON


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)
