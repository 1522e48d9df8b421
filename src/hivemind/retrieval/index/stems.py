"""Cut the endings of English words, so that `deploying` finds `deployment`.

The first three steps of Porter's stemmer and the endings that make nouns of verbs: an index is searched with
the stems that it was built with, so only what words fall together matters, not what the stem looks like.
"""

import re

_VOWEL = re.compile("[aeiouy]")
#: A vowel and a consonant after it, as often as they follow each other: how much of a word is left.
_MEASURE = re.compile("(?:[aeiou]|(?<![aeiou])y)+(?:[^aeiouy]|(?<=[aeiou])y)+")
_DOUBLED = re.compile(r"([^aeiouylsz])\1$")
_SHORT = re.compile("^[^aeiouy]*[aeiouy][^aeiouywx]$")
_LONG_ENDINGS = (
    ("ational", "ate"), ("ization", "ize"), ("isation", "ize"), ("fulness", "ful"), ("ousness", "ous"),
    ("iveness", "ive"), ("tional", "tion"), ("biliti", "ble"), ("entli", "ent"), ("ousli", "ous"),
    ("ation", "ate"), ("alism", "al"), ("aliti", "al"), ("iviti", "ive"), ("alli", "al"), ("ator", "ate"),
    ("izer", "ize"), ("iser", "ize"), ("ise", "ize"), ("bli", "ble"), ("eli", "e"),
)  # fmt: skip
_LAST_ENDINGS = (
    "ement", "ance", "ence", "able", "ible", "ment", "icate", "ative", "alize", "iciti", "ical", "ness",
    "ant", "ent", "ism", "ate", "iti", "ous", "ive", "ize", "ful", "ion", "al", "er", "ic",
)  # fmt: skip


def stem(word: str) -> str:
    """Give the stem of a lower-case word; words of other scripts, and short ones, stay as they are."""
    if len(word) <= 3 or not word.isascii() or not word.isalpha():
        return word
    word = _inflected(_plural(word))
    if word.endswith("y") and word[-2] not in "aeiou":
        word = word[:-1] + "i"
    word = _long(word)
    word = _last(word)
    if word.endswith("e") and (_measure(word[:-1]) > 1 or _is_long(word[:-1])):
        word = word[:-1]
    return word[:-1] if word.endswith("ll") and _measure(word[:-1]) > 1 else word


def _plural(word: str) -> str:
    if word.endswith(("sses", "ies")):
        return word[:-2]
    return word[:-1] if word.endswith("s") and not word.endswith(("ss", "us", "is")) else word


def _inflected(word: str) -> str:
    if word.endswith("eed"):
        return word[:-1] if _measure(word[:-3]) else word
    for ending in ("ed", "ing"):
        rest = word.removesuffix(ending)
        if rest != word and _VOWEL.search(rest):
            if rest.endswith(("at", "bl", "iz", "is")):
                return rest + "e"
            if _DOUBLED.search(rest):
                return rest[:-1]
            return rest + "e" if _measure(rest) == 1 and _SHORT.search(rest) else rest
    return word


def _long(word: str) -> str:
    for ending, other in _LONG_ENDINGS:
        if word.endswith(ending):
            rest = word[: -len(ending)]
            return rest + other if _measure(rest) else word
    return word


def _last(word: str) -> str:
    for ending in _LAST_ENDINGS:
        if word.endswith(ending):
            rest = word[: -len(ending)]
            if _measure(rest) > 1 and (ending != "ion" or rest.endswith(("s", "t"))):
                return rest
            return word
    return word


def _is_long(rest: str) -> bool:
    return _measure(rest) == 1 and not _SHORT.search(rest)


def _measure(word: str) -> int:
    return len(_MEASURE.findall(word))
