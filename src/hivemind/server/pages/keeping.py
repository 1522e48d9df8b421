"""Keep figures for some seconds that cost much to count: of each space by itself.

What is older, or of another state of the space, is counted anew: before the page is shown where that is
quick, else beside it, and what is kept is shown once more.
"""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from threading import Lock, Thread
from typing import Any, TypeVar

T = TypeVar("T")
Key = tuple[str, str]  #: what is counted, and the space
#: Figures of that many spaces and kinds are kept.
MAX_KEPT = 500
#: What is older is not shown any more, in seconds, where nothing else is said.
MAX_AGE_S = 600.0
#: A page waits for what was counted in no more than this, in seconds.
QUICK_S = 0.3
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Figure:
    """Hold a figure with when it was counted, how long that took, and of which state of the space it is."""

    begun: float
    took_s: float
    stamp: object
    value: Any


@dataclass(slots=True)
class Kept:
    """Hold figures with the time at which they were counted."""

    clock: Callable[[], float] = time.monotonic
    _held: dict[Key, Figure] = field(default_factory=dict)
    _being_counted: set[Key] = field(default_factory=set)
    _turns: dict[Key, Lock] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def get(
        self,
        key: Key,
        count: Callable[[], T],
        *,
        for_s: float,
        max_age_s: float = MAX_AGE_S,
        stamp: object = None,
    ) -> T:
        """Give a figure; `count` is called where none is kept, and where the one kept is older than `for_s`.

        `stamp` is anything that differs once the space has changed: what has another is not good any more.
        Of several who need one that is not there, one counts and the others wait for it.
        """
        asked = self.clock()
        with self._lock:
            held = self._held.get(key)
            is_shown = held is not None and asked - held.begun < max_age_s
            is_due = held is None or asked - held.begun >= for_s or held.stamp != stamp
            if held and is_shown and is_due and held.took_s <= QUICK_S:
                is_shown = False
            is_due = is_due and key not in self._being_counted
            if is_shown and is_due:
                self._being_counted.add(key)
            turn = self._turns.setdefault(key, Lock())
        if held and is_shown:
            if is_due:
                Thread(target=self._count_beside, args=(key, count, stamp), daemon=True).start()
            found: T = held.value
            return found
        with turn:
            with self._lock:
                other = self._held.get(key)
            if other and other is not held and other.stamp == stamp:
                by_another: T = other.value
                return by_another
            return self._counted(key, count, stamp)

    def _counted(self, key: Key, count: Callable[[], T], stamp: object = None) -> T:
        begun, found = self.clock(), count()
        made = Figure(begun, self.clock() - begun, stamp, found)
        with self._lock:
            if len(self._held) >= MAX_KEPT:
                self._held.clear()
                self._turns.clear()
            # What was changed by hand meanwhile is newer.
            if key not in self._held or self._held[key].begun <= begun:
                self._held[key] = made
        return found

    def _count_beside(self, key: Key, count: Callable[[], Any], stamp: object) -> None:
        try:
            self._counted(key, count, stamp)
        except Exception:  # noqa: BLE001 - the page has been shown; the next one tries again
            _log.warning("%s could not be counted", key[0], exc_info=True)
        finally:
            with self._lock:
                self._being_counted.discard(key)

    def change(self, key: Key, change: Callable[[Any], Any]) -> None:
        """Change a figure that is kept by hand."""
        with self._lock:
            if key in self._held:
                held = self._held[key]
                self._held[key] = replace(held, begun=self.clock(), value=change(held.value))

    def forget(self, key: Key) -> None:
        """Drop a figure."""
        with self._lock:
            self._held.pop(key, None)
