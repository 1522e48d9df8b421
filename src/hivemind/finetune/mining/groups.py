"""Tell which requests are alike: the same system prompt, opening, line of a template, or most words."""

import hashlib
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from hivemind.distill.contrast.families import ALIKE, words_of

#: A group of requests: its kind, and what they share.
Group = tuple[str, str]
EVERYTHING: Final = ("everything", "")
MIN_OPENING, MAX_OPENING = 2, 6
_LINE_WORDS = range(3, 16)
_LINES_LOOKED_AT: Final = 4
MAX_SYSTEM_CHARS: Final = 400
#: Requests that begin the groups of like words, at most: each is compared with those that share a word.
_MAX_LEADERS: Final = 3_000
_MAX_COMPARED: Final = 40
_BEGINNINGS = """
    quite sure okay yes well great nice good tell know needs wondering interested looking trying curious
    following given here there very much really actually today
    calling because hoping wanted recently supposed trying
"""
_ASKING = frozenset(_BEGINNINGS.split())
_WORD = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*")
_SPACES = re.compile(r"\s+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Hold a request: the last words of a person, and the system prompt they were said under."""

    request: str
    system: str = ""


def keys_of(asked: Asked) -> Iterator[Group]:
    """Give the groups that a request is in by itself, without comparing it with others."""
    if asked.system:
        yield ("system", _SPACES.sub(" ", asked.system).strip()[:MAX_SYSTEM_CHARS])
    words = [w.lower() for w in _WORD.findall(asked.request[:400])]
    for length in range(MIN_OPENING, MAX_OPENING + 1):
        opening = " ".join(words[:length])
        if len(words) >= length and _says_what(opening):
            yield ("opening", opening)
    lines = [line.strip() for line in asked.request.splitlines() if line.strip()]
    if len(lines) > 1:
        ends = dict.fromkeys([*lines[:_LINES_LOOKED_AT], *lines[-_LINES_LOOKED_AT:]])
        for line in ends:
            if len(line.split()) in _LINE_WORDS and len(line) <= 120 and _says_what(line):
                yield ("line", _SPACES.sub(" ", line))


def _says_what(text: str) -> bool:
    """Say whether words tell what is asked for, beyond how people begin to ask for anything."""
    return not any(c.isdigit() for c in text) and bool(words_of(text) - _ASKING)


def groups(asked: Sequence[Asked], *, least: int) -> dict[Group, tuple[int, ...]]:
    """Give the groups that have at least so many requests, each with the numbers of its requests."""
    found: defaultdict[Group, list[int]] = defaultdict(list)
    for number, one in enumerate(asked):
        for key in keys_of(one):
            found[key].append(number)
    for label, members in _alike(asked, least=least):
        found[("alike", label)] = members
    return {key: tuple(members) for key, members in found.items() if len(members) >= least}


def _alike(asked: Sequence[Asked], *, least: int) -> Iterator[tuple[str, list[int]]]:
    """Join each request to the first one before it that shares half of its words."""
    words = [words_of(one.request[:600]) for one in asked]
    by_word: defaultdict[str, list[int]] = defaultdict(list)
    members: dict[int, list[int]] = {}
    for number, own in enumerate(words):
        if len(own) < 3:
            continue
        near = dict.fromkeys(
            leader for word in sorted(own, key=lambda w: (len(by_word[w]), w)) for leader in by_word[word][:8]
        )
        leader = next((m for m in list(near)[:_MAX_COMPARED] if _is_alike(own, words[m])), None)
        if leader is not None:
            members[leader].append(number)
        elif len(members) < _MAX_LEADERS:
            members[number] = [number]
            for word in own:
                by_word[word].append(number)
    for leader, numbers in members.items():
        if len(numbers) >= least:
            yield asked[leader].request[:200], numbers


def _is_alike(one: frozenset[str], other: frozenset[str]) -> bool:
    return len(one & other) >= ALIKE * len(one | other)


def belongs(group: Group, asked: Asked) -> bool:
    """Say whether a request is one of a group's."""
    kind, about = group
    if kind == "everything":
        return True
    if kind == "alike":
        own = words_of(asked.request[:600])
        return len(own) >= 3 and _is_alike(own, words_of(about))
    return group in set(keys_of(asked))


def short_hash(group: Group) -> str:
    """Give a group a short name that stays."""
    return hashlib.blake2b("\0".join(group).encode("utf-8", "replace"), digest_size=4).hexdigest()
