"""Tell history that Codex copied into a new rollout, of a fork or a subagent, from what is new.

A copy begins with the other thread's own `session_meta`. Its turns are older than the thread: both ids are
uuids that begin with the time. Clients without such ids write a copy in one go, within a second.
"""

import re
from typing import Any, Final

from hivemind.agents import values
from hivemind.agents.values import get, text

#: So long after the first record a copy is still being written, in seconds.
_COPY_S: Final = 1.0
_TIMED_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}")
#: What such a uuid begins with: milliseconds, in hexadecimal digits and a dash.
_TIME_CHARS: Final = 13


def note(kind: str, payload: dict[str, Any], *, at: str, held: dict[str, Any]) -> bool:
    """Follow whether the records are copies; True for one that is."""
    thread = text(held.get("thread"))
    if kind == "session_meta":
        if text(payload.get("id")) == thread:
            held.setdefault("began", at[:40])
            return False
        held["copying"] = True
        return True
    if not held.get("copying"):
        return False
    turn = _turn_id(kind, payload)
    if turn and _TIMED_UUID.fullmatch(turn) and _TIMED_UUID.fullmatch(thread):
        held["timed"] = True
        if turn[:_TIME_CHARS] >= thread[:_TIME_CHARS]:
            held["copying"] = False
    elif not held.get("timed") and not _soon(text(held.get("began")), at):
        held["copying"] = False
    return bool(held["copying"])


def _turn_id(kind: str, payload: dict[str, Any]) -> str:
    if kind == "turn_context" or payload.get("type") in ("task_started", "turn_started"):
        return text(payload.get("turn_id"))
    return text(get(payload, "internal_chat_message_metadata_passthrough", "turn_id"))


def _soon(began: str, at: str) -> bool:
    first, now = values.time(began), values.time(at)
    return first is not None and now is not None and (now - first).total_seconds() <= _COPY_S
