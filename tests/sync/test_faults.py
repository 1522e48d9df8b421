"""A small part of `python -m benchmarks.faults`: no event or decision is lost or doubled, whatever breaks."""

from __future__ import annotations

from pathlib import Path

import pytest
from benchmarks.faults.processes import File, PostgreSQL
from benchmarks.faults.suite import Result, suffer

from databases import Server

pytestmark = pytest.mark.timeout(420)


def require_whole(result: Result) -> None:
    """Require that the fault struck, and that all is as it should be."""
    assert result.struck > 0, "what never struck proves nothing"
    assert result.wrong == 0, result
    assert result.sent > 50


@pytest.mark.parametrize(
    "fault",
    [
        "server killed",
        "machine killed",
        "requests truncated",
        "requests sent twice",
        "batches overtaken",
        "batches late",
        "decisions, server killed",
        "distilling worker killed",
    ],
)
def test_nothing_is_lost_or_doubled(fault: str, tmp_path: Path) -> None:
    """After the fault, and one sync on a sound line, each event, decision and lesson is there once."""
    store = File(tmp_path / "server")
    result = suffer(fault, tmp_path, store=store, events=60, wanted=1, is_patient=False)
    require_whole(result)


def test_a_restart_of_postgresql_loses_no_decision(server: Server, tmp_path: Path) -> None:
    """Ended at once while reviewers decide and a machine syncs, it has what it confirmed, once."""
    result = suffer(
        "decisions, PostgreSQL restarted", tmp_path, store=PostgreSQL(server), events=60, wanted=1
    )
    require_whole(result)
    assert result.decisions > 10
