"""Read JSON that somebody else wrote, strictly: a value is what it has to be, or refused."""

from datetime import UTC, datetime
from typing import Any, NoReturn

from hivemind.domain.text import storable
from hivemind.errors import HivemindError

#: Nesting that is read, in levels.
MAX_DEPTH = 72
#: Integers beyond this are nothing that is counted here.
MAX_INTEGER = 1 << 53


def refuse(where: str, problem: str) -> NoReturn:
    """Raise the error of a document that is not as agreed."""
    raise HivemindError(
        "sync-malformed",
        f"{where} {problem}",
        hint="both ends must be of the same release; see docs/sync.md",
    )


def decode(data: bytes, *, where: str = "the document") -> Any:
    """Parse JSON; raise HivemindError where it is none."""
    import orjson

    try:
        return orjson.loads(data)
    except (orjson.JSONDecodeError, RecursionError):
        refuse(where, "is not JSON")


def mapping(value: Any, where: str) -> dict[str, Any]:
    """Require an object."""
    if not isinstance(value, dict):
        refuse(where, "is not an object")
    return value


def items(source: dict[str, Any], key: str, *, most: int) -> list[Any]:
    """Read a list; empty where there is none."""
    value = source.get(key, [])
    if not isinstance(value, list):
        refuse(key, "is not a list")
    if len(value) > most:
        refuse(key, f"has {len(value)} items, of {most} at most")
    return value


def text(source: dict[str, Any], key: str, *, most: int, default: str | None = "") -> str:
    """Read a text; `default` None requires that there is one."""
    value = source.get(key, default)
    if not isinstance(value, str) or (default is None and not value):
        refuse(key, "is not a text")
    if len(value) > most:
        refuse(key, f"has {len(value)} characters, of {most} at most")
    return storable(value)


def integer(source: dict[str, Any], key: str, *, least: int = 0, most: int = MAX_INTEGER) -> int:
    """Read a whole number, 0 where there is none."""
    value = source.get(key, 0)
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        refuse(key, f"is not a whole number from {least} to {most}")
    return value


def optional_integer(source: dict[str, Any], key: str) -> int | None:
    """Read a whole number of either sign that may be missing."""
    if source.get(key) is None:
        return None
    return integer(source, key, least=-MAX_INTEGER)


def number(source: dict[str, Any], key: str) -> float:
    """Read a number from 0 to 1."""
    value = source.get(key, 0.0)
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value <= 1:
        refuse(key, "is not a number from 0 to 1")
    return float(value)


def time(source: dict[str, Any], key: str) -> datetime | None:
    """Read a time with a zone, None where there is none."""
    value = source.get(key)
    if value is None:
        return None
    try:
        found = datetime.fromisoformat(value) if isinstance(value, str) and len(value) <= 40 else None
        # Years that no time zone can shift out of what a database holds.
        if found is not None and found.tzinfo is not None and 2 <= found.year <= 9_998:
            return found.astimezone(UTC)
    except ValueError:
        pass
    refuse(key, "is not a time with a zone")


def plain(source: dict[str, Any], key: str) -> dict[str, Any]:
    """Read an object of any content, not nested too deeply."""
    value = mapping(source.get(key) or {}, key)
    level: list[Any] = [value]
    for _ in range(MAX_DEPTH):
        level = [
            inner
            for item in level
            if isinstance(item, dict | list)
            for inner in (item.values() if isinstance(item, dict) else item)
        ]
        if not level:
            return value
    refuse(key, "is nested too deeply")
