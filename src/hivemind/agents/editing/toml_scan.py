"""Find the statements of a TOML file that `tomllib` has accepted: headers, and keys with their values."""

import re
import tomllib
from dataclasses import dataclass
from typing import Final, Literal

from hivemind.agents.editing.edits import KeyPath, NodePath

_BLANK = re.compile(r"(?:[ \t\r\n]++|#[^\n]*+)*+")
_KEY = re.compile(r"""[ \t]*+("(?:[^"\\]|\\.)*+"|'[^']*+'|[A-Za-z0-9_-]++)[ \t]*+(\.?)""")
#: The pieces of a value; a multi-line string may end with up to two quotation marks of its own.
_PIECE = re.compile(
    r'"""(?:[^"\\]|\\.|"(?!""))*+"{3,5}'
    r"|'''(?:[^']|'(?!''))*+'{3,5}"
    r"""|"(?:[^"\\]|\\.)*+"|'[^']*+'|\#[^\n]*+|[\[\]{}]|\n|\r\n|[^"'\#\[\]{}\r\n]++|\r""",
    re.DOTALL,
)
_DEEPER: Final = {"[": 1, "{": 1, "]": -1, "}": -1}

Kind = Literal["header", "array", "pair"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """Place a header `[a.b]`, a header of an array's element `[[a.b]]`, or a pair `a.b = 1`."""

    kind: Kind
    path: NodePath  #: from the top level; elements of arrays of tables have their index in it
    section: NodePath  #: the table that the last header opened; of a header, itself
    start: int
    end: int  #: after the value or the bracket; a comment may follow


def statements(text: str) -> list[Statement]:
    """List the statements in order; raise ValueError where the text is not what was expected."""
    found: list[Statement] = []
    lengths: dict[NodePath, int] = {}  # of the arrays of tables
    section: NodePath = ()
    at = 1 if text.startswith("\ufeff") else 0
    while (at := _skip(text, at)) < len(text):
        kind = _kind(text, at)
        if kind == "pair":
            keys, end = _keys(text, at)
            if text[end : end + 1] != "=":
                raise ValueError(f"no value at {end}")
            statement = Statement(
                kind=kind, path=(*section, *keys), section=section, start=at, end=_value_end(text, end + 1)
            )
        else:
            width = 2 if kind == "array" else 1
            keys, end = _keys(text, at + width)
            section = _resolved(keys, lengths, is_new=kind == "array")
            statement = Statement(kind=kind, path=section, section=section, start=at, end=end + width)
        found.append(statement)
        at = statement.end
    return found


def _kind(text: str, at: int) -> Kind:
    if text[at] != "[":
        return "pair"
    return "array" if text.startswith("[[", at) else "header"


def _resolved(keys: KeyPath, lengths: dict[NodePath, int], *, is_new: bool) -> NodePath:
    """Put into a header's keys which elements of arrays of tables they mean: the last ones."""
    path: NodePath = ()
    for depth, key in enumerate(keys, 1):
        path = (*path, key)
        if is_new and depth == len(keys):
            lengths[path] = lengths.get(path, 0) + 1
        if path in lengths:
            path = (*path, lengths[path] - 1)
    return path


def _keys(text: str, at: int) -> tuple[KeyPath, int]:
    keys: list[str] = []
    while True:
        match = _KEY.match(text, at)
        if match is None:
            raise ValueError(f"no key at {at}")
        keys.append(_decoded(match[1]))
        at = match.end()
        if not match[2]:
            return tuple(keys), at


def _decoded(key: str) -> str:
    if key[0] == '"' and "\\" in key:
        return str(tomllib.loads(f"key = {key}")["key"])
    return key[1:-1] if key[0] in "\"'" else key


def _value_end(text: str, at: int) -> int:
    """Find the end of a value: where the brackets are closed, and the line or a comment ends it."""
    depth, end = 0, at
    while (match := _PIECE.match(text, at)) is not None:
        piece = match.group()
        if depth == 0 and piece[0] in "#\r\n":
            break
        depth += _DEEPER.get(piece, 0)
        at = match.end()
        if piece[0] not in "#\r\n" and piece.strip(" \t"):
            end = at - len(piece) + len(piece.rstrip(" \t"))
    return end


def _skip(text: str, at: int) -> int:
    match = _BLANK.match(text, at)
    return match.end() if match else at
