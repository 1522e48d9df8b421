"""The store's contract holds on every engine, and over HTTP to a stand-in for Deeplake's endpoint."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from databases import ENGINES, OVER_HTTP, Maker, making


@pytest.fixture(params=(*ENGINES, pytest.param(OVER_HTTP, marks=pytest.mark.over_http)))
def databases(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Maker]:
    """Give a maker of databases, once for each engine."""
    with making(request, tmp_path) as maker:
        yield maker
