"""Take values out of foreign JSON, of which nothing is certain."""

from datetime import UTC, datetime
from typing import Any

#: Years that a transcript can be from; other times are mistakes.
_YEARS = range(2000, 2200)


def text(value: Any) -> str:
    """Give a string, empty for anything else."""
    return value if isinstance(value, str) else ""


def mapping(value: Any) -> dict[str, Any]:
    """Give an object, empty for anything else."""
    return value if isinstance(value, dict) else {}


def get(value: Any, *keys: str) -> Any:
    """Follow keys through objects; None where one is missing."""
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def members(value: Any) -> list[tuple[str, Any]]:
    """Give an object's members, none for anything else."""
    return list(value.items()) if isinstance(value, dict) else []


def elements(value: Any) -> list[Any]:
    """Give an array's elements, none for anything else."""
    return value if isinstance(value, list) else []


def count(value: Any) -> int:
    """Give a number of things, 0 for what cannot be one."""
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**53 else 0


def exit_code(value: Any) -> int | None:
    """Give a process's exit code; None for what cannot be one."""
    return value if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**31 else None


def time(value: Any) -> datetime | None:
    """Give an aware time from ISO text; None for what is none."""
    if not isinstance(value, str):
        return None
    try:
        at = datetime.fromisoformat(value)
        at = at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None
    return at if at.year in _YEARS else None


def epoch(value: Any, *, unit_s: float = 1.0) -> datetime | None:
    """Give an aware time from a number of units since 1970; None for what is none."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        return None
    try:
        at = datetime.fromtimestamp(value * unit_s, UTC)
    except (ValueError, OverflowError, OSError):
        return None
    return at if at.year in _YEARS else None


def content_text(content: Any) -> str:
    """Join the texts of a message's content parts; other parts are named by their type."""
    if isinstance(content, str):
        return content
    texts = []
    for part in elements(content):
        if isinstance(part, str):
            texts.append(part)
        elif isinstance(part, dict):
            kind, said = part.get("type"), text(part.get("text"))
            texts.append(said if said or kind in ("text", None) else f"[{text(kind)}]")
    return "\n".join(t for t in texts if t)
