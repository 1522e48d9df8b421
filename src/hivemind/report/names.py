"""Shorten names so that they can still be told apart."""

from collections.abc import Iterable


def cut_in_the_middle(text: str, limit: int) -> str:
    """Give a text with the middle left out: names of models differ at their ends."""
    if len(text) <= limit:
        return text
    end = (limit - 1) // 2
    return f"{text[: limit - 1 - end]}…{text[len(text) - end :] if end else ''}"


def told_apart(names: Iterable[str], limit: int) -> dict[str, str]:
    """Shorten names to a limit, or to the next length at which no two of them look alike."""
    unique = list(dict.fromkeys(names))
    longest = max(map(len, unique), default=0)
    for length in range(limit, longest):
        short = {name: cut_in_the_middle(name, length) for name in unique}
        if len(set(short.values())) == len(unique):
            return short
    return {name: name for name in unique}
