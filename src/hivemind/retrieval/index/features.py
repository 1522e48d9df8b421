"""Say what speaks for a skill: a few figures for each candidate, from the words of the prompt that it has."""

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from hivemind.retrieval.index.segment import Segment, body_score, head_score
from hivemind.retrieval.index.words import Query

Array: TypeAlias = npt.NDArray[np.float32]

#: What each figure is: shares of the prompt's weight, BM25 over the root of that weight, and so on.
NAMES = ("name", "head", "body", "head_share", "share", "head_pairs", "body_pairs", "meaning")
_LOW = 0xFFFF


def features(
    query: Query, weights: Array, candidates: Sequence[tuple[Segment, npt.NDArray[np.int64]]]
) -> Array:
    """Give a row of figures for each candidate, `meaning` left at zero; `weights` are those of the words.

    Candidates are places in segments, and the rows follow their order.
    """
    size = sum(len(places) for _, places in candidates)
    words = len(query.numbers)
    found = np.zeros((size, len(NAMES)), dtype=np.float32)
    if not size or not words:
        return found
    starts = np.concatenate([segment.starts[places] for segment, places in candidates])
    lengths = np.concatenate([segment.starts[places + 1] for segment, places in candidates]) - starts
    heads = np.concatenate([segment.head_words[places] for segment, places in candidates]).astype(np.int64)
    names = np.concatenate([segment.name_words[places] for segment, places in candidates]).astype(np.int64)
    tokens = np.concatenate(
        [
            segment.tokens[segment.starts[place] : segment.starts[place + 1]]
            for segment, places in candidates
            for place in places
        ]
    )
    rows = np.repeat(np.arange(size), lengths)
    places = np.arange(len(tokens)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    which = _which(query, tokens)
    in_head = places < heads[rows]
    hit = which >= 0
    cell = rows * words + which
    in_heads = np.bincount(cell[hit & in_head], minlength=size * words).reshape(size, words)
    in_bodies = np.bincount(cell[hit & ~in_head], minlength=size * words).reshape(size, words)
    total = float(weights.sum())
    root = max(total, 1.0) ** 0.5
    named = np.bincount(rows[hit & (places < names[rows])], minlength=size)
    found[:, 0] = np.minimum(1.0, named / np.maximum(names, 1))
    head_counts, body_counts = in_heads.astype(np.float32), in_bodies.astype(np.float32)
    found[:, 1] = head_score(head_counts, heads[:, None]) @ weights / root
    found[:, 2] = body_score(body_counts, (lengths - heads)[:, None]) @ weights / root
    found[:, 3] = (in_heads > 0) @ weights / max(total, 1e-6)
    found[:, 4] = (in_heads + in_bodies > 0) @ weights / max(total, 1e-6)
    found[:, 5:7] = _pairs(query, weights, rows=rows, which=which, in_head=in_head, size=size) / root
    return found


def _which(query: Query, tokens: npt.NDArray[np.uint32]) -> npt.NDArray[np.int64]:
    """Give each token's place among the prompt's words, or -1."""
    asked = np.array(query.numbers, dtype=np.uint32)
    table = np.full(_LOW + 1, -1, dtype=np.int16)
    table[asked & _LOW] = np.arange(len(asked), dtype=np.int16)
    which = table[tokens & _LOW].astype(np.int64)
    which[asked[which] != tokens] = -1
    return np.asarray(which)


def _pairs(
    query: Query,
    weights: Array,
    *,
    rows: npt.NDArray[np.int64],
    which: npt.NDArray[np.int64],
    in_head: npt.NDArray[np.bool_],
    size: int,
) -> Array:
    """Weigh the pairs of neighbours in the prompt that are neighbours in a skill, too, each once."""
    found = np.zeros((size, 2), dtype=np.float32)
    if not query.pairs or len(which) < 2:
        return found
    words = len(query.numbers)
    table = np.full(words * words, -1, dtype=np.int64)
    for place, (one, other) in enumerate(query.pairs):
        table[one * words + other] = table[other * words + one] = place
    near = (which[:-1] >= 0) & (which[1:] >= 0) & (rows[:-1] == rows[1:]) & (in_head[:-1] == in_head[1:])
    left, right = which[:-1][near], which[1:][near]
    pair = table[left * words + right]
    its_row, its_head, known = rows[:-1][near], in_head[:-1][near], pair >= 0
    both = np.array([weights[one] + weights[other] for one, other in query.pairs], dtype=np.float32)
    for column, part in enumerate((its_head, ~its_head)):
        chosen = known & part
        cells = np.bincount(its_row[chosen] * len(both) + pair[chosen], minlength=size * len(both))
        found[:, column] = (cells.reshape(size, len(both)) > 0) @ both
    return found
