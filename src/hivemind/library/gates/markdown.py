"""Tell code from text in Markdown, as CommonMark does."""

import re
from collections.abc import Iterator
from enum import Enum

_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")


class Kind(Enum):
    """Name what a line of Markdown is."""

    TEXT = "text"
    FENCE = "fence"  #: opens or closes a code block
    CODE = "code"


def lines(body: str) -> Iterator[tuple[Kind, str]]:
    """Yield each line with its kind; a code block that is never closed goes on to the end."""
    fence = ""
    for line in body.split("\n"):
        mark = _FENCE.match(line)
        rest = line[mark.end() :] if mark else ""
        if fence:
            closes = mark is not None and mark.group(1).startswith(fence) and not rest.strip()
            fence = "" if closes else fence
            yield (Kind.FENCE if closes else Kind.CODE), line
        elif mark and not (mark.group(1)[0] == "`" and "`" in rest):
            fence = mark.group(1)
            yield Kind.FENCE, line
        else:
            yield Kind.TEXT, line
