"""Turn text into the numbers of its telling words, in their order, as the index stores and searches them.

A word's number is a checksum of its stem, so no dictionary is kept: two of a hundred thousand words share a
number by chance about once, which harms nothing.
"""

import itertools
import re
import threading
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import Stemmer

from hivemind.retrieval.rank import MAX_PROMPT_CHARS, MAX_WORDS, STOP_WORDS

MAX_WORD_CHARS = 40
#: What code in a prompt counts beside its prose, each word and, in words of prose, all of it together.
CODE_WEIGHT, CODE_WORDS = 0.5, 15.0

_WORD = re.compile(r"[^\W_]+")
#: Scripts that put no space between words, or endings on them that no stemmer here removes.
_UNSPACED = re.compile(
    "[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]+|[^\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]+"
)
_IS_UNSPACED = re.compile("[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")
_FENCE = re.compile(r"```.*?(?:```|\Z)", re.DOTALL)
_CODE_LINE = re.compile(
    r"[;{}]\s*$|^\s*(?:def|func|fn|import|from|const|let|var|class|return|if|for|while)\b.*[({:;=]|^[-+@]{1,3}\s*\w+\("
)


class _Stemmers(threading.local):
    """Hold a stemmer for each thread, since one must not be used in two at once."""

    def __init__(self) -> None:
        # Words are kept by `_numbers`.
        self.english = Stemmer.Stemmer("english", 0)


_STEMMERS = _Stemmers()


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """Hold the telling words of a prompt: parallel lists, and which of them stand side by side."""

    numbers: list[int]
    words: list[str]  #: as written, to look up and to explain
    weights: list[float]
    pairs: list[tuple[int, int]]  #: places in the lists


def stem(word: str) -> str:
    """Give the stem of a lower-case English word."""
    return str(_STEMMERS.english.stemWord(word))


def numbers(text: str) -> list[int]:
    """Give the numbers of a text's telling words in their order."""
    return [number for word in _WORD.findall(text) for number in _numbers(word)]


def query(prompt: str) -> Query:
    """Read a prompt: code in it counts less than what a person says; long ones lose their middle."""
    if len(prompt) > MAX_PROMPT_CHARS:
        prompt = prompt[: MAX_PROMPT_CHARS * 3 // 4] + "\n" + prompt[-MAX_PROMPT_CHARS // 4 :]
    prose, code = _parts(prompt)
    said = list(_spelled(prose))
    weights = {number: (1.0, word) for word, number in reversed(said)}
    seen = list(_spelled(code))
    extra = {number: word for word, number in reversed(seen) if number not in weights}
    least = CODE_WEIGHT * min(1.0, CODE_WORDS / max(1, len(extra)))
    weights |= {number: (least, word) for number, word in extra.items()}
    ordered = list(dict.fromkeys(number for _, number in [*said, *seen]))
    if len(ordered) > MAX_WORDS:
        ordered = ordered[: MAX_WORDS * 3 // 4] + ordered[-MAX_WORDS // 4 :]
    places = {number: place for place, number in enumerate(ordered)}
    pairs = {
        (places[one], places[other])
        for said_numbers in ([number for _, number in said], [number for _, number in seen])
        for one, other in itertools.pairwise(said_numbers)
        if one != other and one in places and other in places
    }
    return Query(
        numbers=ordered,
        words=[weights[number][1] for number in ordered],
        weights=[weights[number][0] for number in ordered],
        pairs=sorted(pairs),
    )


def _parts(prompt: str) -> tuple[str, str]:
    fenced = "\n".join(found.group() for found in _FENCE.finditer(prompt))
    prose: list[str] = []
    code = [fenced]
    for line in _FENCE.sub("\n", prompt).split("\n"):
        (code if _CODE_LINE.search(line) else prose).append(line)
    return "\n".join(prose), "\n".join(code)


def _spelled(text: str) -> Iterator[tuple[str, int]]:
    for word in _WORD.findall(text):
        for number in _numbers(word):
            yield word.lower(), number


@lru_cache(maxsize=1 << 17)
def _numbers(word: str) -> tuple[int, ...]:
    word = word.lower()
    if not word.isascii() and _IS_UNSPACED.search(word):
        return tuple(number for run in _UNSPACED.findall(word) for number in _of_run(run))
    if word in STOP_WORDS or len(word) > MAX_WORD_CHARS or (len(word) == 1 and word.isascii()):
        return ()
    return (_number(stem(word)),)


def _of_run(run: str) -> tuple[int, ...]:
    if not _IS_UNSPACED.match(run):
        return _numbers(run)
    return tuple(_number(run[at : at + 2]) for at in range(max(1, len(run) - 1)))


def _number(text: str) -> int:
    return zlib.crc32(text.encode("utf-8", "replace"))
