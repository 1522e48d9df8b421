"""Tell which attempts were at like tasks: like requests, or an agent with the same few tools."""

import re
from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass

#: Two requests with so many of their words in common ask for the same kind of thing.
ALIKE = 0.5
MIN_WORDS = 2
#: A longer request is a brief: its beginning says what it is about, in characters.
MAX_REQUEST_CHARS = 2_000
LABEL_WORDS = 4
_WORD = re.compile(r"[^\W\d_]{3,}", re.UNICODE)
_COMMON_WORDS = """
    about after again all also and any are ask back before but can could did does done for from get give had
    has have hello help her hey his how into its just let like make may more need new not now off one our out
    please same should some thank thanks that the their them then there these they this those too use used
    using want was were what when where which who why will with would you your
"""
_COMMON = frozenset(_COMMON_WORDS.split())


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Hold what an episode was asked to do, and what is needed to compare it."""

    episode_id: str
    request: str
    at: str  #: when, in a form that sorts
    agent: str
    own_tools: bool  #: its agent never runs commands or changes files here: its tools are its own


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """Hold a family of like tasks."""

    name: str
    label: str  #: words of its first request; empty where only the tools are the same


def words_of(request: str) -> frozenset[str]:
    """Give the words that say what a request is about: no numbers, no words of every request."""
    found = {word.lower() for word in _WORD.findall(request[:MAX_REQUEST_CHARS])}
    return frozenset(found - _COMMON)


def families(asked: Sequence[Asked], *, standing: Collection[str] = ()) -> list[Family | None]:
    """Give the family of each episode, None where nothing is like it; their order does not matter.

    What an agent with its own tools does under one policy is alike whatever was asked; a coding agent's
    work is not. A family is called as in `standing` where one of its requests gives that label.
    """
    names: list[Family | None] = [
        Family(name=f"tools {one.agent}", label="") if one.own_tools else None for one in asked
    ]
    for members in _groups([words_of(one.request) for one in asked]):
        ordered = sorted((asked[n] for n in members), key=lambda one: (one.at, one.episode_id))
        first, labels = ordered[0], [_label(one.request) for one in ordered]
        label = next((each for each in labels if each in standing), labels[0])
        for n in members if len(members) > 1 else ():
            names[n] = Family(name=f"request {first.episode_id}", label=label)
    return names


def _label(request: str) -> str:
    about = words_of(request)
    words = (word.lower() for word in _WORD.findall(request[:MAX_REQUEST_CHARS]))
    return " ".join([word for word in dict.fromkeys(words) if word in about][:LABEL_WORDS])


def _groups(words: Sequence[frozenset[str]]) -> list[list[int]]:
    """Join all that are alike, also through others: the result is the same in any order."""
    parent = list(range(len(words)))

    def root(n: int) -> int:
        while parent[n] != n:
            parent[n] = parent[parent[n]]
            n = parent[n]
        return n

    for n, one in enumerate(words):
        for m in range(n):
            if _alike(one, words[m]):
                parent[root(n)] = root(m)
    groups: defaultdict[int, list[int]] = defaultdict(list)
    for n in range(len(words)):
        groups[root(n)].append(n)
    return list(groups.values())


def _alike(one: frozenset[str], other: frozenset[str]) -> bool:
    if min(len(one), len(other)) < MIN_WORDS:
        return False
    return len(one & other) >= ALIKE * len(one | other)
