"""Take out of a prompt what a client or a hook put into it between tags."""

import re
from functools import cache


def without(said: str, *names: str) -> str:
    """Give a text without its `<name …>…</name>` blocks; one that is not closed stays. Takes linear time."""
    kept, position, unclosed = [], 0, set[str]()
    for opening in _openings(names).finditer(said):
        name = opening.group(1)
        if opening.start() < position or name in unclosed:
            continue
        end = said.find(f"</{name}>", opening.end())
        if end < 0:
            unclosed.add(name)
            continue
        kept.append(said[position : opening.start()])
        position = end + len(name) + 3
    return "".join((*kept, said[position:]))


@cache
def _openings(names: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile(rf"<({'|'.join(map(re.escape, names))})(?:\s[^<>]{{0,1000}})?>")
