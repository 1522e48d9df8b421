"""Whatever the OpenAPI schema allows, and what it does not, is answered as the schema says."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from server_world import World, make_world

from hivemind.domain.accounts import Role
from hivemind.server.access.team import TeamAccess
from hivemind.server.app import create_app
from hivemind.server.site import Site
from hivemind.store.database import Database, open_database

schemathesis = pytest.importorskip("schemathesis", reason="needs schemathesis: pip install -e '.[test]'")
positive_data_acceptance = pytest.importorskip("schemathesis.specs.openapi.checks").positive_data_acceptance
EXAMPLES = 15
#: A place in a list, a date, a SKILL.md and the name of a workspace have rules that no schema can say.
BEYOND = [positive_data_acceptance]
METHODS = ("get", "post", "put", "patch", "delete")


def operations() -> list[str]:
    """Name the operations of the API, as `METHOD /path`."""
    nothing = Database(None, engine=sa.create_engine("sqlite://"))
    app = create_app(Site(database=nothing, access=TeamAccess(database=nothing)))
    paths = app.openapi()["paths"]
    return [
        f"{method.upper()} {path}"
        for path, found in paths.items()
        for method in METHODS
        if method in found and path.startswith("/api/")
    ]


@pytest.fixture(scope="module")
def called(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[World, Any]]:
    """Give a server with two teams, and its schema."""
    database = open_database(Path(tmp_path_factory.mktemp("api")) / "server.db")
    world = make_world(database)
    yield world, schemathesis.openapi.from_asgi("/openapi.json", world.app)
    database.close()


@pytest.mark.slow
@pytest.mark.parametrize("label", operations())
def test_every_route_answers_as_the_schema_says(called: tuple[World, Any], label: str) -> None:
    """No request makes the server fail, and every answer is one that the schema describes."""
    world, schema = called
    method, _, path = label.partition(" ")
    token = world.ours.tokens[Role.ADMIN]

    @given(case=schema[path][method].as_strategy())
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=[*HealthCheck],
    )
    def calls(case: Any) -> None:
        case.call_and_validate(headers={"Authorization": f"Bearer {token}"}, excluded_checks=BEYOND)

    calls()
