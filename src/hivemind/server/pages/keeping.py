"""Keep figures for some seconds that cost much to count: of each space by itself.

What is older is shown once more while it is counted anew: no page waits for it.
"""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Lock, Thread
from typing import Any, TypeVar

T = TypeVar("T")
Key = tuple[str, str]  #: what is counted, and the space
#: Figures of that many spaces and kinds are kept.
MAX_KEPT = 500
#: What is older is not shown any more, in seconds, where nothing else is said.
MAX_AGE_S = 600.0
_log = logging.getLogger(__name__)


@dataclass(slots=True)
class Kept:
    """Hold figures with the time at which they were counted."""

    clock: Callable[[], float] = time.monotonic
    _held: dict[Key, tuple[float, Any]] = field(default_factory=dict)
    _being_counted: set[Key] = field(default_factory=set)
    _turns: dict[Key, Lock] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def get(self, key: Key, count: Callable[[], T], *, for_s: float, max_age_s: float = MAX_AGE_S) -> T:
        """Give a figure; `count` is called where none is kept, and beside the page where it is older.

        Of several who need one that is not there, one counts and the others wait for it.
        """
        with self._lock:
            held = self._held.get(key)
            age_s = self.clock() - held[0] if held else max_age_s
            is_due = age_s >= for_s and key not in self._being_counted
            if held and age_s < max_age_s and is_due:
                self._being_counted.add(key)
            turn = self._turns.setdefault(key, Lock())
        if held and age_s < max_age_s:
            if is_due:
                Thread(target=self._count_beside, args=(key, count), daemon=True).start()
            found: T = held[1]
            return found
        with turn:
            with self._lock:
                held = self._held.get(key)
            if held and self.clock() - held[0] < max_age_s:
                by_another: T = held[1]
                return by_another
            return self._counted(key, count)

    def _counted(self, key: Key, count: Callable[[], T]) -> T:
        begun, found = self.clock(), count()
        with self._lock:
            if len(self._held) >= MAX_KEPT:
                self._held.clear()
                self._turns.clear()
            # What was changed by hand meanwhile is newer.
            if key not in self._held or self._held[key][0] <= begun:
                self._held[key] = (begun, found)
        return found

    def _count_beside(self, key: Key, count: Callable[[], Any]) -> None:
        try:
            self._counted(key, count)
        except Exception:  # noqa: BLE001 - the page has been shown; the next one tries again
            _log.warning("%s could not be counted", key[0], exc_info=True)
        finally:
            with self._lock:
                self._being_counted.discard(key)

    def change(self, key: Key, change: Callable[[Any], Any]) -> None:
        """Change a figure that is kept by hand."""
        with self._lock:
            if key in self._held:
                self._held[key] = (self.clock(), change(self._held[key][1]))

    def forget(self, key: Key) -> None:
        """Drop a figure."""
        with self._lock:
            self._held.pop(key, None)
