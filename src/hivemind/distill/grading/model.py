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
MAX_ODDS = 4.0
#: An episode is of a known kind when it called so many of the kind's usual tools (or half of them), and when
#: of all the tools it called so large a share is the kind's.
MIN_TOOLS = 2
MIN_KNOWN = 0.8
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
class Kind:
    """Hold a kind of work with enough verified attempts to fit on, known by its agent's tools."""

    name: str
    tools: frozenset[str]  #: all that were ever called
    usual: frozenset[str]  #: those that many attempts call
    part: Part

    def known(self, tools: frozenset[str]) -> float:
        """Give the share of tools that are of this kind, 0.0 where they are too few to tell."""
        enough = len(tools & self.usual) >= min(MIN_TOOLS, (len(self.usual) + 1) // 2)
        return len(tools & self.tools) / len(tools) if tools and enough else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """Hold a part for each kind of work that was fitted on, and one for work unlike all of them."""

    kinds: tuple[Kind, ...]
    elsewhere: Part

    def part(self, tools: frozenset[str]) -> Part:
        """Give the part that reads an episode in which these tools were called."""
        known = sorted(((kind.known(tools), kind) for kind in self.kinds), key=lambda one: -one[0])
        if not known or known[0][0] < MIN_KNOWN or (len(known) > 1 and known[1][0] == known[0][0]):
            return self.elsewhere
        return known[0][1].part

    def knows(self, tools: frozenset[str]) -> bool:
        """Say whether an episode in which these tools were called is of a kind that was fitted on."""
        return self.part(tools) is not self.elsewhere

    def log_odds(self, measured: dict[str, float], tools: frozenset[str]) -> float:
        """Give the calibrated log-odds of success."""
        part = self.part(tools)
        odds = part.slope * part.raw(measured) + part.offset
        return MAX_ODDS * math.tanh(odds / MAX_ODDS)  # the order is kept, unlike by cutting off


def deviations(value: float, mean: float, spread: float) -> float:
    """Give how far a value is from the middle, in standard deviations, within the limit."""
    return max(-MAX_DEVIATIONS, min(MAX_DEVIATIONS, (value - mean) / spread))


def probability(log_odds: float) -> float:
    """Give the probability of log-odds."""
    bounded = max(-30.0, min(30.0, log_odds))
    return 1 / (1 + math.exp(-bounded))


def of_json(value: dict[str, Any]) -> Model:
    """Read a model's numbers."""
    return Model(
        kinds=tuple(
            Kind(
                name=name,
                tools=frozenset(kind["tools"]),
                usual=frozenset(kind["usual"]),
                part=part_of_json(kind["part"]),
            )
            for name, kind in sorted(value["kinds"].items())
        ),
        elsewhere=part_of_json(value["elsewhere"]),
    )


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
