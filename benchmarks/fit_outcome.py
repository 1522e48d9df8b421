"""Fit the model of outcomes on attempts whose outcome is known.

    python -m benchmarks.fit_outcome --data FOLDER

Writes the weights that the package ships, and for the benchmark those of each fold (a fifth of the tasks left
out) and of each set left out. The same data give the same numbers: nothing is random.
"""

import argparse
import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
from scipy.optimize import minimize

from benchmarks import attempts
from benchmarks.outcome import FITTED_FILE, FOLDS, Measured, fold_of, measure_all, task_key
from hivemind.distill.grading import history, model

#: Penalties of squared weights. What an episode shows depends on the kind of work, and most where people take
#: part; agreement with like episodes means the same everywhere, so it is shrunk less.
PENALTIES = {"alone": 0.1, "talked": 0.3}
PENALTY_HISTORY = 0.003
#: What agreement with like episodes can speak for, whatever one set suggests: more of it is never worse.
SIGNS = {"agreement": 1, "identical": 1, "usual_agreement": 1, "missing": -1, "extra": -1}
#: A part with fewer attempts is fitted on all of them.
MIN_ATTEMPTS = 100
_DIGITS = 5


def main() -> None:
    """Fit, and write the numbers."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    arguments = parser.parse_args()
    measured = measure_all(attempts.read(arguments.data))
    names = sorted({m.set_name for m in measured})
    target = Path(model.__file__).parent / model.WEIGHTS_FILE
    folds = _folds(measured)
    calibration = _calibration(measured, folds)
    target.write_text(_text({"model": _joined(fit(measured), calibration)}), "utf-8")
    without = {name: _without([m for m in measured if m.set_name != name]) for name in names}
    known = sorted({task_key(m.set_name, m.task_id) for m in measured})
    numbers = {"folds": [_joined(one, calibration) for one in folds], "without": without, "tasks": known}
    FITTED_FILE.write_text(_text(numbers), "utf-8")
    print(f"fitted on {len(measured)} attempts at {len(known)} tasks: {target.name}, {FITTED_FILE.name}")


def _without(rest: list[Measured]) -> dict[str, Any]:
    return _joined(fit(rest), _calibration(rest, _folds(rest)))


def _folds(measured: list[Measured]) -> list[dict[str, Any]]:
    return [fit([m for m in measured if fold_of(m) != fold]) for fold in range(FOLDS)]


def _joined(parts: dict[str, Any], calibration: dict[str, Any]) -> dict[str, Any]:
    return {name: {**part, **calibration[name]} for name, part in parts.items()}


def _of_part(measured: list[Measured], name: str) -> list[Measured]:
    chosen = [m for m in measured if model.is_talked(m.features) == (name == "talked")]
    return chosen if len(chosen) >= MIN_ATTEMPTS else measured


def fit(measured: list[Measured]) -> dict[str, Any]:
    """Fit both parts of a model."""
    return {name: _fit(_of_part(measured, name), penalty) for name, penalty in PENALTIES.items()}


def _fit(measured: list[Measured], penalty: float) -> dict[str, Any]:
    """Fit weights; a set counts by the square root of its size."""
    names = list(measured[0].features)
    sizes = Counter(m.set_name for m in measured)
    x = np.array([[m.features[name] for name in names] for m in measured])
    y = np.array([float(m.succeeded) for m in measured])
    weight = np.array([sizes[m.set_name] ** -0.5 for m in measured])
    weight /= weight.sum()
    mean, spread = x.mean(0), x.std(0)
    spread[spread < 1e-9] = 1.0
    z = np.clip((x - mean) / spread, -model.MAX_DEVIATIONS, model.MAX_DEVIATIONS)
    penalties = np.array([PENALTY_HISTORY if name in history.NONE else penalty for name in names])

    def loss(t: Any) -> tuple[float, Any]:
        w, odds = t[:-1], z @ t[:-1] + t[-1]
        error = weight * (1 / (1 + np.exp(-odds)) - y)
        value = float((weight * (np.logaddexp(0, odds) - y * odds)).sum() + (penalties * w**2).sum())
        return value, np.append(z.T @ error + 2 * penalties * w, error.sum())

    limits = {1: (0, None), -1: (None, 0), 0: (None, None)}
    bounds = [*(limits[SIGNS.get(name, 0)] for name in names), limits[0]]
    found = minimize(loss, np.zeros(len(bounds)), jac=True, method="L-BFGS-B", bounds=bounds).x
    rows = zip(names, mean, spread, found[:-1], strict=True)
    return {
        "features": {name: [round(float(v), _DIGITS) for v in values] for name, *values in rows},
        "intercept": round(float(found[-1]), _DIGITS),
    }


def _calibration(measured: list[Measured], folds: list[dict[str, Any]]) -> dict[str, Any]:
    """Calibrate each part on predictions for tasks that it was not fitted on."""
    return {name: _platt(_of_part(measured, name), [fold[name] for fold in folds]) for name in PENALTIES}


def _platt(measured: list[Measured], folds: list[dict[str, Any]]) -> dict[str, float]:
    parts = [model.part_of_json(one) for one in folds]
    odds = np.array([parts[fold_of(m)].raw(m.features) for m in measured])
    y = np.array([float(m.succeeded) for m in measured])

    def loss(t: Any) -> float:
        z = t[0] * odds + t[1]
        return float((np.logaddexp(0, z) - y * z).mean())

    slope, offset = minimize(loss, np.array([1.0, 0.0]), method="L-BFGS-B").x
    return {"slope": round(float(slope), _DIGITS), "offset": round(float(offset), _DIGITS)}


def _text(value: Any) -> str:
    return json.dumps(value, indent=1, sort_keys=True) + "\n"


if __name__ == "__main__":
    main()
