"""A small part of `python -m benchmarks.faults`: no event is lost or doubled, whatever breaks."""

from __future__ import annotations

from pathlib import Path

import pytest
from benchmarks import faults


@pytest.mark.timeout(180)
@pytest.mark.parametrize(
    "fault", ["server killed", "requests truncated", "requests sent twice", "machine killed"]
)
def test_nothing_is_lost_or_doubled(fault: str, tmp_path: Path) -> None:
    """After the fault, and one sync on a sound line, each event is on the server once and in its place."""
    result = faults.suffer(fault, tmp_path, events=60)
    assert (result.lost, result.doubled, result.misplaced) == (0, 0, 0)
    assert result.sent > 100
