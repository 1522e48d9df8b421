"""Weigh the words of a line: what is told to agents in attacks is told in other words than a skill's."""

import re
from collections.abc import Iterator
from functools import cache
from importlib import resources
from itertools import pairwise
from typing import Final

from hivemind.library.gates.injection.reading import Reading
from hivemind.library.gates.injection.signals import Signal

WEIGHTS_FILE: Final = "word_weights.txt"
#: A short text is weighed as one, a longer one line by line, in characters.
MAX_PIECE: Final = 1_500
#: Words of one piece, and pieces of one text, that are read.
_MAX_WORDS = 400
_MAX_PIECES = 3_000
#: Lines of one text that are told, those that weigh most.
_TOLD = 3
#: Words are compared by their beginning: it is the same for “instruct” and “instructions”.
_STEM = 6
_WORD = re.compile(r"(?P<url>(?:https?|ftp)://\S{1,2000})|(?P<number>\d+)|(?P<word>[^\W_\d]+)|[^\w\s]")
_SHOWN_WORDS = 3
#: What is forbidden is not asked for, whatever the words.
_FORBIDS = re.compile(r"[\s>*_#-]*(?:never|do not|don['’]t|avoid)\b", re.IGNORECASE)


def found(reading: Reading) -> Iterator[Signal]:
    """Yield the few lines of a text whose words weigh more than those of ordinary skills."""
    weighed = [(score(piece), line, piece) for line, piece in pieces(reading.text)]
    heavy = sorted((one for one in weighed if one[0] > 0), key=lambda one: (-one[0], one[1]))
    for _, line, piece in heavy[:_TOLD]:
        telling = ", ".join(f"“{word}”" for word in _telling(piece))
        yield Signal(
            mechanism=f"is worded like known attacks on agents ({telling})",
            line=line,
            quote=piece,
            warns=True,
        )


def pieces(text: str) -> Iterator[tuple[int, str]]:
    """Yield what is weighed as one, with the number of the line that it is told by."""
    if len(text) <= MAX_PIECE:
        lines = text.split("\n")
        yield 1 + max(range(len(lines)), key=lambda place: _sum(lines[place])), text
        return
    for number, line in enumerate(text.split("\n", _MAX_PIECES)[:_MAX_PIECES], start=1):
        if line and not line.isspace():
            yield number, line[:MAX_PIECE]


def score(piece: str) -> float:
    """Give how much more a piece is like attacks than like ordinary text; above 0 it is told."""
    if _FORBIDS.match(piece):
        return -1.0
    bias, _ = _weights()
    return bias + _sum(piece)


def _sum(piece: str) -> float:
    _, weights = _weights()
    return sum(weights.get(feature, 0.0) for feature in features(piece))


def features(piece: str) -> frozenset[str]:
    """Give the words and signs of a piece, and each two that follow each other, joined by `_`."""
    words = _words(piece)
    return frozenset((*words, *map("_".join, pairwise(words))))


def _words(piece: str) -> list[str]:
    words = []
    for match in _WORD.finditer(piece.lower()):
        kind = match.lastgroup
        word = match.group()[:_STEM] if kind == "word" else match.group()
        words.append({"url": "URL", "number": "0"}.get(kind or "", word))
        if len(words) == _MAX_WORDS:
            break
    return words


def _telling(piece: str) -> list[str]:
    """Give the words that weigh most, as they were written."""
    _, weights = _weights()
    whole = {match.group()[:_STEM]: match.group() for match in _WORD.finditer(piece.lower())}
    heavy = sorted((word for word in whole if word.isalpha()), key=lambda w: (-weights.get(w, 0.0), w))
    return [whole[word] for word in heavy[:_SHOWN_WORDS] if weights.get(word, 0.0) > 0]


@cache
def _weights() -> tuple[float, dict[str, float]]:
    """Read the weights: a line begins with the weight of the words that follow; `BIAS` is in all texts."""
    text = resources.files(__package__).joinpath(WEIGHTS_FILE).read_text("utf-8")
    weights = dict[str, float]()
    for line in text.splitlines():
        if not line.startswith("# "):
            weight, *words = line.split()
            weights |= dict.fromkeys(words, float(weight))
    return weights.pop("BIAS"), weights
