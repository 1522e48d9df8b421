"""Fixtures of the tests that run real hooks and workers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hooks import SESSION, Data


@pytest.fixture
def data(tmp_path: Path) -> Iterator[Data]:
    """Make a data folder, and leave no worker behind."""
    path = tmp_path / "data"
    path.mkdir(mode=0o700)
    found = Data(path, tmp_path)
    yield found
    found.end()


@pytest.fixture
def transcript(tmp_path: Path) -> Path:
    """Name a transcript that a test writes."""
    return tmp_path / f"{SESSION}.jsonl"
