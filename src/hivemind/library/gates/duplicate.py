"""Near-duplicates confuse an agent's choice of skill more than anything else does."""

import functools
import re
from collections.abc import Iterator

from hivemind.domain.skills import Finding, SkillDocument
from hivemind.library.gates.base import GateContext, shown

name = "duplicate"

#: Share of common word triples, of all in both, from which two skills are the same.
MAX_SIMILARITY = 0.6
_WORD = re.compile(r"\w+")


def check(document: SkillDocument, context: GateContext) -> Iterator[Finding]:
    """Report another skill of this name, and one that says nearly the same."""
    own = _shingles(f"{document.description}\n{document.body}")
    for other in context.others:
        if other.name == document.name:
            yield Finding(
                gate=name,
                message=f"The name {shown(document.name)} belongs to skill {other.skill_id}; choose another.",
            )
            continue
        alike = _jaccard(own, _shingles(f"{other.description}\n{other.body}"))
        if alike >= MAX_SIMILARITY:
            yield Finding(
                gate=name,
                message=f"It is {alike:.0%} like {shown(other.name)}; add to that one what is new.",
            )


def similarity(one: str, two: str) -> float:
    """Give the share of common word triples of two texts, from 0 to 1."""
    return _jaccard(_shingles(one), _shingles(two))


@functools.lru_cache(maxsize=4096)
def _shingles(text: str) -> frozenset[tuple[str, ...]]:
    words = _WORD.findall(text.lower())
    return frozenset(zip(words, words[1:], words[2:], strict=False)) or frozenset({tuple(words)})


def _jaccard(one: frozenset[tuple[str, ...]], two: frozenset[tuple[str, ...]]) -> float:
    common = len(one & two)
    return common / (len(one) + len(two) - common)
