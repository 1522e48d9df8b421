"""Remember which tool a call was of until its result is read, in the bounded state of a transcript reader."""

from typing import Any, Final

from hivemind.agents.base import ReaderState
from hivemind.agents.values import mapping, text

#: Calls whose results have not been read yet, at most: one that is never answered must not stay for ever.
MAX_CALLS: Final = 256
#: So much of an id or a tool's name is remembered, in characters.
MAX_CHARS: Final = 200


def remember(state: ReaderState, call_id: str, tool: str) -> None:
    """Keep a call's tool; the oldest call goes when there are too many."""
    calls = _calls(state)
    calls[call_id[:MAX_CHARS]] = tool[:MAX_CHARS]
    while len(calls) > MAX_CALLS:
        del calls[next(iter(calls))]
    state.values["calls"] = calls


def take(state: ReaderState, call_id: str) -> str:
    """Give a call's tool and forget the call; empty for one that is not known."""
    return text(_calls(state).pop(call_id[:MAX_CHARS], ""))


def is_known(state: ReaderState, call_id: str) -> bool:
    """Say whether a call waits for its result."""
    return call_id[:MAX_CHARS] in _calls(state)


def _calls(state: ReaderState) -> dict[str, Any]:
    return mapping(state.values.get("calls"))
