"""Read YAML into a tree that knows where each thing stands in the text, aliases left as they are.

The parser is ruamel's, used for its events: they have the place of every token, and making them neither
resolves an alias nor builds an object, whatever a file asks for.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from ruamel.yaml import YAML
from ruamel.yaml import events as ev
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.reader import ReaderError

from hivemind.agents.editing.json_scan import MAX_DEPTH, ScanError

MAX_VALUES: Final = 200_000  #: values of a file, each alias counted with all that it stands for

Kind = Literal["map", "seq", "scalar", "alias"]

_BLANK = re.compile(r"(?:[ \t\r\n\ufeff]++|#[^\r\n]*+)*+")
_PROPERTY = re.compile(r"[&!][^\s]*+")
_BLOCK_HEADER = re.compile(r"[|>][-+0-9]*+")
_PLAIN_TAGS: Final = frozenset(
    f"tag:yaml.org,2002:{name}"
    for name in (
        *("null", "bool", "int", "float", "str", "map", "seq"),
        *("set", "omap", "pairs", "binary", "timestamp"),
    )
)
_TEXT_TAGS: Final = frozenset(("!", "tag:yaml.org,2002:str"))
_NULLS: Final = frozenset(("", "~", "null", "Null", "NULL"))
_BOOLS: Final = {
    spelling: value
    for value, words in ((True, ("yes", "true", "on")), (False, ("no", "false", "off")))
    for word in words
    for spelling in (word, word.capitalize(), word.upper())
}
_INTEGER = re.compile(r"[-+]?(?:0|[1-9][0-9_]{0,300})")
_FLOAT = re.compile(
    r"[-+]?(?:[0-9][0-9_]*)?\.[0-9]+(?:[eE][-+][0-9]+)?|[-+]?[0-9][0-9_]*\.(?:[eE][-+][0-9]+)?"
)
_SPECIAL = re.compile(r"([-+]?)\.(inf|Inf|INF|nan|NaN|NAN)")


@dataclass(slots=True)
class Node:
    """Place one value in the text, and its key or dash."""

    kind: Kind
    start: int  #: where the value begins, its anchor and tag included
    end: int
    value: Any
    inside: int = 0  #: where the first member may begin
    outer: int = 0  #: where the key, the question mark or the dash begins; the value itself elsewhere
    mark: int | None = None  #: just after the colon or the dash
    key: Any = None
    comma: int | None = None  #: offset of the comma after it, in flow style
    is_flow: bool = False
    has_brackets: bool = False
    has_properties: bool = False
    size: int = 1  #: values in it, aliases followed
    children: list["Node"] = field(default_factory=list)

    def child(self, step: str | int) -> "Node | None":
        """Find the member under a key, or the element at an index."""
        if self.kind == "seq" and isinstance(step, int):
            return self.children[step] if step < len(self.children) else None
        if self.kind == "map" and isinstance(step, str):
            return next((node for node in self.children if node.key == step), None)
        return None


def scan(text: str) -> Node | None:
    """Read a whole text; none when it holds nothing but white space and comments. Raises ScanError."""
    return _Scanner(text).run()


@dataclass(slots=True)
class _Open:
    """Hold a container that is being read."""

    node: Node
    anchor: str | None
    boundary: int  #: end of what was read in it
    key: Node | None = None  #: read, and waiting for its value
    merged: list[dict[Any, Any]] = field(default_factory=list)


class _Scanner:
    def __init__(self, text: str) -> None:
        self.text = text
        self.open: list[_Open] = []
        self.anchors: dict[str, Node | None] = {}  # none for a container that is not complete
        self.root: Node | None = None
        self.count = 0

    def run(self) -> Node | None:
        documents = 0
        for event in _events(self.text):
            if isinstance(event, ev.DocumentStartEvent):
                documents += 1
                if documents > 1:
                    raise ScanError(event.start_mark.index, "a second document begins")
            elif isinstance(event, ev.AliasEvent):
                self._add(self._alias(event))
            elif isinstance(event, ev.ScalarEvent):
                node = self._scalar(event)
                self._add(node)
                if event.anchor is not None:
                    self.anchors[event.anchor] = node
            elif isinstance(event, ev.CollectionStartEvent):
                self._begin(event)
            elif isinstance(event, ev.CollectionEndEvent):
                self._finish(event)
        return self.root

    def _begin(self, event: Any) -> None:
        start = event.start_mark.index
        if len(self.open) == MAX_DEPTH:
            raise ScanError(start, f"more than {MAX_DEPTH} containers are in each other")
        self._check_tag(event)
        is_map = isinstance(event, ev.MappingStartEvent)
        inside = self._after_properties(event)
        is_flow = bool(event.flow_style)
        has_brackets = is_flow and self.text[inside : inside + 1] == ("{" if is_map else "[")
        node = Node(
            kind="map" if is_map else "seq",
            start=start,
            end=start,
            value={} if is_map else [],
            inside=inside + 1 if has_brackets else inside,
            is_flow=is_flow,
            has_brackets=has_brackets,
            has_properties=event.anchor is not None or event.tag is not None,
        )
        if event.anchor is not None:
            self.anchors[event.anchor] = None
        self.open.append(_Open(node, event.anchor, node.inside))

    def _finish(self, event: Any) -> None:
        done = self.open.pop()
        node = done.node
        if node.has_brackets:
            node.end = event.end_mark.index
        else:
            node.end = node.children[-1].end if node.children else node.inside
        if node.kind == "map" and done.merged:
            merged: dict[Any, Any] = {}
            for source in reversed(done.merged):
                merged.update(source)
            node.value = {**merged, **node.value}
        if done.anchor is not None:
            self.anchors[done.anchor] = node
        self._add(node)

    def _alias(self, event: Any) -> Node:
        start = event.start_mark.index
        if event.anchor not in self.anchors:
            raise ScanError(start, "this alias has no anchor before it")
        target = self.anchors[event.anchor]
        if target is None:
            raise ScanError(start, "this alias is inside of what it stands for")
        self._count(start, target.size)
        return Node(kind="alias", start=start, end=event.end_mark.index, value=target.value, size=target.size)

    def _scalar(self, event: Any) -> Node:
        self._check_tag(event)
        start, end = event.start_mark.index, event.end_mark.index
        has_properties = event.anchor is not None or event.tag is not None
        if start == end:
            # The place of a value that is left out may be behind the line end.
            start = end = len(self.text[:start].rstrip(" \t\r\n"))
        elif event.style in ("|", ">"):
            end = self._block_end(event)
        self._count(start, 1)
        return Node(kind="scalar", start=start, end=end, value=_decode(event), has_properties=has_properties)

    def _block_end(self, event: Any) -> int:
        """Give the end of a block scalar's last line; blank lines count where they are kept."""
        start = self._after_properties(event)
        header = _BLOCK_HEADER.search(self.text, start)
        raw = self.text[start : event.end_mark.index]
        if header is not None and "+" in header.group():
            return start + len(raw.removesuffix("\n").removesuffix("\r"))
        return start + len(raw.rstrip(" \t\r\n"))

    def _after_properties(self, event: Any) -> int:
        at: int = event.start_mark.index
        for given in (event.anchor, event.tag):
            match = None if given is None else _PROPERTY.match(self.text, self._skip(at))
            at = match.end() if match else at
        if at == event.start_mark.index:
            return at
        is_block = isinstance(event, ev.CollectionStartEvent) and not event.flow_style
        return at if is_block else self._skip(at)

    def _add(self, node: Node) -> None:
        """Put a complete value into the container that is open: as a key, as a value, or as an element."""
        if not self.open:
            self.root = node
            return
        parent = self.open[-1]
        if parent.node.kind == "map" and parent.key is None:
            self._take_key(parent, node)
            return
        if parent.node.kind == "map" and parent.key is not None:
            self._place_value(parent, parent.key, node)
        else:
            self._place_element(parent, node)
        parent.node.children.append(node)
        parent.node.size += node.size
        if parent.node.size > MAX_VALUES:
            raise self._too_large(node.start)
        parent.boundary = max(parent.boundary, node.end)
        if parent.node.has_brackets:
            at = self._skip(parent.boundary)
            if self.text[at : at + 1] == ",":
                node.comma, parent.boundary = at, at + 1

    def _take_key(self, parent: _Open, key: Node) -> None:
        if isinstance(key.value, dict | list):
            raise ScanError(key.start, "a key is not a plain value")
        key.outer = self._skip(parent.boundary) if key.end > key.start else key.start
        parent.key, parent.boundary = key, key.end

    def _place_value(self, parent: _Open, key: Node, node: Node) -> None:
        node.outer, node.key = key.outer, key.value
        at = self._skip(parent.boundary)
        node.mark = at + 1 if self.text[at : at + 1] == ":" else None
        _settle(node)
        parent.key = None
        is_merge = key.value == "<<" and self.text[key.start : key.end] == "<<"
        if is_merge:
            sources = node.value if isinstance(node.value, list) else [node.value]
            if parent.merged or not sources or not all(isinstance(source, dict) for source in sources):
                raise ScanError(node.start, "this is not something to merge")
            parent.merged = sources
            node.key = None
        elif node.key in parent.node.value:
            raise ScanError(key.start, "this key is given twice")
        else:
            parent.node.value[node.key] = node.value

    def _place_element(self, parent: _Open, node: Node) -> None:
        parent.node.value.append(node.value)
        if parent.node.is_flow:
            node.outer = node.start
        else:
            node.outer = self._skip(parent.boundary)
            node.mark = node.outer + 1
            _settle(node)

    def _check_tag(self, event: Any) -> None:
        if event.tag is not None and str(event.tag) not in _PLAIN_TAGS | _TEXT_TAGS:
            raise ScanError(event.start_mark.index, f"the tag {str(event.tag)[:80]} is not one of plain data")

    def _count(self, at: int, size: int) -> None:
        self.count += size
        if self.count > MAX_VALUES:
            raise self._too_large(at)

    def _too_large(self, at: int) -> ScanError:
        return ScanError(at, f"there are more than {MAX_VALUES:,} values, with aliases followed")

    def _skip(self, at: int) -> int:
        match = _BLANK.match(self.text, at)
        return match.end() if match else at


def _settle(node: Node) -> None:
    """Place a value that is left out just after its colon or dash; comments may be before its event."""
    if node.start == node.end and node.mark is not None:
        node.start = node.end = node.mark


def _events(text: str) -> Iterator[Any]:
    try:
        yield from YAML(typ="safe", pure=True).parse(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        reason = str(error.problem or error.context or "it cannot be read")
        raise ScanError(mark.index if mark else 0, reason) from error
    except ReaderError as error:
        raise ScanError(int(error.position), str(error.reason)) from error
    except (YAMLError, ValueError, LookupError, TypeError, AttributeError, AssertionError) as error:
        # What ruamel raises on text that it did not foresee.
        raise ScanError(0, str(error) or type(error).__name__) from error
    except (NotImplementedError, ArithmeticError, RecursionError) as error:
        raise ScanError(0, str(error) or type(error).__name__) from error


def _decode(event: Any) -> Any:
    """Decode a scalar as PyYAML does; numbers of other bases, dates and binary data stay text."""
    text: str = event.value
    tag = None if event.tag is None else str(event.tag)
    if tag in _TEXT_TAGS or (tag is None and not event.implicit[0]):
        return text
    if text in _NULLS:
        return None
    if text in _BOOLS:
        return _BOOLS[text]
    if _INTEGER.fullmatch(text):
        return int(text.replace("_", ""))
    if _FLOAT.fullmatch(text):
        return float(text.replace("_", ""))
    if match := _SPECIAL.fullmatch(text):
        return float(match[1] + match[2])
    return text
