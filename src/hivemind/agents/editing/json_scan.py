"""Read JSON, with or without comments, into a tree that knows where each thing stands in the text.

The scanner is our own because no well-kept Python library does this job: tree-sitter recovers from errors
where a settings file must be refused, and the JSON5 packages print the document anew from a tree.
"""

import json
import re
from dataclasses import dataclass, field
from typing import Any, Final

MAX_DEPTH: Final = 200  #: containers inside containers

_BLANK = re.compile(r"(?:[ \t\r\n]++|//[^\r\n]*+|/\*.*?\*/)*+", re.DOTALL)
_STRING = re.compile(r'"(?:[^"\\\x00-\x1f]++|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*+"')
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*+)(?:\.[0-9]++)?(?:[eE][+-]?[0-9]++)?")
_LITERALS: Final = {"true": True, "false": False, "null": None}
_CLOSING: Final = {"{": "}", "[": "]"}
_LONGEST_INTEGER: Final = 300  # digits; Python refuses to convert more than a few thousand


class ScanError(ValueError):
    """Say at which offset a text stops being JSON, and why."""

    def __init__(self, offset: int, reason: str) -> None:
        super().__init__(reason)
        self.offset = offset
        self.reason = reason


@dataclass(slots=True)
class Node:
    """Place one value in the text; `outer` is where its key starts, or the value itself without one."""

    start: int
    end: int
    value: Any
    outer: int
    key: str | None = None
    comma: int | None = None  #: offset of the comma after it
    children: list["Node"] = field(default_factory=list)

    def child(self, key: str) -> "Node | None":
        """Find the member that readers of JSON see under a key: the last one, where it is given twice."""
        return next((node for node in reversed(self.children) if node.key == key), None)


def scan(text: str) -> Node | None:
    """Read a whole text; none when it holds nothing but white space and comments. Raises ScanError."""
    return _Scanner(text).run()


class _Scanner:
    """Walk the text once, with a stack of its own, so that depth is our limit and not Python's."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 1 if text.startswith("\ufeff") else 0
        self.open: list[Node] = []
        self.key: str | None = None
        self.outer: int | None = None

    def run(self) -> Node | None:
        self._skip()
        if self.at == len(self.text):
            return None
        while True:
            node: Node | None = self._value()
            if node is not None:
                node = self._complete(node)
            if node is not None:
                return self._finish(node)

    def _value(self) -> Node | None:
        """Read a leaf, or open a container: none then, unless it is closed at once."""
        if self._peek() not in _CLOSING:
            return self._leaf()
        if len(self.open) == MAX_DEPTH:
            raise ScanError(self.at, f"more than {MAX_DEPTH} brackets are open")
        is_object = self._peek() == "{"
        node = self._node(self.at + 1, {} if is_object else [])
        self.open.append(node)
        self._skip()
        if self._peek() == _CLOSING[self.text[node.start]]:
            return self._close()
        self._member()
        return None

    def _leaf(self) -> Node:
        if self._peek() == '"':
            start = self.at
            return self._node(self._string_end(), self._string(start))
        if match := _NUMBER.match(self.text, self.at):
            return self._node(match.end(), _number(match.group()))
        for word, value in _LITERALS.items():
            if self.text.startswith(word, self.at):
                return self._node(self.at + len(word), value)
        raise self._expected("a value")

    def _complete(self, node: Node) -> Node | None:
        """Put a finished value into its container and go on to the next; the root when nothing is open."""
        while self.open:
            parent = self.open[-1]
            parent.children.append(node)
            if node.key is None:
                parent.value.append(node.value)
            else:
                parent.value[node.key] = node.value
            self._skip()
            closing = _CLOSING[self.text[parent.start]]
            if self._peek() == ",":
                node.comma = self.at
                self.at += 1
                self._skip()
                if self._peek() != closing:
                    self._member()
                    return None
            elif self._peek() != closing:
                raise self._expected(f"a comma or '{closing}'")
            node = self._close()
        return node

    def _close(self) -> Node:
        node = self.open.pop()
        self.at += 1
        node.end = self.at
        return node

    def _member(self) -> None:
        """Read the key of an object's next member, up to its value."""
        if self.text[self.open[-1].start] == "[":
            return
        if self._peek() != '"':
            raise self._expected("a key in double quotes")
        self.outer = self.at
        end = self._string_end()
        self.key = self._string(self.at)
        self.at = end
        self._skip()
        if self._peek() != ":":
            raise self._expected("a colon")
        self.at += 1
        self._skip()

    def _node(self, end: int, value: Any) -> Node:
        outer = self.at if self.outer is None else self.outer
        node = Node(start=self.at, end=end, value=value, outer=outer, key=self.key)
        self.key, self.outer, self.at = None, None, end
        return node

    def _string_end(self) -> int:
        match = _STRING.match(self.text, self.at)
        if match is None:
            raise ScanError(self.at, "this string is not closed, or has a wrong escape or control character")
        return match.end()

    def _string(self, start: int) -> str:
        raw = self.text[start : self._string_end()]
        value: str = json.loads(raw) if "\\" in raw else raw[1:-1]
        if "\\u" in raw and any("\ud800" <= char <= "\udfff" for char in value):
            raise ScanError(start, "this string has half of a surrogate pair")
        return value

    def _finish(self, root: Node) -> Node:
        self._skip()
        if self.at != len(self.text):
            raise self._expected("the end of the file")
        return root

    def _skip(self) -> None:
        match = _BLANK.match(self.text, self.at)
        if match is not None:
            self.at = match.end()

    def _peek(self) -> str:
        return self.text[self.at : self.at + 1]

    def _expected(self, what: str) -> ScanError:
        found = repr(self._peek()) if self._peek() else "the end of the file"
        return ScanError(self.at, f"expected {what}, found {found}")


def _number(raw: str) -> int | float:
    if len(raw) > _LONGEST_INTEGER or any(char in raw for char in ".eE"):
        return float(raw)
    return int(raw)
