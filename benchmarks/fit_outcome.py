"""Fit the model of outcomes on attempts whose outcome is known.

    python -m benchmarks.fit_outcome --data FOLDER

Writes the weights that the package ships, and for the benchmark those of each fold (a fifth of the tasks left
out) and of each set left out. The same data give the same numbers: nothing is random.
"""

import argparse
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy.optimize import minimize

from benchmarks import attempts
from benchmarks.outcome import FITTED_FILE, FOLDS, Measured, fold_of, measure_all, task_key
from hivemind.distill.grading import history, model

#: Penalties of squared weights. What an episode shows depends on the task, so it is shrunk; agreement with
#: like episodes means the same everywhere. Predictions for a set that was left out need no more shrinking.
PENALTY, PENALTY_HISTORY = 0.1, 0.003
#: What agreement with like episodes can speak for, whatever one set suggests: more of it is never worse.
SIGNS = {
    **dict.fromkeys(("agreement", "identical", "usual_agreement", "settled_same", "unsettled_same"), 1),
    **dict.fromkeys(("missing", "extra", "settled_other", "settled_missing", "settled_extra"), -1),
}
#: What is read of work unlike all that was fitted on, with the only side that it may speak for. What else an
#: episode shows means one thing here and the reverse there: to refuse is right under one policy and wrong
#: under another.
AGAINST = (
    *("failed", "last_failed", "never_worked", "repeated_failure", "repeated_share"),
    *("ungrounded", "unagreed_writes", "unused_agreement", "complaint_at_end", "giving_up_at_end"),
)
SIGNS_ELSEWHERE = {**{name: SIGNS[name] for name in history.SETTLED}, **dict.fromkeys(AGAINST, -1)}
#: A kind of work needs so many attempts for a part of its own, and a tool of its so large a share of them.
MIN_ATTEMPTS = 50
MIN_USUAL = 0.05
_DIGITS = 5
_BOUNDS = {1: (0, None), -1: (None, 0), 0: (None, None)}


def main() -> None:
    """Fit, and write the numbers."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    arguments = parser.parse_args()
    measured = measure_all(attempts.read(arguments.data))
    names = sorted({m.set_name for m in measured})
    target = Path(model.__file__).parent / model.WEIGHTS_FILE
    folds = [fit([m for m in measured if fold_of(m) != fold]) for fold in range(FOLDS)]
    whole = fit(measured)
    for name in whole["kinds"]:
        _calibrate(
            name, [m for m in measured if m.set_name == name], [fold["kinds"][name] for fold in folds], whole
        )
    without = {name: fit([m for m in measured if m.set_name != name], whole) for name in names}
    known = sorted({task_key(m.set_name, m.task_id) for m in measured})
    target.write_text(_text({"model": whole}), "utf-8")
    FITTED_FILE.write_text(_text({"folds": folds, "without": without, "tasks": known}), "utf-8")
    print(f"fitted on {len(measured)} attempts at {len(known)} tasks: {target.name}, {FITTED_FILE.name}")


def fit(measured: list[Measured], fitted: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Fit a part for each kind of work with enough attempts, unless `fitted`, and one for all else."""
    sizes = Counter(m.set_name for m in measured)
    kinds = {
        name: fitted["kinds"][name] if fitted else _kind([m for m in measured if m.set_name == name])
        for name, size in sorted(sizes.items())
        if size >= MIN_ATTEMPTS
    }
    return {"kinds": kinds, "elsewhere": _elsewhere(measured)}


def _kind(measured: list[Measured]) -> dict[str, Any]:
    called = Counter(tool for m in measured for tool in m.tools)
    usual = sorted(tool for tool, count in called.items() if count >= MIN_USUAL * len(measured))
    # Every attempt counts with what it could be compared to and without: the first of a project has nothing.
    rows = [m.features for m in measured] + [{**m.features, **history.NONE} for m in measured]
    part = _fit(
        rows,
        [m.succeeded for m in measured] * 2,
        [1.0] * len(rows),
        signs={name: SIGNS.get(name, 0) for name in measured[0].features},
    )
    return {"tools": sorted(called), "usual": usual, "part": part}


def _elsewhere(measured: list[Measured]) -> dict[str, Any]:
    """Fit what holds for any work: each set counts the same, and its successes as much as its failures.

    How often work goes well where nothing was fitted on is not known, so no side has an advantage.
    """
    sizes = Counter((m.set_name, m.succeeded) for m in measured)
    return _fit(
        [m.features for m in measured],
        [m.succeeded for m in measured],
        [1 / sizes[m.set_name, m.succeeded] for m in measured],
        signs=SIGNS_ELSEWHERE,
        even=True,
    )


def _fit(
    rows: Sequence[Mapping[str, float]],
    succeeded: Sequence[bool],
    weights: Sequence[float],
    *,
    signs: Mapping[str, int],
    even: bool = False,
) -> dict[str, Any]:
    """Fit a logistic regression; `even` has no intercept."""
    names = list(signs)
    x = np.array([[row[name] for name in names] for row in rows])
    y, weight = np.array(succeeded, dtype=float), np.array(weights) / sum(weights)
    compared = np.array([name in history.NONE for name in names])
    # Nothing to compare with is 0, and has to say nothing.
    mean = np.where(compared, 0.0, weight @ x)
    spread = np.sqrt(weight @ (x - mean) ** 2)
    spread[spread < 1e-9] = 1.0
    z = np.clip((x - mean) / spread, -model.MAX_DEVIATIONS, model.MAX_DEVIATIONS)
    penalty = np.where(compared, PENALTY_HISTORY, PENALTY)

    def loss(t: Any) -> tuple[float, Any]:
        w, odds = t[:-1], z @ t[:-1] + t[-1]
        error = weight * (1 / (1 + np.exp(-odds)) - y)
        value = float((weight * (np.logaddexp(0, odds) - y * odds)).sum() + (penalty * w**2).sum())
        return value, np.append(z.T @ error + 2 * penalty * w, error.sum())

    bounds = [*(_BOUNDS[signs[name]] for name in names), (0, 0) if even else _BOUNDS[0]]
    found = minimize(loss, np.zeros(len(bounds)), jac=True, method="L-BFGS-B", bounds=bounds).x
    numbers = zip(names, mean, spread, found[:-1], strict=True)
    return {
        "features": {
            name: [round(float(v), _DIGITS) for v in (m, s, w)]
            for name, m, s, w in numbers
            if round(float(w), _DIGITS)
        },
        "intercept": round(float(found[-1]), _DIGITS),
    }


def _calibrate(
    name: str, measured: list[Measured], folds: Sequence[dict[str, Any]], whole: dict[str, Any]
) -> None:
    """Calibrate a kind's part, and those of the folds, on predictions for tasks that were left out."""
    parts = [model.part_of_json(fold["part"]) for fold in folds]
    odds = np.array(
        [
            parts[fold_of(m)].raw(features)
            for m in measured
            for features in (m.features, {**m.features, **history.NONE})
        ]
    )
    y = np.array([float(m.succeeded) for m in measured for _ in range(2)])

    def loss(t: Any) -> float:
        z = t[0] * odds + t[1]
        return float((np.logaddexp(0, z) - y * z).mean())

    slope, offset = minimize(loss, np.array([1.0, 0.0]), method="L-BFGS-B").x
    numbers = {"slope": round(float(slope), _DIGITS), "offset": round(float(offset), _DIGITS)}
    for kind in (*folds, whole["kinds"][name]):
        kind["part"].update(numbers)


def _text(value: Any) -> str:
    return json.dumps(value, indent=1, sort_keys=True) + "\n"


if __name__ == "__main__":
    main()
