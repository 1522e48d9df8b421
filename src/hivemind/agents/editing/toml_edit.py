"""Edit TOML and leave every byte that is not ours as it was.

New tables go to the end of the file under headers of their own, which TOML allows whatever comes before.
An edit replaces one span of the text, so a list of edits can be undone exactly (`receipts`); after each one
the new text is read again and compared with what it should say.
"""

import json
import re
import tomllib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from hivemind.agents.editing.edits import (
    MISSING,
    Edit,
    KeyPath,
    NodePath,
    decoded,
    encoded,
    lookup,
    misshapen,
    newline_of,
    place_after,
    quoted,
    same,
    unparseable,
    with_value,
    without,
)
from hivemind.agents.editing.json_scan import MAX_DEPTH
from hivemind.agents.editing.toml_scan import Statement, statements
from hivemind.errors import HivemindError

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]++")
_PLACE = re.compile(r"^(.*) \(at (?:line (\d+), column (\d+)|end of document)\)$", re.DOTALL)
_LINE = re.compile(r"[^\n]*+(?:\n|$)")
_BLANKS_ON_LINE = re.compile(r"[ \t]*+")
_INDENT: Final = " \t\ufeff"


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """Hold a parsed file, the edits made since, and the tables that they created."""

    path: Path  #: for messages only
    text: str
    value: Any  #: the decoded document; do not change it
    statements: tuple[Statement, ...]
    edits: tuple[Edit, ...] = ()
    created: tuple[KeyPath, ...] = ()

    def encode(self) -> bytes:
        """Give the bytes to write."""
        return encoded(self.text, path=self.path)

    def has(self, keys: NodePath) -> bool:
        """Say whether something stands at a path."""
        return lookup(self.value, keys) is not MISSING

    def set(self, keys: KeyPath, value: Any) -> "Document":
        """Set a key that is not there yet: a table under a header of its own, anything else in its table."""
        if self.has(keys):
            raise misshapen(self.path, keys, "is there already")
        self._require_open(keys[:-1])
        expected = with_value(self.value, keys, value)
        if isinstance(value, dict):
            return self._made(keys)._apply([self._block(f"[{_dotted(keys)}]", value)], keys, expected)
        return self._made(keys)._apply([self._pair(keys, value)], keys, expected)

    def append(self, keys: KeyPath, value: dict[str, Any]) -> "Document":
        """Append a table to the array of tables at a path; make the array where it is missing."""
        self._require_open(keys[:-1])
        old = lookup(self.value, keys)
        if old is not MISSING and not any(s.kind == "array" and s.path[:-1] == keys for s in self.statements):
            raise misshapen(self.path, keys, f"is not written as [[{_dotted(keys)}]]")
        expected = with_value(self.value, keys, [*([] if old is MISSING else old), value])
        made = self._made(keys)
        if old is MISSING:
            made = replace(made, created=(*made.created, keys))
        return made._apply([self._block(f"[[{_dotted(keys)}]]", value)], keys, expected)

    def remove_where(self, path: NodePath, matches: Callable[[Any], bool]) -> "Document":
        """Remove the elements or members, of the container at a path, whose values match."""
        document = self
        while True:
            found = _first_match(lookup(document.value, path), matches)
            if found is None:
                return document
            document = document.drop((*path, found))

    def drop(self, keys: NodePath) -> "Document":
        """Remove what stands at a path, an element of an array of tables too; comments stay."""
        if not keys or not self.has(keys):
            return self
        ours = [s for s in self.statements if s.path[: len(keys)] == keys]
        if not ours:
            raise misshapen(self.path, keys, "is written inside of another value")
        spans = _merged(self.text, [_span(self.text, statement) for statement in ours])
        edits = [Edit(start, self.text[start:end], "") for start, end in spans]
        return self._apply(edits, keys, without(self.value, keys))

    def is_bare(self, keys: KeyPath) -> bool:
        """Say whether a container stands at a path that holds no value and no comment."""
        value = lookup(self.value, keys)
        if value not in ({}, []):
            return False
        statement = next((s for s in self.statements if s.path == keys), None)
        if statement is None:
            return False
        if statement.kind == "pair":
            return "#" not in self.text[statement.start + len(keys[-1]) : statement.end]
        return "#" not in self._attached(statement)

    def _attached(self, header: Statement) -> str:
        """Give the comments on a header: on its line, and below it unless they are on the next statement."""
        following = next((s.start for s in self.statements if s.start > header.start), len(self.text))
        first, *others = self.text[header.end : following].split("\n")
        is_last = following == len(self.text)
        others = others if is_last else others[:-1]
        blank = next((at for at, line in enumerate(others) if not line.strip()), None)
        if blank is None and not is_last:
            return first
        return "\n".join((first, *others[:blank]))

    def _require_open(self, keys: KeyPath) -> None:
        """Refuse where a table on the way is none, or is written as a value, which no header can add to."""
        for depth in range(1, len(keys) + 1):
            value = lookup(self.value, keys[:depth])
            if value is MISSING:
                return
            if not isinstance(value, dict):
                raise misshapen(self.path, keys[:depth], "is not a table")
            if any(s.kind == "pair" and s.path == keys[:depth] for s in self.statements):
                hint = f"Write it under a header, [{_dotted(keys[:depth])}], and run the command again."
                raise misshapen(self.path, keys[:depth], "is an inline table", hint=hint)

    def _made(self, keys: KeyPath) -> "Document":
        missing = tuple(keys[:depth] for depth in range(1, len(keys)) if not self.has(keys[:depth]))
        return replace(self, created=(*self.created, *missing))

    def _block(self, header: str, body: dict[str, Any]) -> Edit:
        """Add a header and its pairs at the end of the file."""
        lines = [header, *(f"{_key(key)} = {_inline(value)}" for key, value in body.items())]
        newline = newline_of(self.text)
        content = self.text.removeprefix("\ufeff")
        if not content:
            return Edit(len(self.text), "", newline.join(lines) + newline)
        if not content.endswith("\n"):
            return Edit(len(self.text), "", newline * 2 + newline.join(lines))
        is_apart = content.removesuffix("\n").removesuffix("\r").endswith("\n") or not content.strip()
        gap = "" if is_apart else newline
        return Edit(len(self.text), "", gap + newline.join(lines) + newline)

    def _pair(self, keys: KeyPath, value: Any) -> Edit:
        table = keys[:-1]
        line = f"{_key(keys[-1])} = {_inline(value)}"
        inside = [s for s in self.statements if s.section == table]
        if inside:
            return self._line_after(inside[-1], line)
        dotted = [s for s in self.statements if s.kind == "pair" and s.path[: len(table)] == table]
        if table and dotted:
            relative = keys[len(dotted[-1].section) :]
            return self._line_after(dotted[-1], f"{_dotted(relative)} = {_inline(value)}")
        if table:
            return self._block(f"[{_dotted(table)}]", {keys[-1]: value})
        return self._first_pair(line)

    def _line_after(self, statement: Statement, line: str) -> Edit:
        newline = newline_of(self.text)
        start = _line_start(self.text, statement.start)
        indent = self.text[start : statement.start]
        end = _line_end(self.text, statement.end)
        if self.text.endswith("\n", 0, end):
            return Edit(end, "", indent + line + newline)
        return Edit(end, "", newline + indent + line)

    def _first_pair(self, line: str) -> Edit:
        """Add the first pair of the top level: before the first header and the comment on it."""
        newline = newline_of(self.text)
        if not self.statements:
            is_open = self.text.lstrip("\ufeff") != "" and not self.text.endswith("\n")
            return Edit(len(self.text), "", (newline if is_open else "") + line + newline)
        at = _line_start(self.text, self.statements[0].start)
        while (above := _line_start(self.text, max(at - 1, 0))) < at:
            if not self.text[above:at].lstrip(_INDENT).startswith("#"):
                break
            at = above
        return Edit(at, "", line + newline * 2)

    def _apply(self, edits: list[Edit], keys: NodePath, expected: Any) -> "Document":
        """Make edits that were planned on one text, and check that they say what they should."""
        text = self.text
        ordered = sorted(edits, key=lambda edit: edit.offset, reverse=True)
        for edit in ordered:
            text = edit.apply(text)
        encoded(text, path=self.path)
        try:
            value, found = _read(text)
        except (ValueError, RecursionError) as error:
            raise self._cannot(keys) from error
        # A table that no header names goes with the last one under it.
        for depth in range(len(keys) - 1, 0, -1):
            above = keys[:depth]
            if lookup(expected, above) in ({}, []) and lookup(value, above) is MISSING:
                expected = without(expected, above)
        # Tables have no order in TOML, and one that is written in parts stands where its first part does.
        if not same(value, expected, ordered=False):
            raise self._cannot(keys)
        return replace(self, text=text, value=value, statements=found, edits=(*self.edits, *ordered))

    def _cannot(self, keys: NodePath) -> HivemindError:
        return misshapen(self.path, keys, "cannot be changed without rewriting what is around it")


def parse(data: bytes, *, path: Path) -> Document:
    """Read a settings file; one that cannot be edited safely is refused with its line and column."""
    text = decoded(data, path=path)
    try:
        value, found = _read(text)
    except RecursionError as error:
        raise unparseable(path, f"has more than {MAX_DEPTH} values in each other") from error
    except ValueError as error:
        raise unparseable(path, f"is not valid TOML{_place_and_reason(text, str(error))}") from error
    return Document(path=path, text=text, value=value, statements=found)


def _read(text: str) -> tuple[Any, tuple[Statement, ...]]:
    value = tomllib.loads(text.removeprefix("\ufeff"))
    _check_depth(value)
    return value, tuple(statements(text))


def _check_depth(value: Any) -> None:
    level = [value]
    for _ in range(MAX_DEPTH):
        children: list[Any] = []
        for container in level:
            children.extend(container.values() if isinstance(container, dict) else container)
        level = [child for child in children if isinstance(child, dict | list)]
        if not level:
            return
    raise RecursionError


def _place_and_reason(text: str, message: str) -> str:
    match = _PLACE.match(message)
    if match is None:  # a number with too many digits, which Python does not convert, has no place
        return f": {message}"
    place = f"line {match[2]}, column {match[3]}" if match[2] else place_after(text)
    return f" at {place}: {match[1]}"


def _first_match(container: Any, matches: Callable[[Any], bool]) -> str | int | None:
    if isinstance(container, dict):
        return next((key for key, value in container.items() if matches(value)), None)
    if isinstance(container, list):
        return next((index for index, value in enumerate(container) if matches(value)), None)
    return None


# How new text is written


def _dotted(keys: KeyPath) -> str:
    return ".".join(map(_key, keys))


def _key(key: str) -> str:
    return key if _BARE_KEY.fullmatch(key) else quoted(key)


def _inline(value: Any) -> str:
    if isinstance(value, dict):
        pairs = ", ".join(f"{_key(key)} = {_inline(child)}" for key, child in value.items())
        return f"{{ {pairs} }}" if pairs else "{}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_inline, value)) + "]"
    return quoted(value) if isinstance(value, str) else json.dumps(value)


# What to remove


def _span(text: str, statement: Statement) -> tuple[int, int]:
    """Widen a statement to its line, and a header to the blank line above it; a comment behind it stays."""
    blanks = _BLANKS_ON_LINE.match(text, statement.end)
    end = blanks.end() if blanks else statement.end
    if text[end : end + 1] not in ("", "\r", "\n"):
        return statement.start, end
    start, end = _line_start(text, statement.start), _line_end(text, end)
    if statement.kind != "pair" and start > 0:
        above = _line_start(text, start - 1)
        start = above if text[above:start].strip(" \t\r\n") == "" else start
    return start, end


def _merged(text: str, spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Join spans that touch; at the end of a file without a last newline, the one before goes instead."""
    merged: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if merged and merged[-1][1] >= start:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    start, end = merged[-1]
    if end == len(text) and not text.endswith("\n") and text.endswith("\n", 0, start):
        merged[-1] = (len(text[:start].removesuffix("\n").removesuffix("\r")), end)
    return merged


def _line_start(text: str, at: int) -> int:
    start = text.rfind("\n", 0, at) + 1
    return start + (1 if text.startswith("\ufeff", start) and start < at else 0)


def _line_end(text: str, at: int) -> int:
    found = text.find("\n", at)
    return len(text) if found < 0 else found + 1
