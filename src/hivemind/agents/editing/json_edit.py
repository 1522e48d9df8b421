"""Edit JSON, with or without comments, and leave every byte that is not ours as it was.

An edit replaces one span of the text, so a list of edits can be undone exactly (`receipts`). New text follows
the indentation, the newlines and the spacing that the file has already.
"""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from hivemind.agents.editing.edits import (
    Edit,
    KeyPath,
    NodePath,
    decoded,
    encoded,
    misshapen,
    named,
    newline_of,
    place_after,
    unparseable,
)
from hivemind.agents.editing.json_scan import Node, ScanError, scan

_BLANKS: Final = " \t\r\n"
_LINE_END = re.compile(r"\r\n|\r|\n")
_COMMENTS_ON_LINE = re.compile(r"(?:[ \t]*+(?:/\*[^\r\n]*?\*/|//[^\r\n]*+))*+")
_NAMES: Final[dict[type, str]] = {dict: "an object", list: "an array"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """Hold a parsed file, the edits made since, and the containers that they created."""

    path: Path  #: for messages only
    text: str
    root: Node | None  #: none for a file without any value, which counts as an empty object
    edits: tuple[Edit, ...] = ()
    created: tuple[KeyPath, ...] = ()

    @property
    def value(self) -> Any:
        """Give the decoded document; do not change it."""
        return {} if self.root is None else self.root.value

    @property
    def is_strict(self) -> bool:
        """Say whether a reader of plain JSON takes the file: it has no comment and no trailing comma."""
        try:
            json.loads(self.text.removeprefix("\ufeff") if self.root else "{}")
        except ValueError:
            return False
        return True

    def encode(self) -> bytes:
        """Give the bytes to write."""
        return encoded(self.text, path=self.path)

    def at(self, path: NodePath) -> Node | None:
        """Find the value at a path."""
        node = self.root
        for step in path:
            if node is None:
                return None
            if isinstance(step, str):
                node = node.child(step)
            else:
                node = node.children[step] if step < len(node.children) else None
        return node

    def set(self, keys: KeyPath, value: Any) -> "Document":
        """Set a key that is not there yet, and make the objects above it."""
        return self._rooted()._insert(keys, value, made=())

    def append(self, keys: KeyPath, value: Any) -> "Document":
        """Append to the array at a path; make it and the objects above it where they are missing."""
        rooted = self._rooted()
        array = rooted.at(keys)
        if array is None:
            return rooted._insert(keys, [value], made=(keys,))
        rooted._require(array, list, keys)
        return rooted._add(array, None, value)

    def put(self, node: Node, value: Any) -> "Document":
        """Write another value in the place of one."""
        old = self.text[node.start : node.end]
        style = replace(_style(self.text, self.root or node), lines=_LINE_END.search(old) is not None)
        new = style.render(value, key=None, indent=_line_indent(self.text, node.start))
        return self._apply([Edit(node.start, old, new)])

    def remove(self, node: Node) -> "Document":
        """Remove one member or element; comments around it stay."""
        if self.root is None:
            return self
        parent = _parent(self.root, node)
        return self._apply(_removal(self.text, parent, parent.children.index(node)))

    def remove_where(self, path: NodePath, matches: Callable[[Any], bool]) -> "Document":
        """Remove the elements or members, of the container at a path, whose values match."""
        document = self
        while (container := document.at(path)) is not None:
            found = next((node for node in container.children if matches(node.value)), None)
            if found is None:
                break
            document = document.remove(found)
        return document

    def has(self, keys: KeyPath) -> bool:
        """Say whether something stands at a path."""
        return self.at(keys) is not None

    def drop(self, keys: KeyPath) -> "Document":
        """Remove the member at a path."""
        node = self.at(keys)
        return self if node is None else self.remove(node)

    def is_bare(self, keys: KeyPath) -> bool:
        """Say whether a container stands at a path that holds no value and no comment."""
        node = self.at(keys)
        if node is None or not isinstance(node.value, dict | list):
            return False
        return self.text[node.start + 1 : node.end - 1].strip(_BLANKS) == ""

    def _rooted(self) -> "Document":
        if self.root is not None:
            self._require(self.root, dict, ())
            return self
        newline = newline_of(self.text)
        needs_break = self.text.lstrip("\ufeff") != "" and not self.text.endswith(("\n", "\r"))
        new = f"{newline if needs_break else ''}{{}}{newline}"
        rooted = self._apply([Edit(len(self.text), "", new)])
        return replace(rooted, created=(*self.created, ()))

    def _insert(self, keys: KeyPath, value: Any, *, made: tuple[KeyPath, ...]) -> "Document":
        """Add the deepest part of a path that is missing, wrapped around the value, as one edit."""
        for depth in range(len(keys) - 1, -1, -1):
            parent = self.at(keys[:depth])
            if parent is not None:
                self._require(parent, dict, keys[:depth])
                added = replace(self, created=(*self.created, *made))
                return added._add(parent, keys[depth], value)
            value = {keys[depth]: value}
            made = (keys[:depth], *made)
        raise ValueError("a path has at least one key")

    def _add(self, container: Node, key: str | None, value: Any) -> "Document":
        return self._apply(_addition(self.text, self.root or container, container, key=key, value=value))

    def _require(self, node: Node, kind: type, keys: KeyPath) -> None:
        if not isinstance(node.value, kind):
            where = named(keys)
            hint = f"Make {where} {_NAMES[kind]}, or remove it, and run the command again."
            raise misshapen(self.path, keys, f"is not {_NAMES[kind]}", hint=hint)

    def _apply(self, edits: list[Edit]) -> "Document":
        """Make edits that were planned on one text; the last one in the text goes first."""
        text = self.text
        ordered = sorted(edits, key=lambda edit: edit.offset, reverse=True)
        for edit in ordered:
            text = edit.apply(text)
        return replace(self, text=text, root=scan(text), edits=(*self.edits, *ordered))


def parse(data: bytes, *, path: Path) -> Document:
    """Read a settings file; one that cannot be edited safely is refused with its line and column."""
    text = decoded(data, path=path)
    try:
        return Document(path=path, text=text, root=scan(text))
    except ScanError as error:
        problem = f"is not valid JSON at {place_after(text[: error.offset])}: {error.reason}"
        raise unparseable(path, problem) from error


def _parent(root: Node, wanted: Node) -> Node:
    """Descend to the container that holds a node."""
    node = root
    while all(child is not wanted for child in node.children):
        node = next(child for child in node.children if child.start <= wanted.outer < child.end)
    return node


# Where and how to insert


@dataclass(frozen=True, slots=True, kw_only=True)
class _Style:
    newline: str
    unit: str  #: one level of indentation
    lines: bool  #: members stand on lines of their own
    colon: str
    comma: str  #: between members on one line

    def render(self, value: Any, *, key: str | None, indent: str) -> str:
        name = "" if key is None else json.dumps(key, ensure_ascii=False) + self.colon
        if not self.lines:
            return name + json.dumps(value, ensure_ascii=False, separators=(self.comma, self.colon))
        body = json.dumps(value, ensure_ascii=False, indent=self.unit, separators=(",", self.colon))
        return name + body.replace("\n", self.newline + indent)


def _style(text: str, root: Node) -> _Style:
    first = root.children[0] if root.children else None
    colon = ": "
    if first is not None and first.key is not None and text[first.start - 1] == ":":
        colon = ":"
    lines = first is None or _LINE_END.search(text, root.start, root.end) is not None
    return _Style(
        newline=newline_of(text), unit=_unit(text, root), lines=lines, colon=colon, comma="," + colon[1:]
    )


def _unit(text: str, root: Node) -> str:
    """Find what one level of indentation is: the first container whose members are on lines of their own."""
    for node in _containers(root):
        indent, base = _own_indent(text, node.children[0]), _line_indent(text, node.start)
        if indent is not None and indent.startswith(base) and indent != base:
            return indent[len(base) :]
    return "  "


def _containers(root: Node) -> Iterator[Node]:
    """Yield the containers that are not empty, the outer ones first."""
    level = [root]
    while level:
        full = [node for node in level if node.children]
        yield from full
        level = [child for node in full for child in node.children]


def _own_indent(text: str, node: Node) -> str | None:
    """Give the white space before a member that is the first thing on its line."""
    indent = _line_indent(text, node.outer)
    before = node.outer - len(indent)
    is_first = before > 0 and text[before - 1] in "\r\n"
    return indent if is_first else None


def _line_indent(text: str, offset: int) -> str:
    start = max(text.rfind("\n", 0, offset), text.rfind("\r", 0, offset)) + 1
    line = text[start:offset].removeprefix("\ufeff")
    return line[: len(line) - len(line.lstrip(" \t"))]


def _addition(text: str, root: Node, container: Node, *, key: str | None, value: Any) -> list[Edit]:
    style = _style(text, root)
    if not container.children:
        return [_first_member(text, container, style, key=key, value=value)]
    last = container.children[-1]
    indent = _own_indent(text, last)
    style = replace(style, lines=indent is not None)
    rendered = style.render(value, key=key, indent=indent or "")
    after = last.end if last.comma is None else last.comma + 1
    gap = style.comma[1:] if indent is None else style.newline + indent
    # A comment at the end of the last member's line is about that member, and stays behind it.
    comments = _COMMENTS_ON_LINE.match(text, after) if indent is not None else None
    place = comments.end() if comments else after
    if last.comma is not None:
        return [Edit(place, "", f"{gap}{rendered},")]
    if place == after:
        return [Edit(place, "", f",{gap}{rendered}")]
    return [Edit(after, "", ","), Edit(place, "", gap + rendered)]


def _first_member(text: str, container: Node, style: _Style, *, key: str | None, value: Any) -> Edit:
    interior = text[container.start + 1 : container.end - 1]
    tail = interior[len(interior.rstrip(_BLANKS)) :]
    at = container.end - 1 - len(tail)
    if not style.lines:
        return Edit(at, tail, style.render(value, key=key, indent=""))
    base = _line_indent(text, container.start)
    indent = base + style.unit
    end = tail if _LINE_END.search(tail) else style.newline + base
    return Edit(at, tail, style.newline + indent + style.render(value, key=key, indent=indent) + end)


# What to remove


def _removal(text: str, container: Node, index: int) -> list[Edit]:
    before, child, after = _neighbours(container, index)
    left = container.start + 1 if before is None or before.comma is None else before.comma + 1
    comma = child.comma
    if comma is None and before is not None:
        comma = before.comma
    commas = [] if comma is None else [(comma, comma + 1)]
    if before is None and after is None:
        rest = text[left : container.end - 1]
        if _without(rest, left, [(child.outer, child.end), *commas]).strip(_BLANKS) == "":
            return [Edit(left, rest, "")]
    elif before is None and after is not None:
        between = _without(text[child.end : after.outer], child.end, commas)
        if between.strip(_BLANKS) == "":
            return [Edit(child.outer, text[child.outer : after.outer], "")]
    spans = _merged([(_cut_from(text, left, child), child.end), *commas])
    return [Edit(start, text[start:end], "") for start, end in spans]


def _neighbours(container: Node, index: int) -> tuple[Node | None, Node, Node | None]:
    children = container.children
    return (
        children[index - 1] if index > 0 else None,
        children[index],
        children[index + 1] if index + 1 < len(children) else None,
    )


def _cut_from(text: str, left: int, child: Node) -> int:
    """Find where to cut before a member: with the white space, unless that would end a line comment."""
    gap = text[left : child.outer]
    after = child.end + 1 if child.comma == child.end else child.end
    if gap.strip(_BLANKS) and text[after] not in "\r\n":
        return child.outer
    return left + len(gap.rstrip(_BLANKS))


def _without(text: str, offset: int, spans: list[tuple[int, int]]) -> str:
    """Cut spans, given in offsets of the whole document, out of a part of it."""
    return "".join(
        char for at, char in enumerate(text, offset) if not any(start <= at < end for start, end in spans)
    )


def _merged(spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Join spans that touch."""
    merged: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if merged and merged[-1][1] >= start:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged
