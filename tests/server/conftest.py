"""The server of these tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from server_world import World, make_world

from hivemind.store.database import Database


@pytest.fixture
def world(database: Database) -> Iterator[World]:
    """Give a server with two teams, on each database."""
    made = make_world(database)
    with made.client:
        yield made
