"""Measure how well outcomes are told, on attempts whose outcome is known. Never fits.

    python -m benchmarks.outcome --data FOLDER [--json]

For a task that the weights were fitted on, the committed weights of the fold that left it out are used; for
any other task the shipped weights are. `without_this_set` uses those fitted on the other sets alone.
"""

import argparse
import hashlib
import json
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks import attempts
from benchmarks.attempts import Attempt
from hivemind.distill.grading import features, grade, history, model
from hivemind.distill.grading.history import Fingerprint
from hivemind.distill.grading.model import Model
from hivemind.domain.outcomes import Outcome

FITTED_FILE = Path(__file__).with_name("outcome_folds.json")
FOLDS = 5
BINS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """Hold an attempt's features, and what it could be compared with: the attempts before it in its file."""

    set_name: str
    task_id: str
    succeeded: bool
    attempt: Attempt
    features: dict[str, float]
    tools: frozenset[str]
    alike: tuple[tuple[float, Fingerprint], ...]


def measure_all(found: dict[str, list[Attempt]]) -> list[Measured]:
    """Measure every attempt; a set is a project, and its attempts came in the order of the file."""
    measured = []
    for one in found.values():
        earlier: list[Fingerprint] = []
        for attempt in one:
            own = history.fingerprint(attempt.episode)
            alike = tuple(history.like(own, earlier))
            earlier.append(own)
            values = {**features.measure(attempt.episode), **history.measure(own, alike)}
            measured.append(
                Measured(
                    set_name=attempt.set_name,
                    task_id=attempt.task_id,
                    succeeded=attempt.succeeded,
                    attempt=attempt,
                    features=values,
                    tools=frozenset(call.tool_name for call in attempt.episode.calls),
                    alike=alike,
                )
            )
    return measured


def task_key(set_name: str, task_id: str) -> str:
    """Give the key of a task in the file of fitted weights."""
    return hashlib.sha256(f"{set_name}\0{task_id}".encode()).hexdigest()[:12]


def fold_of(measured: Measured) -> int:
    """Give the fold that a task is in, whatever its set holds beside it."""
    return int(hashlib.sha256(measured.task_id.encode()).hexdigest(), 16) % FOLDS


def auc(truth: Sequence[bool], scores: Sequence[float]) -> float | None:
    """Give how often a success scores above a failure."""
    return _won(
        [s for t, s in zip(truth, scores, strict=True) if t],
        [s for t, s in zip(truth, scores, strict=True) if not t],
    )


def _won(good: Sequence[float], bad: Sequence[float]) -> float | None:
    if not good or not bad:
        return None
    ordered = sorted(bad)
    from bisect import bisect_left, bisect_right

    won = sum((bisect_left(ordered, g) + bisect_right(ordered, g)) / 2 for g in good)
    return won / len(good) / len(bad)


def pair_accuracy(measured: Sequence[Measured], scores: Sequence[float]) -> tuple[float | None, int]:
    """Give how often a success scores above a failure at the same task, and of how many pairs."""
    tasks: dict[str, tuple[list[float], list[float]]] = defaultdict(lambda: ([], []))
    for m, score in zip(measured, scores, strict=True):
        tasks[m.task_id][0 if m.succeeded else 1].append(score)
    pairs = [(len(good) * len(bad), _won(good, bad)) for good, bad in tasks.values() if good and bad]
    total = sum(count for count, _ in pairs)
    return (sum(count * (won or 0.0) for count, won in pairs) / total if total else None), total


def calibration_error(truth: Sequence[bool], scores: Sequence[float]) -> float:
    """Give the expected calibration error over ten bins of equal width."""
    bins: dict[int, list[tuple[bool, float]]] = defaultdict(list)
    for t, s in zip(truth, scores, strict=True):
        bins[min(BINS - 1, int(s * BINS))].append((t, s))
    return sum(abs(sum(t for t, _ in b) - sum(s for _, s in b)) for b in bins.values()) / max(1, len(truth))


def figures(
    measured: Sequence[Measured], choose: Callable[[Measured], Model], *, alone: bool = False
) -> dict[str, Any]:
    """Grade attempts as production would, and count; `alone` leaves earlier attempts out."""
    graded = [grade(m.attempt.episode, alike=() if alone else m.alike, model=choose(m)) for m in measured]
    truth, scores = [m.succeeded for m in measured], [g.score for g in graded]
    pairs, count = pair_accuracy(measured, scores)
    told = [
        (m.succeeded, g.label)
        for m, g in zip(measured, graded, strict=True)
        if g.label is not Outcome.UNKNOWN
    ]
    right = sum(t == (label is Outcome.SUCCESS) for t, label in told)
    return {
        "attempts": len(measured),
        "auc": _rounded(auc(truth, scores)),
        "pair_accuracy": _rounded(pairs),
        "pairs": count,
        "calibration_error": _rounded(calibration_error(truth, scores)),
        "unknown_share": _rounded(1 - len(told) / max(1, len(measured))),
        "right_when_told": _rounded(right / len(told)) if told else None,
        "success_precision": _precision(told, Outcome.SUCCESS),
        "failure_precision": _precision(told, Outcome.FAILURE),
    }


def _precision(told: Sequence[tuple[bool, Outcome]], label: Outcome) -> float | None:
    chosen = [truth == (label is Outcome.SUCCESS) for truth, said in told if said is label]
    return _rounded(sum(chosen) / len(chosen)) if chosen else None


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 3)


def evaluate(folder: Path) -> dict[str, Any]:
    """Measure every set below a folder."""
    measured = measure_all(attempts.read(folder))
    fitted = json.loads(FITTED_FILE.read_text("utf-8"))
    folds = [model.of_json(one) for one in fitted["folds"]]
    without = {name: model.of_json(one) for name, one in fitted["without"].items()}
    known = set(fitted["tasks"])

    def held_out(m: Measured) -> Model:
        return folds[fold_of(m)] if task_key(m.set_name, m.task_id) in known else model.shipped()

    result: dict[str, Any] = {}
    for name in sorted({m.set_name for m in measured}):
        chosen = [m for m in measured if m.set_name == name]
        result[name] = {
            "weights": "of the folds that left the task out" if _is_known(chosen, known) else "shipped",
            "with_history": figures(chosen, held_out),
            "alone": figures(chosen, held_out, alone=True),
        }
        if name in without:
            other = without[name]
            result[name]["without_this_set"] = figures(chosen, _always(other))
    result["all"] = {"with_history": figures(measured, held_out)}
    return result


def _always(one: Model) -> Callable[[Measured], Model]:
    return lambda _: one


def _is_known(chosen: Sequence[Measured], known: set[str]) -> bool:
    return any(task_key(m.set_name, m.task_id) in known for m in chosen)


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    found = evaluate(arguments.data)
    if arguments.json:
        print(json.dumps(found, indent=2))
        return
    for name, one in found.items():
        print(f"{name}: {one.get('weights', '')}")
        for mode, numbers in one.items():
            if isinstance(numbers, dict):
                print(f"  {mode}: " + ", ".join(f"{key} {value}" for key, value in numbers.items()))


if __name__ == "__main__":
    main()
