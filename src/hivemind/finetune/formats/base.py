"""What a format is: it knows its rows by what is in them, and reads one."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from hivemind.finetune.conversation import Example


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """Name a format with its two functions.

    `detect` is quick and never raises; `read` raises RefusedError for a row that holds nothing to learn from.
    """

    name: str
    detect: Callable[[Any], bool]
    read: Callable[[Any], Example]


def text_of(value: Any) -> str:
    """Give a text, or a list of lines as one; empty for anything else."""
    if isinstance(value, str):
        return value
    if isinstance(value, list) and value and all(isinstance(item, str) for item in value):
        return "\n".join(value)
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return str(value)
    return ""


def first_key(row: Any, names: tuple[str, ...]) -> str:
    """Give the first of these keys that a row has a value under; empty where it has none."""
    if not isinstance(row, dict):
        return ""
    return next((name for name in names if row.get(name) not in (None, "", [])), "")


def has_key(row: Any, names: tuple[str, ...]) -> str:
    """Give the first of these keys that a row has, even if nothing is under it."""
    return next((name for name in names if name in row), "") if isinstance(row, dict) else ""
