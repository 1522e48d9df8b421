"""What a Codex model message cost: each counted once, though clients repeat counts and add them up."""

from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, Final

from hivemind.agents.values import count, get, mapping, text
from hivemind.domain.events import Usage

_MAX_ID_CHARS: Final = 200
_COUNTS: Final = ("input_tokens", "cached_input_tokens", "cache_write_input_tokens", "output_tokens")


@dataclass(frozen=True, slots=True, kw_only=True)
class Used:
    """Hold the tokens of one message with the id that it is counted under."""

    native: str
    usage: Usage


def of_record(record: dict[str, Any], held: dict[str, Any]) -> Used | None:
    """Read a record of one response (0.16x); the counts that such a client writes beside it are copies."""
    held["records_usage"] = True
    response = text(record.get("response_id"))[:_MAX_ID_CHARS]
    if not response or not isinstance(record.get("usage"), dict):
        return None
    return Used(native=response, usage=_usage(response, _counted(record["usage"])))


def of_count(event: dict[str, Any], held: dict[str, Any], *, line: bytes) -> Used | None:
    """Read a count; one with the same total as before is a repetition, as after a resume."""
    info = event.get("info")
    if held.get("records_usage") or not isinstance(info, dict):
        return None
    total, last = get(info, "total_token_usage"), get(info, "last_token_usage")
    counted = _counted(mapping(last))
    native = "~" + blake2b(line, digest_size=12).hexdigest()
    if isinstance(total, dict):
        now, before = _counted(total), held.get("total")
        if now == before:
            return None
        held["total"] = now
        since = [new - old for new, old in zip(now, _numbers(before), strict=True)]
        # The total has what the last message does not tell: of messages whose count was not written.
        if not isinstance(last, dict) or (before is not None and min(since) >= 0):
            counted = since
        native = f"~{text(held.get('thread'))}/{'/'.join(map(str, now))}"
    if not any(counted):
        return None
    return Used(native=native, usage=_usage(native.removeprefix("~"), counted))


def _counted(usage: dict[str, Any]) -> list[int]:
    return [count(usage.get(key)) for key in _COUNTS]


def _numbers(before: Any) -> list[int]:
    good = isinstance(before, list) and len(before) == len(_COUNTS)
    return [count(number) for number in before] if good else [0] * len(_COUNTS)


def _usage(message_id: str, counted: list[int]) -> Usage:
    sent, read, written, received = (max(0, number) for number in counted)
    # What Codex counts as input has the cached part in it.
    fresh = max(0, sent - read - written)
    return Usage(
        message_id=message_id,
        input_tokens=fresh,
        output_tokens=received,
        cache_read_tokens=read,
        cache_write_tokens=written,
    )
