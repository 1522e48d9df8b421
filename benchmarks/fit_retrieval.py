"""Fit what the figures of retrieval weigh, and write retrieval/index/weights.json.

`python -m benchmarks.fit_retrieval --data FOLDER [--vectors FILE] [--write]`. Every figure it prints is of
queries whose repository was left out of the fit. `benchmarks.retrieval` measures what was written; it fits
nothing. `--vectors` keeps the vectors of skills and queries, which take minutes to make. The same data give
the same weights.
"""

import argparse
import json
import math
import random
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize

from benchmarks.retrieval import CORPUS, QUERIES, SESSIONS, everyday_prompts, records
from hivemind.retrieval.index import embedding, scoring, segment, vectors
from hivemind.retrieval.index.features import NAMES
from hivemind.retrieval.index.index import MAX_ASKED_CHARS
from hivemind.retrieval.index.scoring import SURE_NAMES
from hivemind.retrieval.index.searching import Look, Part, look
from hivemind.retrieval.index.words import query

Array: TypeAlias = npt.NDArray[np.float64]

FOLDS = 8
#: Pulls the weights of figures, each divided by its spread, towards zero.
ORDER_PENALTY, SURE_PENALTY = 30.0, 1.7
#: Candidates of a prompt that its confidence is fitted on, as many as may be shown.
SHOWN = 3
#: What a skill that must not be shown counts beside one that must, at a near miss and at an everyday prompt.
NEAR_MISS, EVERYDAY = 5.0, 20.0
#: In small libraries the best of few is nothing special: each prompt is looked at in a tenth of it, too.
SMALL = 0.1
#: What may be shown wrongly, of near misses and of everyday prompts.
MOST_NEAR_MISSES, MOST_EVERYDAY = 0.08, 0.03
#: The written bounds keep this share of it: other repositories differ by chance alone.
MARGIN = 0.75
_MEANING = NAMES.index("meaning")


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """Hold a prompt, what was seen of its candidates, and which of them are right or must not be shown."""

    seen: Look
    kind: str  #: positive, near miss, everyday
    group: str  #: what it is left out together with
    marked: npt.NDArray[np.bool_]
    without_name: bool = True
    strange: bool = False


def main() -> None:
    """Fit with and without meaning, say how far it carries, and write the weights if told so."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--vectors", type=Path)
    parser.add_argument("--write", action="store_true")
    parser.add_argument(
        "--ablate", action="store_true", help="tell what each figure is worth, and fit nothing"
    )
    arguments = parser.parse_args()
    made = vectors_of(arguments.data, arguments.vectors)
    stored: dict[str, Any] = {}
    for name in ("words", "meaning"):
        if name == "meaning" and made is None:
            print("meaning: not fitted, the extra `embeddings` is not installed")
            continue
        all_cases = cases(arguments.data, made if name == "meaning" else None)
        print(f"== {name}: {Counter(case.kind for case in all_cases)}")
        if arguments.ablate:
            ablate(all_cases, tell=print)
        else:
            stored[name] = fit(all_cases, tell=print)
    if arguments.write:
        target = Path(scoring.__file__).parent / scoring.WEIGHTS_FILE
        if "meaning" not in stored:
            raise SystemExit("nothing written: both sets of weights are needed")
        target.write_text(json.dumps(stored, indent=1) + "\n", "utf-8")
        print(f"written: {target.name}")


def vectors_of(data: Path, cache: Path | None) -> dict[str, Array] | None:
    """Make (or read) the vectors of skills, queries and everyday prompts."""
    if cache is not None and cache.exists():
        return dict(np.load(cache))
    embed = embedding.load(threads=2)
    if embed is None:
        return None
    texts = {
        "skills": [
            f"{one['name'].replace('-', ' ')}. {one['description']}" for one in records(data / CORPUS)
        ],
        "queries": [one["query"][:MAX_ASKED_CHARS] for one in records(data / QUERIES)],
        "everyday": [one[:MAX_ASKED_CHARS] for one in everyday_prompts(sorted(data.glob(SESSIONS)))],
    }
    made = {name: np.asarray(embed(its)) for name, its in texts.items()}
    if cache is not None:
        np.savez(cache, **made)  # type: ignore[arg-type]
    return {name: np.asarray(its, dtype=np.float64) for name, its in made.items()}


def cases(data: Path, made: dict[str, Array] | None) -> list[Case]:
    """Look at every labelled query and everyday prompt in the whole library."""
    skills = list(records(data / CORPUS))
    repositories = {skill["id"]: skill["repo"] for skill in skills}
    built = segment.build(
        [
            segment.read(
                segment.Entry(
                    skill_id=skill["id"],
                    version=1,
                    project_id="",
                    name=skill["name"],
                    description=skill["description"],
                    body=skill["body"],
                )
            )
            for skill in skills
        ]
    )
    packed = vectors.pack(made["skills"].astype(np.float32)) if made else None
    part = Part(name="corpus", segment=built, alive=np.ones(len(built), dtype=bool), vectors=packed)

    def see(prompt: str, kind: str, number: int) -> Look | None:
        vector = made[kind][number].astype(np.float32) if made else None
        return look([part], query(prompt), vector=None if vector is None else lambda: vector)

    found = []
    for number, row in enumerate(records(data / QUERIES)):
        marks = row["gold"] if row["label"] == "positive" else row["not_for"]
        seen = see(row["query"], "queries", number)
        if seen is not None and marks:
            ids = [bytes(built.skill_ids[place]).decode() for _, place in seen.owners]
            found.append(
                Case(
                    seen=seen,
                    kind=row["label"],
                    group=repositories.get(marks[0], ""),
                    marked=np.isin(ids, marks),
                    without_name=not row["name_leak"],
                    strange=scoring.is_strange(seen.query),
                )
            )
    everyday = everyday_prompts(sorted(data.glob(SESSIONS)))
    for number, prompt in enumerate(everyday):
        seen = see(prompt, "everyday", number)
        if seen is not None:
            # Neighbours are of one session, most often.
            group = f"sessions {number * FOLDS // len(everyday)}"
            marked = np.zeros(len(seen.owners), dtype=bool)
            strange = scoring.is_strange(seen.query)
            found.append(Case(seen=seen, kind="everyday", group=group, marked=marked, strange=strange))
    return found


def fit(all_cases: Sequence[Case], *, tell: Callable[[str], None]) -> dict[str, Any]:
    """Fit order and confidence, and tell how far both carry to repositories that were left out."""
    left_out = _left_out(all_cases, _orders(all_cases))
    tell_order(all_cases, left_out, tell)
    bounds = tell_showing(all_cases, left_out, tell)
    order = fit_order(all_cases)
    sure = fit_sure(all_cases, order)
    return {
        "order": {name: round(float(value), 4) for name, value in zip(NAMES, order, strict=True)},
        "sure": {
            name: round(float(value), 4) for name, value in zip((*SURE_NAMES, "bias"), sure, strict=True)
        },
        "threshold": round(bounds.common, 4),
        "strange": round(_logit(bounds.common) - _logit(bounds.strange), 4),
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOut:
    """Hold what a fit without a case's repository makes of it."""

    ranks: list[int]  #: of the right skill
    sureness: list[Array]  #: of the first few candidates, negative where one is not marked


def _orders(all_cases: Sequence[Case]) -> list[Array]:
    """Fit the order once without each fold."""
    folds = _folds([case.group for case in all_cases])
    return [
        fit_order([case for case, its in zip(all_cases, folds, strict=True) if its != fold])
        for fold in range(FOLDS)
    ]


def _left_out(
    all_cases: Sequence[Case], orders: Sequence[Array], *, sure_names: Collection[str] = SURE_NAMES
) -> LeftOut:
    folds = _folds([case.group for case in all_cases])
    mask = np.append(np.isin(SURE_NAMES, list(sure_names)), True)
    ranks = [0] * len(all_cases)
    sureness: list[Array] = [np.zeros(0)] * len(all_cases)
    for fold, order in enumerate(orders):
        inside = [case for case, its in zip(all_cases, folds, strict=True) if its != fold]
        sure = fit_sure(inside, order, mask=mask)
        for number, (case, its) in enumerate(zip(all_cases, folds, strict=True)):
            if its == fold:
                scores = case.seen.figures @ order
                ranks[number] = _rank(scores, case.marked)
                sureness[number] = _confidence(case, scores, sure)
    return LeftOut(ranks=ranks, sureness=sureness)


def ablate(all_cases: Sequence[Case], *, tell: Callable[[str], None]) -> None:
    """Tell what order and showing are without some figures, and with some of them alone."""
    orders = _orders(all_cases)
    known = _left_out(all_cases, orders)
    sets = {
        "all": SURE_NAMES,
        "without how near the nearest are": [one for one in SURE_NAMES if not one.startswith("nearest")],
        "without the telling words": [one for one in SURE_NAMES if not one.startswith("telling")],
        "only the figures of the order": [*NAMES, "lead"],
    }
    for title, kept in sets.items():
        seen = known if kept is SURE_NAMES else _left_out(all_cases, orders, sure_names=kept)
        right, near, everyday = _rates(all_cases, seen, _bounds(all_cases, seen), k=SHOWN)
        tell(f"shown, {title}: right {right:.3f}, near misses {near:.3f}, everyday {everyday:.3f}")
    ablate_order(all_cases, orders, tell=tell)


def ablate_order(all_cases: Sequence[Case], orders: Sequence[Array], *, tell: Callable[[str], None]) -> None:
    """Tell how the order does without each figure, and with some of them alone."""
    folds = _folds([case.group for case in all_cases])
    positive = [(case, its) for case, its in zip(all_cases, folds, strict=True) if case.kind == "positive"]
    lexical = ("head", "body")
    sets: dict[str, Sequence[str]] = {
        "all": NAMES,
        "BM25 only": lexical,
        "BM25 and shares": (*lexical, "head_share", "share"),
        "without pairs": [one for one in NAMES if not one.endswith("pairs")],
        **{f"without {name}": [one for one in NAMES if one != name] for name in NAMES},
    }
    for title, kept in sets.items():
        mask = np.isin(NAMES, kept)
        changed = [
            (replace(case, seen=replace(case.seen, figures=case.seen.figures * mask)), its)
            for case, its in positive
        ]
        ranks = []
        for fold in range(FOLDS):
            order = fit_order([case for case, its in changed if its != fold], start=orders[fold] * mask)
            ranks += [_rank(case.seen.figures @ order, case.marked) for case, its in changed if its == fold]
        tell(f"order, {title}: " + " / ".join(f"{np.mean(np.array(ranks) <= k):.3f}" for k in (1, 3, 5)))


def fit_order(inside: Sequence[Case], *, start: Array | None = None) -> Array:
    """Fit the weights by which the right skill comes first; each is seen with and without its body, too.

    So the order holds in libraries of short texts, as of tools. Large repositories count by the root of
    their size. `start` is where to begin: near the end it takes less time.
    """
    chosen = [case for case in inside if case.kind == "positive" and case.marked.any()]
    sizes = Counter(case.group for case in chosen)
    counts = np.array([sizes[case.group] ** -0.5 for case in chosen])
    counts /= counts.mean()
    figures = [case.seen.figures.astype(np.float64) for case in chosen]
    spread = np.concatenate(figures).std(axis=0) + 1e-9
    spread[~np.concatenate(figures).any(axis=0)] = 1.0
    groups = [
        (its / spread, case.marked, count)
        for case, whole, count in zip(chosen, figures, counts, strict=True)
        for its in (whole, _without_body(whole))
    ]
    stacked = np.concatenate([its for its, _, _ in groups])
    marked = np.concatenate([marks for _, marks, _ in groups])
    starts = np.cumsum([0, *(len(its) for its, _, _ in groups[:-1])])
    lengths = np.array([len(its) for its, _, _ in groups])
    weigh = np.repeat([count for _, _, count in groups], lengths)

    def loss(values: Array) -> tuple[float, Array]:
        scores = stacked @ values
        scores -= np.repeat(np.maximum.reduceat(scores, starts), lengths)
        powers = np.exp(scores)
        total = np.repeat(np.add.reduceat(powers, starts), lengths)
        right = np.repeat(np.add.reduceat(powers * marked, starts), lengths)
        per_group = (np.log(total) - np.log(right))[starts] * weigh[starts]
        pull = weigh * (powers / total - powers * marked / right)
        return (
            float(per_group.sum() + ORDER_PENALTY * values @ values),
            stacked.T @ pull + 2 * ORDER_PENALTY * values,
        )

    begin = np.zeros(len(NAMES)) if start is None else start * spread
    found = minimize(loss, begin, jac=True, method="L-BFGS-B")
    return np.asarray(found.x / spread)


def fit_sure(inside: Sequence[Case], order: Array, *, mask: npt.NDArray[np.bool_] | None = None) -> Array:
    """Fit the probability that a candidate is right; the last value is the bias.

    Figures that the mask leaves out weigh nothing.
    """
    sizes = Counter(case.group for case in inside if case.kind == "positive")
    mean = np.mean([sizes[case.group] ** -0.5 for case in inside if case.kind == "positive"])
    draw = random.Random(0)
    rows, counts = [], []
    sides: list[bool] = []
    for case in inside:
        for kept in (np.ones(len(case.marked), dtype=bool), _small_library(case, draw)):
            scores = case.seen.figures @ order
            best = np.flatnonzero(kept)[np.argsort(-scores[kept], kind="stable")[:SHOWN]]
            its = _sure_figures(case, scores, best, kept)
            right = case.marked[best]
            if case.kind == "positive":
                used, side, count = np.ones(len(best), bool), right, sizes[case.group] ** -0.5 / mean
            elif case.kind == "negative":
                # What else a near miss may need is not known.
                used, side, count = right, np.zeros(len(best), bool), NEAR_MISS
            else:
                used, side, count = np.ones(len(best), bool), np.zeros(len(best), bool), EVERYDAY
            rows.append(its[used])
            sides.extend(side[used])
            counts.extend([count / 2] * int(used.sum()))
    figures = np.concatenate(rows).astype(np.float64)
    signs, weigh = np.where(sides, 1.0, -1.0), np.array(counts)
    centre, spread = figures.mean(axis=0), figures.std(axis=0) + 0.03
    scaled = (figures - centre) / spread
    if mask is not None:
        scaled *= mask[:-1]

    def loss(values: Array) -> tuple[float, Array]:
        margins = signs * (scaled @ values[:-1] + values[-1])
        pull = -weigh * signs / (1 + np.exp(np.clip(margins, -500, 500)))
        gradient = np.append(scaled.T @ pull + 2 * SURE_PENALTY * values[:-1], pull.sum())
        return float(weigh @ np.logaddexp(0, -margins) + SURE_PENALTY * values[:-1] @ values[:-1]), gradient

    found = minimize(
        loss, np.zeros(figures.shape[1] + 1), jac=True, method="L-BFGS-B", options={"maxiter": 2000}
    )
    weights = found.x[:-1] / spread * (1.0 if mask is None else mask[:-1])
    return np.append(weights, found.x[-1] - centre @ weights)


def _small_library(case: Case, draw: random.Random) -> npt.NDArray[np.bool_]:
    kept = np.array([draw.random() < SMALL for _ in case.marked]) | case.marked
    return kept if kept.any() else np.ones(len(kept), dtype=bool)


def _sure_figures(
    case: Case, scores: Array, best: npt.NDArray[np.int64], kept: npt.NDArray[np.bool_]
) -> npt.NDArray[np.float32]:
    rows = np.flatnonzero(kept)
    return scoring.sure_figures(
        case.seen.figures[rows],
        scores[rows].astype(np.float32),
        np.searchsorted(rows, best),
        weights=case.seen.weights,
        told=case.seen.told(best),
    )


def _confidence(case: Case, scores: Array, sure: Array) -> Array:
    """Give the confidence of the first few candidates, negative where it is not marked."""
    best = np.argsort(-scores, kind="stable")[:SHOWN]
    figures = _sure_figures(case, scores, best, np.ones(len(scores), dtype=bool))
    confidence = 1 / (1 + np.exp(-np.clip(figures @ sure[:-1] + sure[-1], -30, 30)))
    return np.asarray(np.where(case.marked[best], confidence, -confidence))


def tell_order(all_cases: Sequence[Case], seen: LeftOut, tell: Callable[[str], None]) -> None:
    """Tell how often the right skill is among the first."""
    positive = [number for number, case in enumerate(all_cases) if case.kind == "positive"]
    for name, numbers in (
        ("all", positive),
        ("without the name", [number for number in positive if all_cases[number].without_name]),
    ):
        its = np.array([seen.ranks[number] for number in numbers])
        tell(f"{name}: hit@1/3/5 " + " / ".join(f"{np.mean(its <= k):.3f}" for k in (1, 3, 5)))


@dataclass(frozen=True, slots=True)
class Bounds:
    """Hold the least confidence to show a skill, at a prompt and at one in a strange language."""

    common: float
    strange: float

    def moved(self, by: float) -> "Bounds":
        """Give both, moved by so much as logits."""
        return Bounds(*(1 / (1 + math.exp(-_logit(one) - by)) for one in (self.common, self.strange)))


def tell_showing(all_cases: Sequence[Case], seen: LeftOut, tell: Callable[[str], None]) -> Bounds:
    """Tell what is shown from which confidence on, and give the bounds that are written."""
    bounds = _bounds(all_cases, seen)
    for by in (-3.0, -2.0, -1.5, -1.0, -0.5, -0.25, 0.0, 0.25, 0.5, 1.0, 1.5):
        for k in (1, 2, SHOWN) if by == 0 else (SHOWN,):
            right, near, everyday = _rates(all_cases, seen, bounds.moved(by), k=k)
            tell(
                f"bounds {by:+.2f}, up to {k}: right {right:.3f}, near misses {near:.3f},"
                f" everyday {everyday:.3f}"
            )
    for name, its in (
        ("near misses bounded alone", _bounds(all_cases, seen, most_everyday=1.0)),
        ("one bound for every language", _bounds(all_cases, seen, apart=False)),
        ("as written", written := _bounds(all_cases, seen, margin=MARGIN)),
    ):
        right, near, everyday = _rates(all_cases, seen, its, k=SHOWN)
        tell(f"{name}: right {right:.3f}, near misses {near:.3f}, everyday {everyday:.3f}")
    tell(f"written: from {written.common:.3f}, in a strange language from {written.strange:.3f}")
    return written


def _bounds(
    all_cases: Sequence[Case],
    seen: LeftOut,
    *,
    apart: bool = True,
    most_everyday: float = MOST_EVERYDAY,
    margin: float = 1.0,
) -> Bounds:
    """Find the least bounds that keep near misses and everyday prompts, those of strange languages apart."""
    found = []
    for strange in (False, True):
        numbers = [n for n, case in enumerate(all_cases) if case.strange == strange or not apart]
        near = [_best_marked(seen.sureness[n]) for n in numbers if all_cases[n].kind == "negative"]
        everyday = [_best_other(seen.sureness[n]) for n in numbers if all_cases[n].kind == "everyday"]
        # Too few everyday prompts of a language tell nothing.
        rare = len(everyday) < 1 / MOST_EVERYDAY
        bounds = [
            _bound(near, MOST_NEAR_MISSES * margin),
            0.0 if rare else _bound(everyday, most_everyday * margin),
        ]
        found.append(max(*bounds, 0.005))
    return Bounds(*found)


def _bound(sureness: Sequence[float], most: float) -> float:
    allowed = int(most * len(sureness))
    highest = sorted(sureness, reverse=True)
    return highest[allowed] + 1e-4 if allowed < len(highest) else 0.0


def _rates(all_cases: Sequence[Case], seen: LeftOut, bounds: Bounds, *, k: int) -> tuple[float, float, float]:
    """Give how often the right skill is shown, the wrong one at near misses, any at everyday prompts."""
    shown: dict[str, list[bool]] = {"positive": [], "negative": [], "everyday": []}
    for case, sureness in zip(all_cases, seen.sureness, strict=True):
        least = bounds.strange if case.strange else bounds.common
        best = _best_other if case.kind == "everyday" else _best_marked
        shown[case.kind].append(best(sureness[:k]) >= least)
    right, near, everyday = (float(np.mean(its)) for its in shown.values())
    return right, near, everyday


def _best_marked(sureness: Array) -> float:
    return float(max(sureness, default=-1.0))


def _best_other(sureness: Array) -> float:
    return float(max(-sureness, default=-1.0))


def _logit(share: float) -> float:
    return math.log(share / (1 - share))


def _rank(scores: Array, marked: npt.NDArray[np.bool_]) -> int:
    return 1 + int((scores > scores[marked].max()).sum()) if marked.any() else len(scores) + 1


def _without_body(figures: Array) -> Array:
    changed = figures.copy()
    changed[:, [NAMES.index("body"), NAMES.index("body_pairs")]] = 0
    changed[:, NAMES.index("share")] = changed[:, NAMES.index("head_share")]
    return changed


def _folds(groups: Sequence[str]) -> list[int]:
    load = [0] * FOLDS
    fold = {}
    for group, size in sorted(Counter(groups).items(), key=lambda item: (-item[1], item[0])):
        fold[group] = min(range(FOLDS), key=load.__getitem__)
        load[fold[group]] += size
    return [fold[group] for group in groups]


if __name__ == "__main__":
    main()
