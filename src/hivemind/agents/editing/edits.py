"""What editors of settings files have in common: edits that can be undone, and documents made of them."""

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol, Self

from hivemind.errors import HivemindError

MAX_BYTES: Final = 32 * 1024 * 1024  #: a larger file is refused
MISSING: Final = object()  #: what `lookup` gives where nothing stands

KeyPath = tuple[str, ...]
NodePath = tuple[str | int, ...]  #: keys of objects and indexes of arrays

_LINE_END = re.compile(r"\r\n|\r|\n")
_NEEDS_ESCAPE = re.compile("[\x7f-\xa0\u2028\u2029\ufeff\ufffe\uffff]")


@dataclass(frozen=True, slots=True)
class Edit:
    """Replace `old` by `new` at an offset, in characters."""

    offset: int
    old: str
    new: str

    def apply(self, text: str) -> str:
        """Give the text with the edit made."""
        return text[: self.offset] + self.new + text[self.offset + len(self.old) :]

    def reverse(self) -> "Edit":
        """Give the edit that undoes this one."""
        return Edit(self.offset, self.new, self.old)


class Document(Protocol):
    """Hold a parsed settings file of any format, with the edits made since."""

    @property
    def value(self) -> Any:
        """The decoded content; an empty object for a file without any."""

    @property
    def text(self) -> str:
        """The content as it is to be written."""

    @property
    def edits(self) -> tuple[Edit, ...]:
        """The edits made, in order."""

    @property
    def created(self) -> tuple[KeyPath, ...]:
        """The containers that the edits made."""

    def encode(self) -> bytes:
        """Give the bytes to write."""

    def has(self, keys: KeyPath) -> bool:
        """Say whether something stands at a path."""

    def is_bare(self, keys: KeyPath) -> bool:
        """Say whether a container stands at a path that holds no value and no comment."""

    def drop(self, keys: KeyPath) -> Self:
        """Remove what stands at a path."""


# What a parser and a document of any format need


def decoded(data: bytes, *, path: Path, most_bytes: int = MAX_BYTES) -> str:
    """Give the text of a settings file; refuse one that is too large or not UTF-8."""
    if len(data) > most_bytes:
        raise unparseable(path, f"is larger than {most_bytes // 1024**2} MiB")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        place = place_after(data[: error.start].decode("utf-8"))
        raise unparseable(path, f"is not UTF-8 at {place}") from error


def encoded(text: str, *, path: Path) -> bytes:
    """Give the bytes of a settings file; refuse what is no Unicode text."""
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise HivemindError(
            "settings-encoding",
            f"{path}: a path that would be written there is not valid UTF-8",
            hint="Install Hivemind in folders whose names are valid UTF-8.",
        ) from error


def unparseable(path: Path, problem: str) -> HivemindError:
    """Make the refusal of a file that is not of its format."""
    return HivemindError(
        "settings-unparseable",
        f"{path} {problem}",
        hint="Correct the file, which was left as it is, and run the command again.",
    )


def misshapen(path: Path, keys: NodePath, problem: str, *, hint: str = "") -> HivemindError:
    """Make the refusal of a file that cannot be edited at a path without rewriting the user's own text."""
    where = named(keys)
    return HivemindError(
        "settings-shape",
        f"{path}: {where} {problem}",
        hint=hint or f"Change {where} by hand; the file was left as it is.",
    )


def named(keys: NodePath) -> str:
    """Name a path for a message."""
    return "the top level" if not keys else f'"{".".join(map(str, keys))}"'


def place_after(before: str) -> str:
    """Give the line and the column that come after a text."""
    lines = _LINE_END.split(before)
    return f"line {len(lines)}, column {len(lines[-1].lstrip(chr(0xFEFF))) + 1}"


def newline_of(text: str) -> str:
    """Give the line end that a text uses."""
    match = _LINE_END.search(text)
    return match.group() if match else "\n"


def quoted(text: str) -> str:
    """Write a string in double quotes, so that JSON, TOML and YAML all read it alike."""
    return _NEEDS_ESCAPE.sub(
        lambda match: f"\\u{ord(match.group()):04x}", json.dumps(text, ensure_ascii=False)
    )


# Decoded values, to check what an edit did


def lookup(value: Any, path: NodePath) -> Any:
    """Find what stands at a path of a decoded value, or MISSING."""
    for step in path:
        if isinstance(step, int):
            value = value[step] if isinstance(value, list) and step < len(value) else MISSING
        else:
            value = value.get(step, MISSING) if isinstance(value, dict) else MISSING
    return value


def with_value(value: Any, keys: KeyPath, new: Any) -> Any:
    """Give a decoded value with a new one set at a path; the copy shares what did not change."""
    if not keys:
        return new
    inner = value.get(keys[0]) if isinstance(value, dict) else None
    return {**(value or {}), keys[0]: with_value(inner, keys[1:], new)}


def without(value: Any, path: NodePath) -> Any:
    """Give a decoded value without what stands at a path."""
    step, rest = path[0], path[1:]
    if isinstance(value, list):
        index = int(step)
        return [*value[:index], *([without(value[index], rest)] if rest else []), *value[index + 1 :]]
    if rest:
        return {**value, step: without(value[step], rest)}
    return {key: child for key, child in value.items() if key != step}


def same(one: Any, other: Any, *, ordered: bool) -> bool:
    """Say whether two decoded values are equal in every type, and in the order of their keys too."""
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        if one.keys() != other.keys() or (ordered and list(one) != list(other)):
            return False
        return all(same(child, other[key], ordered=ordered) for key, child in one.items())
    if isinstance(one, list):
        pairs = zip(one, other, strict=False)
        return len(one) == len(other) and all(same(a, b, ordered=ordered) for a, b in pairs)
    # A float is not always equal to itself.
    return bool(one == other) or (isinstance(one, float) and repr(one) == repr(other))
