"""The closed-loop benchmark says what a run has shown, and what not."""

from __future__ import annotations

import pytest
from benchmarks import closed_loop

NOTHING = closed_loop.summary([])


def figures(*, reached: bool, **more: object) -> dict[str, object]:
    """Give the figures of a run that came to its second phase."""
    row = {"score_label": "success", "turns": 2, "tool_errors": 0}
    known = closed_loop.summary([row, row | {"score_label": "failure", "turns": 4, "tool_errors": 2}])
    return {
        "sessions": 12,
        "phases": {"learning": {"sessions": 6, "reached": True}, "harm": {"sessions": 6, "reached": reached}},
        "loads_after_sessions": {"suite": 5},
        "active_after_sessions": {},
        "tasks": {"suite": {"before": known, "given": NOTHING}},
        "uplift": {"old": {"suite": {"verdict": "not enough data"}}},
        "migration": {"suite": {"fate": "unknown", "reason": "never offered"}},
        "shown": {"harm was stopped": reached},
        **more,
    }


def test_a_run_that_was_cut_short_says_so() -> None:
    """What was not reached, not measured or not shown stands in the table as such."""
    told = closed_loop.table(figures(reached=False, stopped="KeyboardInterrupt"))
    assert "12 sessions, then KeyboardInterrupt" in told
    assert "harm: 6 sessions, NOT DONE" in told
    assert "sessions until it is active: none" in told
    assert "NO  harm was stopped" in told
    before, given = (line.split() for line in told.splitlines() if line.startswith("suite  "))
    assert before[1:] == ["before", "2", "50%", "3.0", "1.0"]
    assert given[1:] == ["given", "0", "–", "–", "–"]


def test_a_whole_run_says_so() -> None:
    """A claim that was shown is told with the same words."""
    assert "yes harm was stopped" in closed_loop.table(figures(reached=True))


@pytest.mark.parametrize(("label", "known"), [("unknown", 0), ("failure", 1)])
def test_an_unknown_outcome_counts_for_no_side(label: str, known: int) -> None:
    """Shares are of episodes with an outcome."""
    found = closed_loop.summary([{"score_label": label, "turns": 2, "tool_errors": 0}])
    assert (found["known"], found["success"]) == (known, 0.0 if known else None)
