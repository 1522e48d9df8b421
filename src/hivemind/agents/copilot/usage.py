"""Count the tokens of a Copilot CLI session, each once.

Since 1.0.9x each model call has a record of its own. Before that a message has its output tokens only, and
the rest stands in the totals at the session's end, which go on counting when the session is resumed.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from hivemind.agents.base import ReaderState
from hivemind.agents.values import count, get, mapping, members, text
from hivemind.domain.events import Usage

#: Models whose totals are remembered, at most.
MAX_MODELS: Final = 32
MAX_NAME_CHARS: Final = 200
_FIELDS = ("inputTokens", "outputTokens", "cacheReadTokens", "cacheWriteTokens")


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """Hold what one call, or a session's rest, took of a model."""

    usage: Usage
    model: str
    agent_id: str = ""


def of_record(data: dict[str, Any], *, native_id: str, state: ReaderState) -> Iterator[Counted]:
    """Read the record of one model call."""
    state.values["has_records"] = True
    given = mapping(data.get("usage"))
    if given:
        yield Counted(
            usage=_usage(native_id, *_numbers(given)),
            model=text(given.get("model")),
            agent_id=text(given.get("parentToolCallId")),
        )


def of_message(data: dict[str, Any], *, native_id: str, state: ReaderState) -> Counted | None:
    """Read a message's output tokens where calls have no records."""
    outputs, model = count(data.get("outputTokens")), text(data.get("model"))
    if not outputs or state.values.get("has_records"):
        return None
    _add(state, model, (0, outputs, 0, 0))
    return Counted(usage=_usage(native_id, 0, outputs, 0, 0), model=model)


def of_compaction(data: dict[str, Any], *, native_id: str) -> Counted | None:
    """Read what a compaction took: it is in no record and no total."""
    given = mapping(data.get("compactionTokensUsed"))
    numbers = _numbers(given)
    if not any(numbers):
        return None
    return Counted(
        usage=_usage(native_id, *numbers), model=text(given.get("model")) or text(data.get("model"))
    )


def of_shutdown(data: dict[str, Any], *, native_id: str, state: ReaderState) -> Iterator[Counted]:
    """Read the totals at the end, less what was counted before."""
    if state.values.get("has_records"):
        return
    for model, metrics in members(data.get("modelMetrics"))[:MAX_MODELS]:
        totals = _numbers(mapping(get(metrics, "usage")))
        before = _before(state, model)
        # Totals below what was counted began anew.
        rest = [t - b for t, b in zip(totals, before, strict=True)]
        left = rest if min(rest) >= 0 else [totals[0], max(0, rest[1]), *totals[2:]]
        if any(left):
            _add(state, model, left)
            yield Counted(usage=_usage(f"{native_id}#{model[:MAX_NAME_CHARS]}", *left), model=model)


def _usage(message_id: str, inputs: int, outputs: int, cache_read: int, cache_write: int) -> Usage:
    # What came from the cache is part of the input, as the provider's API has it.
    return Usage(
        message_id=message_id,
        input_tokens=max(0, inputs - cache_read - cache_write),
        output_tokens=outputs,
        cache_read_tokens=cache_read,
        cache_write_tokens=cache_write,
    )


def _numbers(given: dict[str, Any]) -> tuple[int, int, int, int]:
    inputs, outputs, cache_read, cache_write = (count(given.get(field)) for field in _FIELDS)
    return inputs, outputs, cache_read, cache_write


def _before(state: ReaderState, model: str) -> list[int]:
    found = get(state.values.get("counted"), model[:MAX_NAME_CHARS])
    return found if isinstance(found, list) and len(found) == len(_FIELDS) else [0] * len(_FIELDS)


def _add(state: ReaderState, model: str, numbers: "tuple[int, ...] | list[int]") -> None:
    counted = state.values.setdefault("counted", {})
    sums = [b + n for b, n in zip(_before(state, model), numbers, strict=True)]
    counted[model[:MAX_NAME_CHARS]] = sums
    while len(counted) > MAX_MODELS:
        del counted[next(iter(counted))]
