"""Find the words that answers begin with, end with, or all hold."""

import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Final

from hivemind.distill.contrast.families import words_of as words_of_request
from hivemind.finetune.mining.behaviour import PREAMBLE, Behaviour

#: A phrase has so many words; a shorter one is chance, a longer one is cut.
MIN_WORDS, MAX_WORDS = 4, 14
MIN_OPENING_WORDS: Final = 3
#: So much of an answer is looked at, in words.
_HEAD, _TAIL = 60, 30
#: Words of a phrase that are not of every sentence.
MIN_TELLING: Final = 2
#: Marks of code and of scaffolds around an answer, and names of speakers.
_MARKUP = re.compile(r"[<>{}\[\]`\\|=]|\b(?:Assistant|User|Human|System|Observation|Thought|Action):")
#: What people in service say to anybody.
_POLITE = re.compile(
    r"anything else|feel free|let me know|(?:have a|enjoy your) (?:great|nice|good|wonderful|day)"
    r"|hope (?:this|that) helps"
    r"|happy to (?:help|assist)|(?:help|assist) you (?:with|today|further)|thank you for|you(?:'|’)re welcome"
    r"|(?:hesitate|free) to (?:ask|reach)|reach out",
    re.IGNORECASE,
)
_SPACES = re.compile(r"\s+")


def words_of(text: str) -> tuple[str, ...]:
    """Give the words at the beginning and the end of an answer, with a mark between."""
    words = _SPACES.split(text.strip())
    if len(words) <= _HEAD + _TAIL:
        return tuple(words)
    return (*words[:_HEAD], "\0", *words[-_TAIL:])


def shared(texts: Sequence[Sequence[str]], *, least: int) -> list[Behaviour]:
    """Give the longest phrases that at least so many answers hold: an opening, an end, or anywhere."""
    found: list[Behaviour] = []
    opening = _longest_opening(texts, least=least)
    if opening and says_something(opening) and not PREAMBLE.match(opening):
        found.append(("begins", opening))
    ending = " ".join(reversed(_longest_opening([t[::-1] for t in texts], least=least).split(" ")))
    if says_something(ending):
        found.append(("ends", ending))
    for phrase in map(_trimmed, _anywhere(texts, least=least)):
        if says_something(phrase) and all(phrase not in known for _, known in found):
            found.append(("says", phrase))
    return found


def says_something(phrase: str) -> bool:
    """Say whether a phrase holds words of its own, and no numbers, which are of one answer only."""
    if not phrase or _MARKUP.search(phrase) or _POLITE.search(phrase):
        return False
    return not any(c.isdigit() for c in phrase) and len(words_of_request(phrase)) >= MIN_TELLING


def _trimmed(phrase: str) -> str:
    """Begin a phrase where a sentence does, and end it with a word that says something."""
    words = phrase.split(" ")
    for at in range(len(words) - MIN_WORDS, 0, -1):
        if words[at - 1].endswith((".", "!", "?", ":")):
            words = words[at:]
            break
    while words and not words_of_request(words[-1]):
        words.pop()
    while words and not words[0][:1].isalnum():
        words.pop(0)
    return " ".join(words) if len(words) >= 3 else ""


def _longest_opening(texts: Sequence[Sequence[str]], *, least: int) -> str:
    for length in range(MAX_WORDS, MIN_OPENING_WORDS - 1, -1):
        # An answer that is nothing but the phrase has not begun with it.
        counts = Counter(tuple(t[:length]) for t in texts if len(t) > length and "\0" not in t[:length])
        if counts:
            phrase, count = max(counts.items(), key=lambda item: (item[1], item[0]))
            if count >= least:
                return " ".join(phrase)
    return ""


def _anywhere(texts: Sequence[Sequence[str]], *, least: int) -> list[str]:
    where: defaultdict[tuple[str, ...], set[int]] = defaultdict(set)
    for number, text in enumerate(texts):
        for at in range(len(text) - MIN_WORDS + 1):
            gram = tuple(text[at : at + MIN_WORDS])
            if "\0" not in gram:
                where[gram].add(number)
    common = {gram for gram, numbers in where.items() if len(numbers) >= least}
    return sorted({_extended(gram, texts, common) for gram in sorted(common)}, key=lambda p: (-len(p), p))[:2]


def _extended(gram: tuple[str, ...], texts: Sequence[Sequence[str]], common: set[tuple[str, ...]]) -> str:
    """Join a common phrase with those that overlap it, in the first answer that holds it."""
    for text in texts:
        for at in range(len(text) - MIN_WORDS + 1):
            if tuple(text[at : at + MIN_WORDS]) == gram:
                first, last = at, at
                while first > 0 and tuple(text[first - 1 : first - 1 + MIN_WORDS]) in common:
                    first -= 1
                while tuple(text[last + 1 : last + 1 + MIN_WORDS]) in common:
                    last += 1
                return " ".join(text[first : last + MIN_WORDS][:MAX_WORDS])
    return " ".join(gram)


def shows(behaviour: Behaviour, text: Sequence[str]) -> bool:
    """Say whether an answer, as its words, holds a phrase in its place."""
    kind, phrase = behaviour[0], behaviour[1].split(" ")
    if kind == "begins":
        return list(text[: len(phrase)]) == phrase
    if kind == "ends":
        return list(text[-len(phrase) :]) == phrase
    return f" {behaviour[1]} " in f" {' '.join(text)} "
