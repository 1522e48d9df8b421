"""Codex's trust in hooks: it runs none whose hash is not in its configuration, and says nothing of it.

A hook is known by its file, its event and its place in it; what is trusted is the hash of its definition.
"""

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from hivemind.agents import hook_command
from hivemind.agents.values import elements, get, members

#: What Codex takes where a hook names no timeout; at an end it takes less, and gives at most so much.
_TIMEOUT_S: Final = 600
_END_S: Final = 1
MAX_END_S: Final = 3
_ENDS: Final = frozenset({"SessionEnd", "Interrupt"})
#: Events without anything that a matcher could be compared with.
_UNMATCHED: Final = frozenset({"UserPromptSubmit", "Stop"})
#: Events whose hooks may give context, with the limit that Codex takes where they name none.
_GIVE_CONTEXT: Final = frozenset(
    {"SessionStart", "UserPromptSubmit", "PreToolUse", "PostToolUse", "SubagentStart"}
)
_CONTEXT_LIMIT: Final = 2500
_CAPITAL = re.compile(r"(?<!^)([A-Z])")


@dataclass(frozen=True, slots=True, kw_only=True)
class Trust:
    """Hold what Codex has to know of one hook to run it."""

    event: str
    key: str  #: where the hook stands
    digest: str  #: of what it says


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """Say that somebody else's hook, which stays what it is, gets another place in its file."""

    hook: Trust  #: where it stood
    key: str  #: where it is going to stand


def of_hooks(value: Any, *, path: Path, agent: str) -> list[Trust]:
    """List our hooks of a decoded hooks file, of whichever version, with what Codex compares."""
    return [trust for trust, is_ours in _trusts(value, path=path, agent=agent) if is_ours]


def moves(before: Any, after: Any, *, path: Path, agent: str) -> list[Move]:
    """Pair other people's hooks of two versions of a hooks file, as far as they stand elsewhere."""
    found = []
    old, new = (foreign(value, path=path, agent=agent) for value in (before, after))
    for event, hooks in old.items():
        now = new.get(event, [])
        # Their order is all that tells equal hooks apart, so it has to be the same.
        if [hook.digest for hook in hooks] == [hook.digest for hook in now]:
            pairs = zip(hooks, now, strict=True)
            found += [Move(hook=a, key=b.key) for a, b in pairs if a.key != b.key]
    return found


def foreign(value: Any, *, path: Path, agent: str) -> dict[str, list[Trust]]:
    """List other people's hooks of each event, in their order, with what Codex compares."""
    found: dict[str, list[Trust]] = {}
    for trust, is_ours in _trusts(value, path=path, agent=agent):
        if not is_ours:
            found.setdefault(trust.event, []).append(trust)
    return found


def _trusts(value: Any, *, path: Path, agent: str) -> Iterator[tuple[Trust, bool]]:
    for event, at, matcher, hook in _hooks(value):
        trust = Trust(event=event, key=f"{path}:{_label(event)}:{at}", digest=_digest(event, matcher, hook))
        yield trust, hook_command.is_ours(hook.get("command"), agent=agent)


def _hooks(value: Any) -> Iterator[tuple[str, str, Any, dict[str, Any]]]:
    for event, groups in members(get(value, "hooks")):
        for at, group in enumerate(elements(groups)):
            for place, hook in enumerate(elements(get(group, "hooks"))):
                if isinstance(hook, dict):
                    yield event, f"{at}:{place}", get(group, "matcher"), hook


def _label(event: str) -> str:
    return _CAPITAL.sub(r"_\1", event).lower()


def _digest(event: str, matcher: Any, hook: dict[str, Any]) -> str:
    given, is_end = hook.get("timeout"), event in _ENDS
    timeout_s = max(given, 1) if isinstance(given, int) else (_END_S if is_end else _TIMEOUT_S)
    handler = {
        "type": "command",
        "command": hook.get("command"),
        "timeout": min(timeout_s, MAX_END_S) if is_end else timeout_s,
        "async": hook.get("async") is True,
    }
    if isinstance(hook.get("statusMessage"), str):
        handler["statusMessage"] = hook["statusMessage"]
    limit = hook.get("additionalContextLimit")
    if event in _GIVE_CONTEXT and isinstance(limit, int) and limit != _CONTEXT_LIMIT:
        handler["additionalContextLimit"] = limit
    identity: dict[str, Any] = {"event_name": _label(event), "hooks": [handler]}
    if isinstance(matcher, str) and event not in _UNMATCHED:
        identity["matcher"] = matcher
    # Serde's compact form with the keys in order: only quotes, backslashes and controls are escaped.
    canonical = json.dumps(identity, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return "sha256:" + hashlib.sha256(canonical.encode("utf-8", "replace")).hexdigest()
