"""Turn features into the probability of success: logistic regression, calibrated; plain arithmetic."""

import json
import math
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

#: No feature counts for more than one so many standard deviations from the middle.
MAX_DEVIATIONS = 3.0
#: Nor is it ever surer than these log-odds: what it reads is circumstance.
MAX_ODDS = 3.0
WEIGHTS_FILE = "weights.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Hold fitted numbers; `features` maps a name to its mean, standard deviation and weight."""

    features: dict[str, tuple[float, float, float]]
    intercept: float
    slope: float = 1.0  #: of Platt's calibration
    offset: float = 0.0

    def raw(self, measured: dict[str, float]) -> float:
        """Give the log-odds before calibration."""
        return self.intercept + sum(
            weight * deviations(measured.get(name, mean), mean, spread)
            for name, (mean, spread, weight) in self.features.items()
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """Hold a part for episodes in which the person wrote once, and one for those with more to read."""

    alone: Part
    talked: Part

    def part(self, measured: dict[str, float]) -> Part:
        """Give the part that reads an episode."""
        return self.talked if is_talked(measured) else self.alone

    def log_odds(self, measured: dict[str, float]) -> float:
        """Give the calibrated log-odds of success."""
        part = self.part(measured)
        return max(-MAX_ODDS, min(MAX_ODDS, part.slope * part.raw(measured) + part.offset))


def is_talked(measured: dict[str, float]) -> bool:
    """Say whether the person wrote more than the request."""
    return measured["prompts"] > math.log1p(1) + 1e-9


def deviations(value: float, mean: float, spread: float) -> float:
    """Give how far a value is from the middle, in standard deviations, within the limit."""
    return max(-MAX_DEVIATIONS, min(MAX_DEVIATIONS, (value - mean) / spread))


def probability(log_odds: float) -> float:
    """Give the probability of log-odds."""
    bounded = max(-30.0, min(30.0, log_odds))
    return 1 / (1 + math.exp(-bounded))


def of_json(value: dict[str, Any]) -> Model:
    """Read a model's numbers."""
    return Model(alone=part_of_json(value["alone"]), talked=part_of_json(value["talked"]))


def part_of_json(value: dict[str, Any]) -> Part:
    """Read the numbers of one part."""
    return Part(
        features={name: (float(m), float(s), float(w)) for name, (m, s, w) in value["features"].items()},
        intercept=float(value["intercept"]),
        slope=float(value.get("slope", 1.0)),
        offset=float(value.get("offset", 0.0)),
    )


@cache
def shipped() -> Model:
    """Give the model that this release grades with."""
    text = files("hivemind.distill.grading").joinpath(WEIGHTS_FILE).read_text("utf-8")
    return of_json(json.loads(text)["model"])
