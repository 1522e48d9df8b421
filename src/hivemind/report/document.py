"""Give numbers as JSON has them; nothing is drawn, so nothing that draws is loaded."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hivemind.evaluation.models import ModelSeen
    from hivemind.evaluation.uplift import Uplift
    from hivemind.report.numbers import Numbers

#: What is said where a model has outcomes, and next to none of them is a failure.
FEW_FAILURES = (
    "hardly any failure is graded here: harm cannot be seen until outcomes are reported "
    "(`hivemind outcome`, CI)"
)


def few_failures(models: "Sequence[ModelSeen]") -> str:
    """Say that hardly any failure is graded, and with which models; empty where failures are seen."""
    found = [model for model in models if model.hardly_fails]
    if not found:
        return ""
    counted = [f"{model.request_model}: {model.failures} of {model.known}" for model in found[:5]]
    more = f" and {len(found) - 5} more" if len(found) > 5 else ""
    return f"{FEW_FAILURES}. Failures among the episodes with an outcome: {', '.join(counted)}{more}"


def told(row: "Uplift") -> str:
    """Give a difference with its interval, or what is missing."""
    if not row.is_enough or row.difference is None or row.interval is None:
        return "not enough data"
    return f"{row.difference:+.0%} [{row.interval.low:+.0%}, {row.interval.high:+.0%}]"


def of_model(model: "ModelSeen") -> dict[str, Any]:
    """Give one model."""
    return {**asdict(model), "unknown": model.unknown, "hardly_fails": model.hardly_fails}


def of_uplift(row: "Uplift") -> dict[str, Any]:
    """Give one skill, or skill and model."""
    return {
        **{name: value for name, value in asdict(row).items() if name != "comparison"},
        "state": row.state.value,
        "verdict": told(row),
    }


def of_numbers(numbers: "Numbers") -> dict[str, Any]:
    """Give everything that is on the page."""
    return {
        "workspace_id": numbers.workspace_id,
        "at": numbers.at,
        "sessions": numbers.sessions,
        "episodes": numbers.episodes,
        "exposures": numbers.exposures,
        "note": few_failures(numbers.models),
        "states": [{"at": at, **counts} for at, counts in numbers.states],
        "skills": [of_uplift(row) for row in numbers.uplifts],
        "skills_by_model": [of_uplift(row) for row in numbers.cells],
        "models": [of_model(model) for model in numbers.models],
        "success_by_model": [asdict(period) for period in numbers.periods],
        "tokens_given": [
            {"day": day, "times": times, "tokens": tokens} for day, times, tokens in numbers.injected
        ],
        "withheld": [asdict(row) for row in numbers.withheld],
        "spent": [asdict(one) for one in numbers.spent],
        "flags": [{"skill": name, "kind": kind, "message": message} for name, kind, message in numbers.flags],
    }
