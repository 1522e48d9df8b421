"""What the tests of syncing share: a team's server on each database, and machines of its people."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from benchmarks import team_server
from machines import Computer

from hivemind.domain.accounts import Role
from hivemind.store.database import Database


@pytest.fixture
def team(database: Database) -> Iterator[team_server.Thread]:
    """Serve a team's workspace."""
    team_server.found(database)
    with team_server.Thread(database) as server:
        yield server


@pytest.fixture
def computer(team: team_server.Thread, tmp_path: Path) -> Iterator[Callable[..., Computer]]:
    """Make machines, each of a person of its own unless a token is named."""
    made: list[Computer] = []

    def make(name: str, *, token: str = "", role: Role = Role.WRITER) -> Computer:
        if not token:
            _, token = team_server.join(team.database, name, role=role)
        made.append(Computer(tmp_path / f"machine-{len(made)}-{name}", team.url, token))
        return made[-1]

    yield make
    for one in made:
        one.close()
