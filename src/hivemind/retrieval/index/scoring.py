"""Weigh the figures of candidates: their order, and how sure it is that one is right.

The weights are fitted by benchmarks/fit_retrieval.py and lie in weights.json, once for figures of words only
and once with the meaning of an embedding model.
"""

import json
import math
from collections.abc import Collection
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from hivemind.retrieval import rank, word_frequencies
from hivemind.retrieval.index.features import NAMES
from hivemind.retrieval.index.words import Query

Array: TypeAlias = npt.NDArray[np.float32]

WEIGHTS_FILE = "weights.json"
#: The world's skills count as so many of this library's: a few documents cannot tell which words are common.
PRIOR_SKILLS = 500.0
#: In how many of the world's skills a word is taken to be that is common in none of them.
RARE = 3
#: Words that a long prompt is judged by beside all of them: a plan of two pages has any word somewhere.
TELLING_WORDS = 24
#: Figures that say how sure a candidate is: those of its order, then these.
SURE_NAMES = (
    *NAMES,
    "lead",
    "behind",
    "weight",
    "words",
    "matched",
    "head_matched",
    "matched_share",
    "head_matched_share",
    "paired_share",
    "telling",
    "telling_log",
    "telling_share",
)


@dataclass(frozen=True, slots=True)
class Weights:
    """Hold what figures weigh for the order and the confidence, and the least confidence to show."""

    order: Array
    sure: Array
    bias: float
    threshold: float


@cache
def load(*, meaning: bool) -> Weights:
    """Give the fitted weights, with or without an embedding model."""
    stored = json.loads((Path(__file__).parent / WEIGHTS_FILE).read_text("utf-8"))
    return parse(stored["meaning" if meaning else "words"])


def parse(stored: dict[str, dict[str, float] | float]) -> Weights:
    """Read weights by the names of their figures."""
    order, sure, threshold = stored["order"], stored["sure"], stored["threshold"]
    if not isinstance(order, dict) or not isinstance(sure, dict) or isinstance(threshold, dict):
        raise TypeError(WEIGHTS_FILE)
    return Weights(
        np.array([order.get(name, 0.0) for name in NAMES], dtype=np.float32),
        np.array([sure.get(name, 0.0) for name in SURE_NAMES], dtype=np.float32),
        float(sure["bias"]),
        float(threshold),
    )


def word_weights(query: Query, found_in: Collection[int], skills: int) -> Array:
    """Weigh a prompt's words by their rarity; `found_in` says in how many of the `skills` each is."""
    world = _world()
    rarity = []
    for word, weight, count in zip(query.words, query.weights, found_in, strict=True):
        share = world.get(word, RARE) / word_frequencies.DOCUMENTS
        having, all_of_them = count + PRIOR_SKILLS * share, skills + PRIOR_SKILLS
        rarity.append(weight * math.log(1 + (all_of_them - having + 0.5) / (having + 0.5)))
    return np.array(rarity, dtype=np.float32)


def world_weights(query: Query) -> Array:
    """Weigh a prompt's words as the search without an index does."""
    weights = rank.word_weights(query.words, _world())
    return np.array([weights[word] for word in query.words], dtype=np.float32)


def telling(weights: Array) -> Array:
    """Give the weights with all but those of the rarest words at zero."""
    if len(weights) <= TELLING_WORDS:
        return weights
    kept = np.zeros_like(weights)
    rarest = np.argsort(-weights, kind="stable")[:TELLING_WORDS]
    kept[rarest] = weights[rarest]
    return kept


def sure_figures(
    figures: Array, scores: Array, chosen: npt.NDArray[np.int64], *, weights: Array, told: Array
) -> Array:
    """Give the figures of confidence for the `chosen` rows, the best first.

    `scores` order all candidates; `told` has the figures of the chosen by the telling words alone.
    """
    total = float(weights.sum())
    telling_total = float(telling(weights).sum())
    top = float(scores.max())
    rest = top + math.log(float(np.exp(scores - top).sum()))
    rows = figures[chosen]
    head, share = rows[:, NAMES.index("head_share")], rows[:, NAMES.index("share")]
    told_head, told_share = told[:, NAMES.index("head_share")], told[:, NAMES.index("share")]
    telling_share = told_share * telling_total / max(total, 1e-6)
    told_weight = (told_head + told_share) / 2 * telling_total * np.sqrt(telling_share)
    one = np.ones(len(chosen), dtype=np.float32)
    columns = [
        scores[chosen] - rest,
        scores[chosen] - top,
        one * math.log1p(total),
        one * math.log1p(len(weights)),
        np.log1p(share * total),
        np.log1p(head * total),
        share * total * np.sqrt(share),
        head * total * np.sqrt(head),
        np.minimum(rows[:, NAMES.index("head_pairs")] * head, 3.0),
        told_weight,
        np.log1p(told_weight),
        telling_share,
    ]
    return np.concatenate([rows, np.stack(columns, axis=1).astype(np.float32)], axis=1)


def confidence(sure: Array, weights: Weights) -> Array:
    """Give the probability that each candidate is right."""
    return np.asarray(
        1 / (1 + np.exp(-np.clip(sure @ weights.sure + weights.bias, -30, 30))), dtype=np.float32
    )


@cache
def _world() -> dict[str, int]:
    return word_frequencies.load()
