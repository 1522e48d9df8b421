"""Tell the messages that Hermes writes a second time from new ones, and give each a name that lasts.

A compaction, an undo and a branch insert the messages that stay in the context as new rows. What tells these
rows is their time: they are written together, either with the time of their original, which is before the
time of the row above them, or a microsecond apart, which no two messages of a conversation are.
"""

from collections import Counter
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any

from hivemind.agents.values import text

#: How far apart in time rows are that one statement after another inserted, for each row, in seconds.
_STEP_S = 1e-6
#: Times are floating-point numbers of seconds since 1970.
_ROUNDING_S = 2e-6
#: A branch copies the history of its parent at once; a model's answer takes longer, in seconds.
_BRANCHING_S = 1.0


@dataclass(frozen=True, slots=True)
class At:
    """Say where and when a message was written."""

    row: int
    time_s: float


@dataclass(slots=True)
class Copies:
    """Follow a conversation's messages in order."""

    began_s: float = 0.0  #: when the session began
    _branched_s: float | None = None  #: the last message that a branch copied
    _seen: Counter[bytes] = field(default_factory=Counter)
    _last: At | None = None

    def name(self, message: dict[str, Any], *, at: At, after: At | None) -> str:
        """Give what the message is called however often it is written; empty for a copy.

        `after` is where the next message of the session is.
        """
        key = _key(message)
        known = self._seen[key]
        if self._in_branching(at):
            self._seen[key] = max(1, known)
            return ""
        written_together = (
            at.time_s < self.began_s
            or (self._last is not None and _together(self._last, at))
            or (after is not None and _together(at, after))
        )
        if self._last is None or at.time_s > self._last.time_s:
            self._last = at
        if written_together and known:
            return ""
        self._seen[key] += 1
        return key.hex() if not known else f"{key.hex()}+{known}"

    def begin(self, *, at_s: float, is_branch: bool = False) -> None:
        """Go on to the next session of the conversation; a branch begins with copies of its parent's."""
        self.began_s, self._branched_s, self._last = at_s, at_s if is_branch else None, None

    def _in_branching(self, at: At) -> bool:
        last_s = self._branched_s
        if last_s is None or not 0 <= at.time_s - last_s < _BRANCHING_S:
            self._branched_s = None
            return False
        self._branched_s = at.time_s
        return True


def _together(first: At, second: At) -> bool:
    apart_s = second.time_s - first.time_s
    return apart_s <= (second.row - first.row) * _STEP_S + _ROUNDING_S


def _key(message: dict[str, Any]) -> bytes:
    """Hash what a copy has in common with its original: a shortened result has its call, if no more."""
    role = text(message.get("role"))
    called = text(message.get("tool_call_id")) if role == "tool" else ""
    parts = (role, called or text(message.get("content")), text(message.get("tool_calls")))
    return blake2b("\0".join(parts).encode("utf-8", "replace"), digest_size=12).digest()
