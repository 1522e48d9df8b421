"""Split text into the word pieces that the embedding model was trained on (BERT, lower case)."""

import gzip
import re
import unicodedata
from functools import lru_cache
from pathlib import Path

#: The vocabulary of all-MiniLM-L6-v2, a piece a line, Apache-2.0 (see docs/dependencies.md).
VOCABULARY = Path(__file__).parent / "wordpiece.txt.gz"
FIRST, LAST, UNKNOWN = 101, 102, 100
_MAX_CHARS = 100
_IDEOGRAPH = "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0002fa1f"
_WORD = re.compile(rf"[{_IDEOGRAPH}]|[^\W_{_IDEOGRAPH}]+|[^\s]")


class WordPieces:
    """Turn texts into the numbers of their pieces."""

    def __init__(self, vocabulary: bytes) -> None:
        lines = gzip.decompress(vocabulary).decode("utf-8").rstrip("\n").split("\n")
        self._numbers = {piece: number for number, piece in enumerate(lines)}
        self._of_word = lru_cache(maxsize=1 << 16)(self._split)

    def __call__(self, text: str, *, most: int) -> list[int]:
        """Give the numbers of a text's pieces between the marks of its ends, `most` of them at most."""
        found = [FIRST]
        for word in _WORD.findall(_plain(text)):
            found.extend(self._of_word(word))
            if len(found) >= most:
                break
        return [*found[: most - 1], LAST]

    def _split(self, word: str) -> tuple[int, ...]:
        if len(word) > _MAX_CHARS:
            return (UNKNOWN,)
        found, start = [], 0
        while start < len(word):
            for end in range(len(word), start, -1):
                number = self._numbers.get(("##" if start else "") + word[start:end])
                if number is not None:
                    break
            else:
                return (UNKNOWN,)
            found.append(number)
            start = end
        return tuple(found)


def _plain(text: str) -> str:
    """Take accents and control characters away and write small letters."""
    if text.isascii():
        return text.lower().replace("\x00", "")
    decomposed = unicodedata.normalize("NFD", text.lower())
    return "".join(
        character
        for character in decomposed
        if unicodedata.category(character) not in ("Mn", "Cf", "Co", "Cs", "Cn") and character != "\ufffd"
    )
