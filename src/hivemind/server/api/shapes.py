"""What requests and answers are made of: text that can be stored, pages, and answers with an ETag."""

import base64
import binascii
import hashlib
import json
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Generic, TypeVar

from fastapi import Query, Request, Response
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from hivemind.errors import HivemindError

MAX_LIMIT = 200
NOT_MODIFIED: dict[int | str, dict[str, Any]] = {304: {"description": "It is what the client has (ETag)"}}
Item = TypeVar("Item")


def _storable(text: str) -> str:
    if "\0" in text or any("\ud800" <= char <= "\udfff" for char in text):
        raise ValueError("it holds a character that no database stores")
    return text


Line = Annotated[str, Field(max_length=200), AfterValidator(_storable)]
Prose = Annotated[str, Field(max_length=4_000), AfterValidator(_storable)]
Prompt = Annotated[str, Field(max_length=100_000), AfterValidator(_storable)]
Markdown = Annotated[str, Field(max_length=200_000), AfterValidator(_storable)]
Number = Annotated[int, Field(ge=0, le=2**31 - 1)]
Limit = Annotated[int, Query(ge=1, le=MAX_LIMIT, description="results at most")]
After = Annotated[Line, Query(max_length=1_000, description="`next` of the page before; empty: the first")]


class Asked(BaseModel):
    """The body of a request; what is not known in it is refused."""

    model_config = ConfigDict(extra="forbid")


class Page(BaseModel, Generic[Item]):
    """Some results; `next` asks for those behind them, and is empty on the last page."""

    items: Sequence[Item]
    next: str = ""


def cursor(*parts: str | int | None) -> str:
    """Write a place in an order as text that a client hands back."""
    return base64.urlsafe_b64encode(json.dumps(parts).encode()).decode().rstrip("=")


def place(text: str, *kinds: type) -> tuple[Any, ...] | None:
    """Read a place that `cursor` wrote; None for the beginning."""
    if not text:
        return None
    try:
        found = json.loads(base64.b64decode(text + "=" * (-len(text) % 4), b"-_", validate=True))
    except (ValueError, binascii.Error, RecursionError):
        found = None
    if (
        not isinstance(found, list)
        or len(found) != len(kinds)
        or not all(type(part) in (kind, type(None)) for part, kind in zip(found, kinds, strict=True))
        or any(isinstance(part, str) and part != _cleaned(part) for part in found)
        or any(isinstance(part, int) and abs(part) >= 2**62 for part in found)
    ):
        raise HivemindError(
            "request-invalid", "`after` is no place in this list", hint="hand back `next` as it came"
        )
    return tuple(found)


def _cleaned(text: str) -> str:
    return text.replace("\0", "").encode("utf-8", "ignore").decode()


def conditional(request: Request, body: BaseModel, *, state: str = "") -> Response:
    """Answer with a body and its ETag, which tells `state`, too; with 304 where the client has it."""
    written = body.model_dump_json().encode()
    digest = hashlib.blake2b(written, digest_size=12).hexdigest()
    etag = f'"{state}.{digest}"' if state else f'"{digest}"'
    headers = {"ETag": etag, "Cache-Control": "private, no-cache", "Vary": "Authorization"}
    held = [tag.strip().removeprefix("W/") for tag in request.headers.get("if-none-match", "").split(",")]
    if etag in held:
        return Response(status_code=304, headers=headers)
    return Response(written, media_type="application/json", headers=headers)


def require_state(request: Request, state: str) -> None:
    """Raise HivemindError where the request says by If-Match that it is about another state than this."""
    said = request.headers.get("if-match", "").strip()
    if not said or said == "*":
        return
    held = [tag.strip().strip('"').rpartition(".")[0] for tag in said.split(",")]
    if state not in held:
        raise conflict("somebody changed it since you read it")


def conflict(message: str) -> HivemindError:
    """Say that a decision was about something that has changed meanwhile."""
    return HivemindError("version-conflict", message, hint="read it again, and decide on what it is now")


def moment(text: str | None) -> datetime | None:
    """Read the time of a place."""
    if text is None:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        found = datetime.min  # noqa: DTZ901 - refused below
    if found.tzinfo is None:
        raise HivemindError(
            "request-invalid", "`after` is no place in this list", hint="hand back `next` as it came"
        )
    return found
