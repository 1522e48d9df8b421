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
    "nearest",
    "nearest_ten",
    "nearest_rank",
    "nearest_spread",
)
#: Of the nearest so many candidates by meaning it matters how far apart they are.
NEAREST, NEAREST_TEN = 30, 10
#: A prompt is in a strange language when this share of its words is in none of the world's skills, and it has
#: so many: they match the few skills in that language whatever these are for, and the model reads none.
STRANGE_SHARE, STRANGE_WORDS = 0.5, 3


@dataclass(frozen=True, slots=True)
class Weights:
    """Hold what figures weigh for the order and the confidence, and the least confidence to show.

    `strange` is added to the confidence, as a logit, where a prompt is in a strange language.
    """

    order: Array
    sure: Array
    bias: float
    threshold: float
    strange: float = 0.0


@cache
def load(*, meaning: bool) -> Weights:
    """Give the fitted weights, with or without an embedding model."""
    stored = json.loads((Path(__file__).parent / WEIGHTS_FILE).read_text("utf-8"))
    return parse(stored["meaning" if meaning else "words"])


def parse(stored: dict[str, dict[str, float] | float]) -> Weights:
    """Read weights by the names of their figures."""
    order, sure, threshold = stored["order"], stored["sure"], stored["threshold"]
    strange = stored.get("strange", 0.0)
    if not isinstance(order, dict) or not isinstance(sure, dict):
        raise TypeError(WEIGHTS_FILE)
    if isinstance(threshold, dict) or isinstance(strange, dict):
        raise TypeError(WEIGHTS_FILE)
    return Weights(
        np.array([order.get(name, 0.0) for name in NAMES], dtype=np.float32),
        np.array([sure.get(name, 0.0) for name in SURE_NAMES], dtype=np.float32),
        float(sure["bias"]),
        float(threshold),
        float(strange),
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


def is_strange(query: Query) -> bool:
    """Say whether a prompt is in another language than nearly all of the world's skills."""
    if len(query.words) < STRANGE_WORDS:
        return False
    world = _world()
    strange = sum(
        weight
        for word, weight in zip(query.words, query.weights, strict=True)
        if not word.isascii() or (word.isalpha() and word not in world)
    )
    return strange > STRANGE_SHARE * sum(query.weights)


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
        *_nearness(figures[:, NAMES.index("meaning")], chosen),
    ]
    return np.concatenate([rows, np.stack(columns, axis=1).astype(np.float32)], axis=1)


def _nearness(meaning: Array, chosen: npt.NDArray[np.int64]) -> list[Array]:
    """Compare the chosen with the nearest of all candidates: to be near is nothing where many are as near."""
    if not meaning.any():
        return [np.zeros(len(chosen), dtype=np.float32)] * 4
    nearest = np.sort(meaning)[::-1][:NEAREST]
    its = meaning[chosen]
    return [
        its - nearest[0],
        its - nearest[:NEAREST_TEN].mean(),
        np.log1p((meaning > its[:, None]).sum(axis=1)),
        (its - nearest.mean()) / (nearest.std() + 0.02),
    ]


def confidence(sure: Array, weights: Weights, *, strange: bool = False) -> Array:
    """Give the probability that each candidate is right, lowered for a prompt in a strange language."""
    logit = sure @ weights.sure + weights.bias + (weights.strange if strange else 0.0)
    return np.asarray(1 / (1 + np.exp(-np.clip(logit, -30, 30))), dtype=np.float32)


@cache
def _world() -> dict[str, int]:
    return word_frequencies.load()
