"""Edit YAML and leave every byte that is not ours as it was.

An edit replaces one span of the text, so a list of edits can be undone exactly (`receipts`). After each one
the new text is read again and compared with what it should say, so a file that YAML's many spellings make
ambiguous is refused and never damaged.
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
    newline_of,
    place_after,
    quoted,
    same,
    unparseable,
    with_value,
    without,
)
from hivemind.agents.editing.json_scan import ScanError
from hivemind.agents.editing.yaml_scan import Node, scan
from hivemind.errors import HivemindError

MAX_BYTES: Final = 4 * 1024 * 1024  #: a larger file is refused, as it would take minutes to read

_BLANKS: Final = " \t\r\n"
_REST_OF_LINE = re.compile(r"[ \t]*+(?:#[^\r\n]*+)?+")
_BLANKS_ON_LINE = re.compile(r"[ \t]*+")
_BLANK_LINES = re.compile(r"[ \t]*+(?:(?:\r\n|\r|\n)[ \t]*+(?=[\r\n]|\Z))*+")
_NEWLINE = re.compile(r"\r\n|\r|\n")
_PLAIN_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*+")
_NOT_PLAIN: Final = frozenset(("y", "n", "yes", "no", "on", "off", "true", "false", "null"))
_NAMES: Final = {"map": "a mapping", "seq": "a list"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """Hold a parsed file, the edits made since, and the containers that they created."""

    path: Path  #: for messages only
    text: str
    root: Node | None  #: none for a file without any value, which counts as an empty mapping
    edits: tuple[Edit, ...] = ()
    created: tuple[KeyPath, ...] = ()

    @property
    def value(self) -> Any:
        """Give the decoded document; do not change it."""
        return {} if self._is_empty else self.root.value if self.root else {}

    @property
    def _is_empty(self) -> bool:
        return self.root is None or _is_left_out(self.root)

    def encode(self) -> bytes:
        """Give the bytes to write."""
        return encoded(self.text, path=self.path)

    def at(self, path: NodePath) -> Node | None:
        """Find the value at a path, as far as it is written there and not behind an alias."""
        node = self.root
        for step in path:
            node = None if node is None else node.child(step)
        return node

    def has(self, keys: KeyPath) -> bool:
        """Say whether something stands at a path."""
        return self.at(keys) is not None

    def set(self, keys: KeyPath, value: Any) -> "Document":
        """Set a key that is not there yet, and make the mappings above it."""
        if self.has(keys):
            raise misshapen(self.path, keys, "is there already")
        return self._insert(keys, value, made=())

    def append(self, keys: KeyPath, value: Any) -> "Document":
        """Append to the list at a path; make it and the mappings above it where they are missing."""
        node = self.at(keys)
        if node is None:
            return self._insert(keys, [value], made=(keys,))
        if node.kind == "scalar" and node.value is None:
            return self._replace_null(keys, node, [value], made=())
        self._require(node, "seq", keys)
        expected = with_value(self.value, keys, [*node.value, value])
        return self._apply(self._addition(node, keys, None, value), keys, expected)

    def remove_where(self, path: NodePath, matches: Callable[[Any], bool]) -> "Document":
        """Remove the elements or members, of the container at a path, whose values match."""
        document = self
        while (container := document.at(path)) is not None:
            steps = ((_step(container, index), node) for index, node in enumerate(container.children))
            found = next((step for step, node in steps if step is not None and matches(node.value)), None)
            if found is None:
                break
            document = document.drop((*path, found))
        return document

    def drop(self, keys: NodePath) -> "Document":
        """Remove what stands at a path, an element of a list too; comments around it stay."""
        node, parent = self.at(keys), self.at(keys[:-1])
        if node is None or parent is None or not keys:
            return self
        if parent.is_flow and not parent.has_brackets:
            raise misshapen(self.path, keys, "is written as a pair without braces")
        expected = without(self.value, keys)
        removal = _Removal(text=self.text, parent=parent, node=node, is_root=len(keys) == 1)
        try:
            return self._apply(removal.edits(), keys, expected)
        except HivemindError:
            # Blank lines that were after the entry may now belong to a block scalar before it.
            return self._apply(replace(removal, with_blank_lines=True).edits(), keys, expected)

    def is_bare(self, keys: KeyPath) -> bool:
        """Say whether a container stands at a path that holds no value and no comment."""
        node = self.at(keys)
        if node is None or node.kind not in _NAMES or node.children:
            return False
        return self.text[node.inside : node.end - 1].strip(_BLANKS) == ""

    def _insert(self, keys: KeyPath, value: Any, *, made: tuple[KeyPath, ...]) -> "Document":
        """Add the deepest part of a path that is missing, wrapped around the value."""
        for depth in range(len(keys) - 1, -1, -1):
            parent = self.at(keys[:depth])
            if depth == 0 and self._is_empty:
                return self._first({keys[0]: value}, keys, made)
            if parent is not None and parent.kind == "scalar" and parent.value is None:
                return self._replace_null(keys[:depth], parent, {keys[depth]: value}, made=made)
            if parent is not None:
                self._require(parent, "map", keys[:depth])
                if keys[depth] in parent.value:
                    raise misshapen(self.path, keys[: depth + 1], "comes from a merge")
                added = replace(self, created=(*self.created, *made))
                expected = with_value(self.value, keys[: depth + 1], value)
                return added._apply(added._addition(parent, keys, keys[depth], value), keys, expected)
            value = {keys[depth]: value}
            made = (keys[:depth], *made)
        raise ValueError("a path has at least one key")

    def _first(self, value: Any, keys: KeyPath, made: tuple[KeyPath, ...]) -> "Document":
        """Add the first members of a file that has none."""
        newline = newline_of(self.text)
        needs_break = self.text.lstrip("\ufeff") != "" and not self.text.endswith(("\n", "\r"))
        lines = _Style().lines(value, 0)
        new = (newline if needs_break else "") + newline.join(lines) + newline
        added = replace(self, created=(*self.created, *made))
        return added._apply([Edit(len(self.text), "", new)], keys, value)

    def _replace_null(
        self, keys: KeyPath, node: Node, value: Any, *, made: tuple[KeyPath, ...]
    ) -> "Document":
        """Give a key that has nothing, or null, its first members.

        It is not among the containers that we created: its key is the user's, and stays.
        """
        parent = self.at(keys[:-1])
        if parent is None or node.has_properties or node.mark is None:
            raise misshapen(self.path, keys, f"is not {_NAMES['map']}")
        old = self.text[node.start : node.end]
        added = replace(self, created=(*self.created, *made))
        expected = with_value(self.value, keys, value)
        if parent.is_flow:
            blanks = _BLANKS_ON_LINE.match(self.text, node.start)
            old = old or (blanks.group() if blanks else "")
            space = "" if node.start > node.mark else " "
            return added._apply([Edit(node.start, old, space + _flow(value))], keys, expected)
        column = _column(self.text, node.outer)
        style = _style(self.text, self.root)
        deeper = column + (style.sequence if isinstance(value, list) else style.unit)
        kept = self.text[node.mark : node.start].rstrip(_BLANKS)
        start = node.mark + len(kept)
        nothing = Edit(start, self.text[start : node.end], "") if old else None
        edits = [nothing] if nothing else []
        return added._apply(
            [*edits, self._lines_after(node.end, style.lines(value, deeper), keys)], keys, expected
        )

    def _addition(self, container: Node, keys: KeyPath, key: str | None, value: Any) -> list[Edit]:
        if container.is_flow:
            if not container.has_brackets:
                raise misshapen(self.path, keys, "is written as a pair without braces")
            name = "" if key is None else f"{_key(key)}: "
            return _flow_addition(self.text, container, name + _flow(value))
        last = container.children[-1]
        column = _column(self.text, last.outer)
        style = _style(self.text, self.root)
        new = [value] if key is None else {key: value}
        return [self._lines_after(last.end, style.lines(new, column), keys)]

    def _lines_after(self, end: int, lines: list[str], keys: KeyPath) -> Edit:
        """Insert whole lines after the one on which a value ends, and the comment behind it."""
        rest = _REST_OF_LINE.match(self.text, end)
        at = rest.end() if rest else end
        newline = newline_of(self.text)
        line_end = _NEWLINE.match(self.text, at)
        if line_end is not None:
            return Edit(line_end.end(), "", newline.join(lines) + newline)
        if at < len(self.text):
            raise misshapen(self.path, keys, "ends on a line with something else")
        return Edit(at, "", newline + newline.join(lines))

    def _require(self, node: Node, kind: str, keys: KeyPath) -> None:
        if node.kind == "alias":
            raise misshapen(self.path, keys, "is an alias of something else")
        if node.kind != kind:
            raise misshapen(self.path, keys, f"is not {_NAMES[kind]}")

    def _apply(self, edits: list[Edit], keys: NodePath, expected: Any) -> "Document":
        """Make edits that were planned on one text, and check that they say what they should."""
        text = self.text
        ordered = sorted(edits, key=lambda edit: edit.offset, reverse=True)
        for edit in ordered:
            text = edit.apply(text)
        encoded(text, path=self.path)
        try:
            changed = replace(self, text=text, root=scan(text), edits=(*self.edits, *ordered))
        except ScanError as error:
            raise self._cannot(keys) from error
        if not same(changed.value, expected, ordered=True):
            raise self._cannot(keys)
        return changed

    def _cannot(self, keys: NodePath) -> HivemindError:
        return misshapen(self.path, keys, "cannot be changed without rewriting what is around it")


def parse(data: bytes, *, path: Path) -> Document:
    """Read a settings file; one that cannot be edited safely is refused with its line and column."""
    text = decoded(data, path=path, most_bytes=MAX_BYTES)
    try:
        return Document(path=path, text=text, root=scan(text))
    except ScanError as error:
        place = place_after(text[: error.offset])
        raise unparseable(path, f"is not valid YAML at {place}: {error.reason}") from error


def _is_left_out(node: Node) -> bool:
    return node.kind == "scalar" and node.value is None and node.start == node.end


def _step(container: Node, index: int) -> str | int | None:
    """Give the step to a child; none for one under a key that no path can name."""
    if container.kind == "seq":
        return index
    key = container.children[index].key
    return key if isinstance(key, str) else None


# How new text is written


@dataclass(frozen=True, slots=True, kw_only=True)
class _Style:
    unit: int = 2  #: columns from a key to the keys under it
    sequence: int = 2  #: columns from a key to the dashes under it

    def lines(self, value: Any, column: int) -> list[str]:
        """Write the members of a container as lines at a column."""
        return [" " * column + line for line in self._bare_lines(value)]

    def _bare_lines(self, value: Any) -> Iterator[str]:
        if isinstance(value, dict):
            for key, child in value.items():
                if not (child and isinstance(child, dict | list)):
                    yield f"{_key(key)}: {_flow(child)}"
                    continue
                yield f"{_key(key)}:"
                yield from self.lines(child, self.unit if isinstance(child, dict) else self.sequence)
            return
        for child in value:
            if child and isinstance(child, dict | list):
                first, *others = self._bare_lines(child)
                yield f"- {first}"
                yield from (f"  {line}" for line in others)
            else:
                yield f"- {_flow(child)}"


def _style(text: str, root: Node | None) -> _Style:
    """Take the indentation from the first mapping and the first list, in block style, that a key has."""
    found: dict[str, int] = {}
    pending = [root] if root else []
    for node in pending:
        for child in node.children:
            if node.kind == "map" and child.children and not child.is_flow:
                columns = _column(text, child.children[0].outer) - _column(text, child.outer)
                found.setdefault(child.kind, columns)
        if len(found) == 2:
            break
        pending.extend(child for child in node.children if not child.is_flow)
    unit = found.get("map", 2)
    return _Style(unit=unit if unit > 0 else 2, sequence=max(0, found.get("seq", 2)))


def _flow(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_key(key)}: {_flow(child)}" for key, child in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_flow, value)) + "]"
    return quoted(value) if isinstance(value, str) else json.dumps(value)


def _key(key: str) -> str:
    is_plain = _PLAIN_KEY.fullmatch(key) and key.lower() not in _NOT_PLAIN
    return key if is_plain else quoted(key)


def _flow_addition(text: str, container: Node, new: str) -> list[Edit]:
    if not container.children:
        interior = text[container.inside : container.end - 1]
        if interior.strip(_BLANKS):
            return [Edit(container.end - 1, "", new)]
        return [Edit(container.inside, interior, new)]
    last = container.children[-1]
    indent = _own_indent(text, last.outer)
    gap = " " if indent is None else newline_of(text) + indent
    after = last.end if last.comma is None else last.comma + 1
    comment = _REST_OF_LINE.match(text, after)
    at = comment.end() if comment and indent is not None and "#" in comment.group() else after
    if last.comma is not None:
        return [Edit(at, "", f"{gap}{new},")]
    return (
        [Edit(after, "", f",{gap}{new}")] if at == after else [Edit(after, "", ","), Edit(at, "", gap + new)]
    )


def _own_indent(text: str, at: int) -> str | None:
    """Give the white space before what is the first thing on its line, but for the first line."""
    before = text[_line_start(text, at) : at]
    return before if _line_start(text, at) > 0 and before.strip(" \t") == "" else None


def _line_start(text: str, at: int) -> int:
    start = max(text.rfind("\n", 0, at), text.rfind("\r", 0, at)) + 1
    return start + (1 if text.startswith("\ufeff", start) else 0)


def _column(text: str, at: int) -> int:
    return at - _line_start(text, at)


# What to remove


@dataclass(frozen=True, slots=True, kw_only=True)
class _Removal:
    """Plan to take one entry out of its container."""

    text: str
    parent: Node
    node: Node
    is_root: bool
    with_blank_lines: bool = False  #: that follow the entry, too; at the end of the file, keep the one before

    def edits(self) -> list[Edit]:
        if self.parent.has_brackets:
            return _flow_removal(self.text, self.parent, self.node)
        if len(self.parent.children) == 1:
            return self._emptying()
        following = _sibling(self.parent, self.node, 1)
        before = self.text[_line_start(self.text, self.node.outer) : self.node.outer]
        if before.strip(" ") and following is not None:
            gap = self.text[self.node.end : following.outer]
            end = self.node.end if gap.strip(_BLANKS) else following.outer
            return [_cut(self.text, self.node.outer, end)]
        return [self._whole_lines()]

    def _emptying(self) -> list[Edit]:
        """Remove the only member of a container in block style, and leave the container empty."""
        if self.is_root and self.parent.kind == "map":
            return [self._whole_lines()]
        empty = "{}" if self.parent.kind == "map" else "[]"
        before = self.parent.inside if self.parent.has_properties else self.parent.mark
        if before is None or not _NEWLINE.search(self.text, before, self.node.outer):
            start = self.node.outer if before is None else before
            space = "" if before is None else " "
            return [Edit(start, self.text[start : self.node.end], space + empty)]
        cut = self._whole_lines()
        if cut.offset == before:
            return [replace(cut, new=f" {empty}")]
        return [Edit(before, "", f" {empty}"), cut]

    def _whole_lines(self) -> Edit:
        """Cut the entry with its lines, where nothing else is on them."""
        text, start, end = self.text, self.node.outer, self.node.end
        line_start = _line_start(text, start)
        rest = _BLANK_LINES.match(text, end) if self.with_blank_lines else _BLANKS_ON_LINE.match(text, end)
        line_end = rest.end() if rest else end
        newline = _NEWLINE.match(text, line_end)
        is_last = line_end == len(text)
        if text[line_start:start].strip(" ") or (newline is None and not is_last):
            return _cut(text, start, end)
        if newline is not None:
            return _cut(text, line_start, newline.end())
        if not self.with_blank_lines:
            line_start = len(text[:line_start].removesuffix("\n").removesuffix("\r"))
        return _cut(text, line_start, line_end)


def _sibling(parent: Node, node: Node, distance: int) -> Node | None:
    at = next(at for at, child in enumerate(parent.children) if child is node) + distance
    return parent.children[at] if 0 <= at < len(parent.children) else None


def _cut(text: str, start: int, end: int) -> Edit:
    return Edit(start, text[start:end], "")


def _flow_removal(text: str, parent: Node, node: Node) -> list[Edit]:
    before, following = _sibling(parent, node, -1), _sibling(parent, node, 1)
    if following is not None:
        comma = node.end if node.comma is None else node.comma
        gap = text[node.end : comma] + text[comma + 1 : following.outer]
        if gap.strip(_BLANKS) == "":
            return [_cut(text, node.outer, following.outer)]
        return [_cut(text, node.outer, node.end), _cut(text, comma, comma + 1)]
    if before is None or before.comma is None:
        end = node.end if node.comma is None else node.comma + 1
        return [_cut(text, node.outer, end)] if text[node.end : end].strip(_BLANKS + ",") == "" else []
    kept = node.comma is not None  # a trailing comma is then left behind the element before
    start = before.comma + 1 if kept else before.comma
    end = node.comma + 1 if node.comma is not None else node.end
    if text[before.comma + 1 : node.outer].strip(_BLANKS) or text[node.end : end].strip(_BLANKS + ","):
        comma = before.comma if node.comma is None else node.comma
        return [_cut(text, node.outer, node.end), _cut(text, comma, comma + 1)]
    return [_cut(text, start, end)]
