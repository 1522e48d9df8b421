"""Fit what the figures of retrieval weigh, and write retrieval/index/weights.json.

`python -m benchmarks.fit_retrieval --data FOLDER [--vectors FILE] [--write]`. Every figure it prints is of
queries whose repository was left out of the fit. `benchmarks.retrieval` measures what was written; it fits
nothing. `--vectors` keeps the vectors of skills and queries, which take minutes to make. The same data give
the same weights.
"""

import argparse
import json
import random
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize

from benchmarks.retrieval import CORPUS, QUERIES, SESSIONS, everyday_prompts, records
from hivemind.retrieval.index import embedding, scoring, segment, vectors
from hivemind.retrieval.index.features import NAMES
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
NEAR_MISS, EVERYDAY = 14.0, 8.0
#: In small libraries the best of few is nothing special: each prompt is looked at in a tenth of it, too.
SMALL = 0.1
#: What may be shown wrongly, of near misses and of everyday prompts.
MOST_NEAR_MISSES, MOST_EVERYDAY = 0.08, 0.03
_MEANING = NAMES.index("meaning")


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """Hold a prompt, what was seen of its candidates, and which of them are right or must not be shown."""

    seen: Look
    kind: str  #: positive, near miss, everyday
    group: str  #: what it is left out together with
    marked: npt.NDArray[np.bool_]
    without_name: bool = True


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
        "queries": [one["query"] for one in records(data / QUERIES)],
        "everyday": everyday_prompts(sorted(data.glob(SESSIONS))),
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
                )
            )
    everyday = everyday_prompts(sorted(data.glob(SESSIONS)))
    for number, prompt in enumerate(everyday):
        seen = see(prompt, "everyday", number)
        if seen is not None:
            # Neighbours are of one session, most often.
            group = f"sessions {number * FOLDS // len(everyday)}"
            marked = np.zeros(len(seen.owners), dtype=bool)
            found.append(Case(seen=seen, kind="everyday", group=group, marked=marked))
    return found


def fit(all_cases: Sequence[Case], *, tell: Callable[[str], None]) -> dict[str, Any]:
    """Fit order and confidence, and tell how far both carry to repositories that were left out."""
    folds = _folds([case.group for case in all_cases])
    ranks: dict[int, int] = {}
    sureness: dict[int, Array] = {}
    for fold in range(FOLDS):
        inside = [case for case, its in zip(all_cases, folds, strict=True) if its != fold]
        order = fit_order(inside)
        sure = fit_sure(inside, order)
        for number, (case, its) in enumerate(zip(all_cases, folds, strict=True)):
            if its == fold:
                scores = case.seen.figures @ order
                ranks[number] = _rank(scores, case.marked)
                sureness[number] = _confidence(case, scores, sure)
    threshold = _tell(all_cases, ranks, sureness, tell)
    order = fit_order(all_cases)
    sure = fit_sure(all_cases, order)
    return {
        "order": {name: round(float(value), 4) for name, value in zip(NAMES, order, strict=True)},
        "sure": {
            name: round(float(value), 4) for name, value in zip((*SURE_NAMES, "bias"), sure, strict=True)
        },
        "threshold": round(threshold, 4),
    }


def ablate(all_cases: Sequence[Case], *, tell: Callable[[str], None]) -> None:
    """Tell how the order does without each figure, and with some of them alone."""
    positive = [case for case in all_cases if case.kind == "positive"]
    folds = _folds([case.group for case in positive])
    lexical = ("head", "body")
    sets: dict[str, Sequence[str]] = {
        "all": NAMES,
        **{f"without {name}": [one for one in NAMES if one != name] for name in NAMES},
        "without pairs": [one for one in NAMES if not one.endswith("pairs")],
        "BM25 only": lexical,
        "BM25 and shares": (*lexical, "head_share", "share"),
    }
    for title, kept in sets.items():
        mask = np.isin(NAMES, kept)
        changed = [
            replace(case, seen=replace(case.seen, figures=case.seen.figures * mask)) for case in positive
        ]
        ranks = np.zeros(len(changed))
        for fold in range(FOLDS):
            order = fit_order([case for case, its in zip(changed, folds, strict=True) if its != fold])
            for number, (case, its) in enumerate(zip(changed, folds, strict=True)):
                if its == fold:
                    ranks[number] = _rank(case.seen.figures @ order, case.marked)
        tell(f"{title}: " + " / ".join(f"{np.mean(ranks <= k):.3f}" for k in (1, 3, 5)))


def fit_order(inside: Sequence[Case]) -> Array:
    """Fit the weights by which the right skill comes first; each is seen with and without its body, too.

    So the order holds in libraries of short texts, as of tools. Large repositories count by the root of
    their size.
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

    found = minimize(loss, np.zeros(len(NAMES)), jac=True, method="L-BFGS-B")
    return np.asarray(found.x / spread)


def fit_sure(inside: Sequence[Case], order: Array) -> Array:
    """Fit the probability that a candidate is right; the last value is the bias."""
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

    def loss(values: Array) -> tuple[float, Array]:
        margins = signs * (scaled @ values[:-1] + values[-1])
        pull = -weigh * signs / (1 + np.exp(np.clip(margins, -500, 500)))
        gradient = np.append(scaled.T @ pull + 2 * SURE_PENALTY * values[:-1], pull.sum())
        return float(weigh @ np.logaddexp(0, -margins) + SURE_PENALTY * values[:-1] @ values[:-1]), gradient

    found = minimize(
        loss, np.zeros(figures.shape[1] + 1), jac=True, method="L-BFGS-B", options={"maxiter": 2000}
    )
    weights = found.x[:-1] / spread
    return np.append(weights, found.x[-1] - centre @ weights)


def _small_library(case: Case, draw: random.Random) -> npt.NDArray[np.bool_]:
    kept = np.array([draw.random() < SMALL for _ in case.marked]) | case.marked
    return kept if kept.any() else np.ones(len(kept), dtype=bool)


def _sure_figures(
    case: Case, scores: Array, best: npt.NDArray[np.int64], kept: npt.NDArray[np.bool_]
) -> npt.NDArray[np.float32]:
    hidden = np.where(kept, scores, -1e6).astype(np.float32)
    told = case.seen.told(best)
    told[:, _MEANING] = case.seen.figures[best, _MEANING]
    return scoring.sure_figures(case.seen.figures, hidden, best, weights=case.seen.weights, told=told)


def _confidence(case: Case, scores: Array, sure: Array) -> Array:
    """Give the confidence of the first few candidates, negative where it is not marked."""
    best = np.argsort(-scores, kind="stable")[:SHOWN]
    figures = _sure_figures(case, scores, best, np.ones(len(scores), dtype=bool))
    confidence = 1 / (1 + np.exp(-np.clip(figures @ sure[:-1] + sure[-1], -30, 30)))
    return np.asarray(np.where(case.marked[best], confidence, -confidence))


def _tell(
    all_cases: Sequence[Case],
    ranks: dict[int, int],
    sureness: dict[int, Array],
    tell: Callable[[str], None],
) -> float:
    by_kind: dict[str, list[int]] = {}
    for number, case in enumerate(all_cases):
        by_kind.setdefault(case.kind, []).append(number)
    positive = by_kind["positive"]
    for name, numbers in (
        ("all", positive),
        ("without the name", [number for number in positive if all_cases[number].without_name]),
    ):
        its = np.array([ranks[number] for number in numbers])
        tell(f"{name}: hit@1/3/5 " + " / ".join(f"{np.mean(its <= k):.3f}" for k in (1, 3, 5)))
    shown = {kind: [sureness[number] for number in numbers] for kind, numbers in by_kind.items()}

    def rates(least: float) -> tuple[float, float, float]:
        right, near = (
            np.mean([bool((one >= least).any()) for one in shown[k]]) for k in ("positive", "negative")
        )
        return (
            float(right),
            float(near),
            float(np.mean([bool((-one >= least).any()) for one in shown["everyday"]])),
        )

    steps = [float(least) for least in np.linspace(0.005, 0.995, 199)]
    threshold = next(
        (
            least
            for least in steps
            if rates(least)[1] <= MOST_NEAR_MISSES and rates(least)[2] <= MOST_EVERYDAY
        ),
        1.0,
    )
    for least in [*steps[::20], threshold]:
        right, near, everyday = rates(least)
        tell(f"shown from {least:.3f}: right {right:.3f}, near misses {near:.3f}, everyday {everyday:.3f}")
    return threshold


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
