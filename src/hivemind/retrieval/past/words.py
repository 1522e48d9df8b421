"""Read a question in plain words: which of them are looked up, in which forms, and what each tells."""

import itertools
import math
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from hivemind.retrieval import word_frequencies
from hivemind.retrieval.index.words import stem
from hivemind.retrieval.rank import STOP_WORDS
from hivemind.store.past import Term

#: Words of a question that are counted: of a long paste those of the beginning, where people say what they
#: want, and of the end, where errors stand.
MAX_WORDS = 64
#: Words that are looked up, the rarest first, and neighbours that are looked up side by side.
MAX_TERMS, MAX_PAIRS = 16, 8
#: Characters that are read of a question, and letters of a word.
MAX_CHARS, MAX_WORD_CHARS = 4_000, 60
#: A few events cannot tell which words are common: the world's documents count as so many of them.
PRIOR_DOCUMENTS = 500.0
#: In how many of the world's documents a word is taken to be that is listed in none.
RARE = 3
#: A beginning of a word that is looked up has so many letters at least.
LEAST_STEM_CHARS = 4

_WORD = re.compile(r"[^\W_]+")
_UNSPACED = re.compile("[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """Hold what is looked up for a question."""

    words: tuple[str, ...]  #: telling ones, each once, in their order
    pairs: tuple[tuple[str, str], ...]  #: those that stand side by side

    @property
    def unspaced(self) -> tuple[str, ...]:
        """Give pairs of characters of scripts without spaces: the full-text index knows whole runs only."""
        runs = (run for word in self.words for run in _UNSPACED.findall(word))
        return tuple(dict.fromkeys(run[at : at + 2] for run in runs for at in range(max(1, len(run) - 1))))


def read(text: str) -> Question:
    """Read a question; one of common words only is taken at its word."""
    text = unicodedata.normalize("NFC", text[:MAX_CHARS])
    said = [word.lower() for word in _WORD.findall(text) if len(word) <= MAX_WORD_CHARS]
    words = list(dict.fromkeys([word for word in said if _is_telling(word)] or said))
    if len(words) > MAX_WORDS:
        words = words[: MAX_WORDS * 3 // 4] + words[-MAX_WORDS // 4 :]
    kept = set(words)
    pairs = dict.fromkeys(
        (one, other)
        for one, other in itertools.pairwise(said)
        if one in kept and other in kept and one != other
    )
    return Question(words=tuple(words), pairs=tuple(pairs))


def _is_telling(word: str) -> bool:
    return word not in STOP_WORDS and (len(word) > 1 or not word.isascii())


def term(word: str) -> Term:
    """Give the form in which a word is looked up: by its stem, as far as that is how it begins."""
    if _UNSPACED.search(word):
        return Term(word[: max(2, len(word) - 2)], is_prefix=True)
    root = stem(word)
    if not word.startswith(root):
        root = root[:-1]
    if len(root) < LEAST_STEM_CHARS or not word.startswith(root):
        return Term(word)
    return Term(root, is_prefix=True)


def rarity(words: Sequence[str], counts: Sequence[int], documents: int) -> list[float]:
    """Say what words tell, given in how many of the documents each is."""
    world = word_frequencies.load()
    found = []
    for word, count in zip(words, counts, strict=True):
        having = count + PRIOR_DOCUMENTS * world.get(word, RARE) / word_frequencies.DOCUMENTS
        lacking = max(0.0, documents + PRIOR_DOCUMENTS - having)
        found.append(math.log(1 + (lacking + 0.5) / (having + 0.5)))
    return found


def words_of(text: str) -> list[str]:
    """Give the words of a text, small."""
    return [word.lower() for word in _WORD.findall(text)]
