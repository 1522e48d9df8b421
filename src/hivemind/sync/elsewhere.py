"""Leave out what a shared session did in projects that are not shared: who lets one go up means that one."""

import json
import os
import re
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from hivemind.domain.events import Event, EventKind

#: What stands in place of it.
LEFT_OUT = "[left out: it was about a project that does not go to the team]"
#: A shorter folder is one that everything is below.
MIN_CHARS = 4
#: Of one call so much is looked at.
MAX_CHARS = 1 << 20
#: Folders above the session's that a relative path may begin in.
MAX_LEVELS = 12
_UP = re.compile(r"(?:\.\./)+[\w./@+-]*")


class Elsewhere:
    """Tell the calls of one session that were about private folders, and their results."""

    def __init__(
        self, *, private: Iterable[str], shared: Iterable[str], root: str, cwd: str, home: str
    ) -> None:
        own = _slashed(root or cwd)
        #: Folders that the session itself is in are no other project: a home folder may be a checkout.
        self._private = {f for f in map(_slashed, private) if len(f) > MIN_CHARS and not own.startswith(f)}
        known = sorted(self._private | set(map(_slashed, shared)) - {"/"}, key=len, reverse=True)
        spelled = {name: folder for folder in known for name in _spellings(folder, home)}
        # The longest first: a project within another one is itself.
        names = sorted(spelled, key=len, reverse=True)
        pattern = "|".join(map(re.escape, names))
        self._found = re.compile(rf"(?<![\w.-])(?:{pattern})(?![\w.-])") if self._private else None
        self._spelled, self._bases = spelled, _upward(cwd)
        self._calls: set[str] = set()
        self._known: set[str] = set()

    @property
    def looks(self) -> bool:
        """Say whether there is anything to look for."""
        return self._found is not None

    def unknown(self, call_ids: Iterable[str]) -> list[str]:
        """Give those calls that were not looked at yet: they were sent earlier."""
        return sorted(set(call_ids) - self._known) if self.looks else []

    def look(self, call_id: str, *texts: Any) -> None:
        """Note whether a call is about a private folder."""
        self._known.add(call_id)
        if self.looks and self._is_private(texts):
            self._calls.add(call_id)

    def without(self, event: Event) -> tuple[Event, bool]:
        """Give an event without what was done elsewhere, and say whether something was left out."""
        if not self.looks or event.kind not in (EventKind.TOOL_CALL, EventKind.TOOL_RESULT):
            return event, False
        if event.kind is EventKind.TOOL_CALL:
            self.look(event.tool_call_id, event.text, event.data)
        is_private = (
            event.tool_call_id in self._calls
            if event.tool_call_id
            else self._is_private((event.text, event.data))
        )
        return (replace(event, text=LEFT_OUT, data={}), True) if is_private else (event, False)

    def _is_private(self, texts: Iterable[Any]) -> bool:
        for one in texts:
            text = one if isinstance(one, str) else json.dumps(one, ensure_ascii=False, default=str)
            if self._names_private(text[:MAX_CHARS]):
                return True
        return False

    def _names_private(self, text: str) -> bool:
        if self._found is None:
            return False
        if any(self._spelled[m[0]] in self._private for m in self._found.finditer(text)):
            return True
        # Whoever went up before is further up than the session's folder.
        up = (
            _slashed(os.path.normpath(f"{base}/{m[0]}")) for m in _UP.finditer(text) for base in self._bases
        )
        return any(self._nearest(path) in self._private for path in up)

    def _nearest(self, path: str) -> str:
        folders = (f for f in self._spelled.values() if path.startswith(f))
        return max(folders, key=len, default="")


def _upward(cwd: str) -> list[str]:
    """Give a folder and those that it is in."""
    found = [cwd.rstrip("/")] if cwd.startswith("/") else []
    while found and len(found) < MAX_LEVELS and found[-1].count("/") > 1:
        found.append(found[-1].rpartition("/")[0])
    return found


def _slashed(folder: str) -> str:
    return folder.rstrip("/") + "/"


def _spellings(folder: str, home: str) -> list[str]:
    """Give how a folder is written, without its last slash."""
    found, below = [folder[:-1]], _slashed(home)
    if len(home) >= MIN_CHARS and folder.startswith(below):
        rest = folder[len(below) : -1]
        found += [f"{name}/{rest}" for name in ("~", "$HOME", "${HOME}")] if rest else []
    return found
