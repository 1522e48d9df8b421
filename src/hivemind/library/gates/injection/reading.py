"""Read a hostile text once into words with their lines, so that every rule looks only where its words are."""

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

#: Letters of other scripts that look like a Latin one, to that one.
LOOKALIKES = str.maketrans(
    "аеорсухіјѕԁһԛԝіАВЕКМНОРСТХІЈЅαεικνορτυχΑΒΕΖΗΙΚΜΝΟΡΤΥΧ",
    "aeopcyxijsdhqwiABEKMHOPCTXIJSaeikvoptuxABEZHIKMNOPTYX",
)
#: A group whose name begins with x gives the word that stands for what it matches.
_TOKEN = re.compile(
    r"(?P<xurl>(?:https?|ftp|wss?)://[^\s\"'<>`)\]]{1,2000})"
    r"|(?P<xmail>[\w.+-]{1,64}@[\w-]{1,64}(?:\.[\w-]{1,64}){1,6})"
    r"|(?P<xsecretfile>\.ssh\b(?:/[\w*.-]{0,60})?|\bid_(?:rsa|ed25519|ecdsa|dsa)\b"
    r"|\.aws/(?:credentials|config)\b|\.netrc\b|\.pypirc\b|\.git-credentials\b|\.pgpass\b"
    r"|\.kube/config\b|\.docker/config\.json|\.gnupg\b|\.azure/credentials"
    r"|\bapplication_default_credentials\b"
    r"|\betc/(?:passwd|shadow)\b|\bwallet\.dat\b|\bauth-profiles\.json|\.(?:bash|zsh)_history\b)"
    r"|(?P<xenvfile>\.env\b(?![.\w(])|\.npmrc\b)"
    r"|(?P<xagentfile>\b(?:CLAUDE|AGENTS|GEMINI|SOUL|MEMORY|copilot-instructions)\.md\b|\.cursorrules\b"
    r"|\.clinerules\b"
    r"|\.windsurfrules\b|\bclaude_desktop_config\.json|\.claude/settings(?:\.local)?\.json|\.?mcp\.json\b"
    r"|\.claude\.json\b)"
    r"|(?P<xscript>[\w./~-]{1,120}\.(?:sh|bash|zsh|ps1|bat|cmd|py|js|mjs|rb|pl)\b)"
    r"|(?P<word>[^\W_]+)",
    re.IGNORECASE,
)
_INVISIBLE = re.compile(
    "[\xad\u0600-\u0605\u061c\u06dd\u070f\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\U000e0000-\U000e007f]"
)
_NEWLINE = re.compile("\n")
_MIXED = re.compile(r"[^\W\d_]{3,60}")


def word_set(text: str) -> frozenset[str]:
    """Give the words of a text as a set."""
    return frozenset(text.split())


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """Hold the words of a text, in lower case, and where each stands."""

    text: str  #: without what is invisible, look-alike letters made Latin
    words: Sequence[str]
    starts: Sequence[int]
    places: dict[str, list[int]]  #: of each word, the indices in `words`
    line_starts: Sequence[int]
    disguised: str = ""  #: the first word that mixes look-alike letters into Latin ones
    disguised_at: int = 0

    @classmethod
    def of(cls, text: str) -> "Reading":
        """Read a text; invisible characters inside words do not hide them."""
        disguised, disguised_at = "", 0
        if not text.isascii():
            text, disguised, disguised_at = _plain(text)
        words, starts, places = list[str](), list[int](), dict[str, list[int]]()
        for match in _TOKEN.finditer(text):
            kind = match.lastgroup
            word = match.group().lower() if kind == "word" else str(kind)
            places.setdefault(word, []).append(len(words))
            words.append(word)
            starts.append(match.start())
        lines = [0, *(match.end() for match in _NEWLINE.finditer(text))]
        return cls(
            text=text,
            words=words,
            starts=starts,
            places=places,
            line_starts=lines,
            disguised=disguised,
            disguised_at=disguised_at,
        )

    def line_at(self, position: int) -> int:
        """Give the number of the line that a position is on, from 1."""
        return bisect_right(self.line_starts, position)

    def line_of_word(self, index: int) -> int:
        """Give the number of the line that a word is on, from 1."""
        return self.line_at(self.starts[index])

    def line(self, number: int) -> str:
        """Give a line's text."""
        end = self.line_starts[number] if number < len(self.line_starts) else len(self.text) + 1
        return self.text[self.line_starts[number - 1] : end - 1]

    def has(self, words: frozenset[str]) -> bool:
        """Say whether one of the words occurs at all."""
        return not words.isdisjoint(self.places.keys())

    def quote(self, index: int, *, length: int) -> str:
        """Give the text of words as it was written, on one line."""
        after = index + max(length, 1)
        end = self.starts[after] if after < len(self.starts) else len(self.text)
        return " ".join(self.text[self.starts[index] : end].split()).rstrip("`*\"'([<{/~-.,;:> ")

    def window(self, index: int, *, length: int) -> str:
        """Give words from an index on, with one space between and one at the end."""
        return " ".join(self.words[index : index + length]) + " "


def _plain(text: str) -> tuple[str, str, int]:
    """Take invisible characters and disguises out; give the first disguised word and its place too."""
    text = unicodedata.normalize("NFKC", text)
    text = _INVISIBLE.sub("", text)
    first: list[tuple[str, int]] = []

    def unmasked(match: "re.Match[str]") -> str:
        word = match.group()
        if word.isascii():
            return word
        latin = word.translate(LOOKALIKES)
        if not latin.isascii() or not any(c.isascii() for c in word):
            return word
        first[:] = first or [(word, match.start())]
        return latin

    text = _MIXED.sub(unmasked, text)
    return (text, *first[0]) if first else (text, "", 0)
