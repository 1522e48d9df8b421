"""Read what clients print: any of it may be missing, of another type or cut off."""

import json
import math
from collections.abc import Iterator, Mapping
from typing import Any


def json_object(text: str) -> dict[str, Any] | None:
    """Give the JSON object that a text is, or None."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def json_objects(text: str) -> Iterator[dict[str, Any]]:
    """Yield the JSON objects of a text that has one a line."""
    for line in text.splitlines():
        found = json_object(line)
        if found is not None:
            yield found


def mapping(value: Any) -> Mapping[str, Any]:
    """Give a value that should be an object, or an empty one."""
    return value if isinstance(value, dict) else {}


def text(value: Any) -> str:
    """Give a value that should be a text, or an empty one."""
    return value if isinstance(value, str) else ""


def total(usage: Mapping[str, Any], *names: str) -> int | None:
    """Add up token counts; None where none of them is there."""
    found = [usage[name] for name in names if _is_count(usage.get(name))]
    return sum(found) if found else None


def money(value: Any) -> float | None:
    """Give a sum of money, or None where it is none."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1e6:
        return None
    return float(value) if math.isfinite(value) else None


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << 40
