"""Cut a stream of JSON events into rows, however deep or long the document is."""

from collections.abc import Collection, Iterable, Iterator
from typing import Any, Final

#: The rows are the items of the document's list; "" says that each document is a row, else `key.item`.
ITEM: Final = "item"
MAX_DEPTH: Final = 100
_TOO_DEEP = "the row is nested too deeply"
_START = {"start_map": "map", "start_array": "array"}
_END = frozenset({"end_map", "end_array"})

Events = Iterable[tuple[str, Any]]


def rows(events: Events, place: str) -> Iterator[tuple[Any, str]]:
    """Yield the values at a place, and what is wrong with each; the rest is passed over."""
    outer: list[str] = []
    key = ""
    wanted = ["array"] if place == ITEM else ["map", "array"] if place else []
    wanted_key = place.removesuffix(f".{ITEM}") if len(wanted) == 2 else ""
    building: _Building | None = None
    for event, value in events:
        if building is not None:
            if building.take(event, value):
                yield building.value, building.problem
                building = None
        elif event == "map_key":
            key = value if len(outer) == 1 else key
        elif event in _END:
            outer.pop()
        elif outer == wanted and key == wanted_key:
            if event in _START:
                building = _Building(event)
            else:
                yield value, ""
        elif event in _START:
            outer.append(_START[event])
            key = "" if len(outer) == 1 else key


class _Building:
    """Put a value together from its events; what is nested too deeply is left out."""

    def __init__(self, event: str) -> None:
        self.value: Any = {} if event == "start_map" else []
        self.problem = ""
        self._stack: list[Any] = [self.value]
        self._keys: list[str] = [""]
        self._skipped = 0

    def take(self, event: str, value: Any) -> bool:
        """Take the next event; say whether the value is complete."""
        if self._skipped:
            self._skipped += (event in _START) - (event in _END)
            return False
        if event == "map_key":
            self._keys[-1] = value
            return False
        if event in _END:
            self._stack.pop()
            self._keys.pop()
            return not self._stack
        if event in _START:
            if len(self._stack) >= MAX_DEPTH:
                self._skipped, self.problem = 1, _TOO_DEEP
                return False
            inner: Any = {} if event == "start_map" else []
            self._put(inner)
            self._stack.append(inner)
            self._keys.append("")
            return False
        self._put(value)
        return False

    def _put(self, value: Any) -> None:
        holder = self._stack[-1]
        if isinstance(holder, dict):
            holder[self._keys[-1]] = value
        else:
            holder.append(value)


def key_of_rows(events: Events, *, but: Collection[str]) -> str:
    """Give `key.item` for the first key of an object that has a list of objects; "" where none has one."""
    outer: list[str] = []
    key = ""
    for event, value in events:
        if event == "map_key":
            key = value if len(outer) == 1 else key
        elif event in _START:
            if outer == ["map", "array"] and event == "start_map" and key not in but:
                return f"{key}.{ITEM}"
            outer.append(_START[event])
        elif event in _END:
            outer.pop()
            if not outer:
                return ""
    return ""
