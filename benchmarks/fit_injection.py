"""Weigh the words of one-line injections against those of harmless lines and of real skills.

    python -m benchmarks.fit_injection --data FOLDER

Writes the weights that the package ships, and prints what they find among rules, and among kinds of attack,
that were left out of the fit. The same data give the same numbers: nothing is random.
"""

import argparse
import gzip
import hashlib
import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize
from scipy.sparse import csr_matrix

from benchmarks.gates import CORPUS, SKILLS, SNIPPETS
from hivemind.library.gates.injection import familiar

#: A word counts where so many rules have it: what one rule's texts have in common is that rule's alone.
MIN_RULES = 3
#: Lines taken of one skill, and what one of them counts beside a one-liner.
LINES, LINE_COUNTS = 12, 0.1
PENALTY = 0.25
#: The share of harmless one-liners that may be told about.
FALSE_ALARMS = 0.04
FOLDS = 6
#: Weights are rounded to this, and what rounds to nothing is left out.
STEP = 0.05
_MIN_WORDS = 3

Array: TypeAlias = npt.NDArray[np.float64]
Flags: TypeAlias = npt.NDArray[np.bool_]
_HEAD = """\
# How much words speak for an attack on an agent; written by benchmarks/fit_injection.py, not by hand.
# Fitted on one-liners of agent-threat-rules (Copyright ATR Contributors, MIT License) and on public skills.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """Hold a text, what it is, and what it is left out together with."""

    text: str
    hostile: bool
    group: str  #: its rule, or the repository of its skill
    kind: str = ""  #: of a one-liner: the kind of attack that its rule is about


def main() -> None:
    """Fit, write the weights, and say how far they carry."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    data = parser.parse_args().data
    pieces = [*one_liners(data), *skill_lines(data)]
    by_rule = held_out(pieces, [_fold(piece.group) for piece in pieces])
    by_kind = held_out(pieces, [piece.kind or f"skills {_fold(piece.group)}" for piece in pieces])
    hostile = np.array([piece.hostile for piece in pieces])
    short = np.array([bool(piece.kind) for piece in pieces])
    limit = float(np.quantile(by_rule[short & ~hostile], 1 - FALSE_ALARMS))
    for name, scores in (("rules", by_rule), ("kinds of attack", by_kind)):
        told = scores > limit
        print(
            f"{name} left out: {told[hostile].mean():.3f} of attacks, {told[short & ~hostile].mean():.3f} of "
            f"harmless one-liners, {told[~short].mean():.4f} of lines of skills"
        )
    fitted = fit(pieces)
    target = Path(familiar.__file__).parent / familiar.WEIGHTS_FILE
    target.write_text(_text(fitted, bias=fitted.pop("") - limit), "utf-8")
    print(f"{len(fitted)} words: {target.name}")


def one_liners(data: Path) -> Iterator[Piece]:
    """Yield the labelled one-liners."""
    for row in _records(data / SNIPPETS):
        text = row["text"][: familiar.MAX_PIECE]
        yield Piece(text=text, hostile=row["label"] == "malicious", group=row["rule"], kind=row["category"])


def skill_lines(data: Path) -> Iterator[Piece]:
    """Yield some lines of each real skill, and of each that is known to be harmless."""
    for row in _records(data / CORPUS):
        for line in _some_lines(f"{row['description']}\n{row['body']}"):
            yield Piece(text=line, hostile=False, group=row["repo"])
    for row in _records(data / SKILLS):
        if row["label"] == "benign":
            for line in _some_lines(row["files"]["SKILL.md"]):
                yield Piece(text=line, hostile=False, group=row["pair"] or row["name"])


def held_out(pieces: Sequence[Piece], folds: Sequence[str | int]) -> Array:
    """Weigh each piece by a fit without its fold."""
    scores = np.zeros(len(pieces))
    for fold in dict.fromkeys(folds):
        weights = fit([piece for piece, its in zip(pieces, folds, strict=True) if its != fold])
        for place, (piece, its) in enumerate(zip(pieces, folds, strict=True)):
            if its == fold:
                words = familiar.features(piece.text)
                scores[place] = weights[""] + sum(weights.get(word, 0.0) for word in words)
    return scores


def fit(pieces: Sequence[Piece]) -> dict[str, float]:
    """Fit a logistic regression; the intercept is the weight of the empty word."""
    features = [familiar.features(piece.text) for piece in pieces]
    rules = defaultdict[str, set[str]](set)
    for piece, words in zip(pieces, features, strict=True):
        if piece.kind:
            for word in words:
                rules[word].add(piece.group)
    places = {
        word: place for place, word in enumerate(sorted(w for w, r in rules.items() if len(r) >= MIN_RULES))
    }
    rows = [[places[word] for word in sorted(words) if word in places] for words in features]
    lengths = np.cumsum([0, *map(len, rows)])
    columns = np.array([place for row in rows for place in row], dtype=np.int64)
    x = csr_matrix((np.ones(len(columns)), columns, lengths), shape=(len(rows), len(places)))
    sides = np.where([piece.hostile for piece in pieces], 1.0, -1.0)
    counts = np.array([1.0 if piece.kind else LINE_COUNTS for piece in pieces])

    def loss(values: Array) -> tuple[float, Array]:
        margins = sides * (x @ values[1:] + values[0])
        pull = -sides * counts / (1 + np.exp(np.clip(margins, -500, 500)))
        gradient = np.concatenate(([pull.sum()], x.T @ pull + 2 * PENALTY * values[1:]))
        return float(counts @ np.logaddexp(0, -margins) + PENALTY * (values[1:] @ values[1:])), gradient

    found = minimize(loss, np.zeros(len(places) + 1), jac=True, method="L-BFGS-B", options={"maxiter": 400})
    return {"": float(found.x[0]), **{word: float(found.x[1 + place]) for word, place in places.items()}}


def _text(weights: dict[str, float], *, bias: float) -> str:
    words = defaultdict[int, list[str]](list)
    for word, weight in weights.items():
        if word and (steps := round(weight / STEP)):
            words[steps].append(word)
    lines = [f"{steps * STEP:.2f} {' '.join(sorted(words[steps]))}" for steps in sorted(words, reverse=True)]
    return "\n".join([_HEAD + f"{bias:.4f} BIAS", *lines, ""])


def _some_lines(text: str) -> list[str]:
    lines = [line for line in text.split("\n") if len(line.split()) >= _MIN_WORDS]
    return lines[:: max(1, len(lines) // LINES)]


def _fold(group: str) -> int:
    return hashlib.sha256(group.encode()).digest()[0] % FOLDS


def _records(path: Path) -> Iterator[Any]:
    with gzip.open(path, "rb") as lines:
        yield from map(json.loads, lines)


if __name__ == "__main__":
    main()
