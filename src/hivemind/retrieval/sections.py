"""Find the part of a long skill that a prompt is about; standard library only, since the hook asks, too."""

import re

from hivemind.retrieval.tokens import count_tokens

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_HEADING = re.compile(r"#{1,6}\s+\S")
_FENCE = re.compile(r"\s*(?:```|~~~)")
_WORD = re.compile(r"[^\W_]+")
#: Of a longer body the beginning is searched.
_MAX_BODY_CHARS = 60_000


def best_section(body: str, words: "Sequence[str]", *, budget_tokens: int) -> str:
    """Give the section with the most of some words, cut at a paragraph to the budget; empty where none fits.

    The first of several alike is taken. A section is a heading and what follows it up to the next one.
    """
    wanted = {word.lower() for word in words}
    best, most = "", 0
    for section in _sections(body[:_MAX_BODY_CHARS]):
        found = len(wanted.intersection(word.lower() for word in _WORD.findall(section)))
        if found > most:
            best, most = section, found
    return _cut(best, budget_tokens)


def _sections(body: str) -> "Iterator[str]":
    lines: list[str] = []
    fenced = False
    for line in body.splitlines():
        if _FENCE.match(line):
            fenced = not fenced
        if not fenced and _HEADING.match(line) and any(lines):
            yield "\n".join(lines).strip()
            lines = []
        lines.append(line)
    yield "\n".join(lines).strip()


def _cut(section: str, budget_tokens: int) -> str:
    """Keep whole paragraphs, as many as the budget holds; a block of code is never cut in two."""
    kept: list[str] = []
    left = budget_tokens
    for paragraph in _paragraphs(section):
        left -= count_tokens(paragraph) + 1
        if left < 0:
            break
        kept.append(paragraph)
    # A heading alone says nothing.
    return "\n\n".join(kept) if any(not _HEADING.match(one) or "\n" in one for one in kept) else ""


def _paragraphs(section: str) -> "Iterator[str]":
    lines: list[str] = []
    fenced = False
    for line in section.splitlines():
        if _FENCE.match(line):
            fenced = not fenced
        if not fenced and not line.strip():
            if lines:
                yield "\n".join(lines)
            lines = []
        else:
            lines.append(line)
    if lines:
        yield "\n".join(lines)
