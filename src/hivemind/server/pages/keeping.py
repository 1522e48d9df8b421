"""Keep figures for some seconds that cost much to count: of each space by itself."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Lock
from typing import Any, TypeVar

T = TypeVar("T")
#: Figures of that many spaces and kinds are kept.
MAX_KEPT = 500


@dataclass(slots=True)
class Kept:
    """Hold figures with the time until which they are good."""

    clock: Callable[[], float] = time.monotonic
    _held: dict[tuple[Any, ...], tuple[float, Any]] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def get(self, key: tuple[Any, ...], count: Callable[[], T], *, for_s: float) -> T:
        """Give a figure, counted where none is kept that is good still."""
        now = self.clock()
        with self._lock:
            until, value = self._held.get(key, (0.0, None))
            if until > now:
                found: T = value
                return found
        found = count()
        with self._lock:
            if len(self._held) >= MAX_KEPT:
                self._held.clear()
            self._held[key] = (self.clock() + for_s, found)
        return found

    def forget(self, space: str) -> None:
        """Drop what is kept of a space, whose name stands second in the keys."""
        with self._lock:
            for key in [key for key in self._held if key[1] == space]:
                del self._held[key]
