"""What one caller may cost: how often, how much, and by which name."""

from __future__ import annotations

from pathlib import Path

import pytest
from server_world import make_team
from starlette.testclient import TestClient

from hivemind.domain.accounts import Role
from hivemind.server.access.team import TeamAccess
from hivemind.server.app import create_app
from hivemind.server.site import Limits, Site
from hivemind.store.database import open_database


@pytest.fixture
def bounded(tmp_path: Path) -> TestClient:
    """Give a server with small limits, and a team on it."""
    database = open_database(tmp_path / "server.db")
    limits = Limits(body_bytes=1_000, requests_per_minute=8, strangers_per_minute=3)
    app = create_app(Site(database=database, access=TeamAccess(database=database), limits=limits))
    app.state.team = make_team(database, "ours", organisation="acme")
    return TestClient(app, raise_server_exceptions=False)


def test_a_token_and_a_stranger_are_bounded_each_for_itself(bounded: TestClient) -> None:
    """Too many requests are told when to come again; another token is served all the while."""
    tokens = bounded.app.state.team.tokens  # type: ignore[attr-defined]
    said = [bounded.get("/api/v1/me").status_code for _ in range(5)]
    assert said == [401, 401, 401, 429, 429]
    mine = {"Authorization": f"Bearer {tokens[Role.READER]}"}
    answers = [bounded.get("/api/v1/me", headers=mine) for _ in range(10)]
    assert [a.status_code for a in answers].count(200) == 8
    assert int(answers[-1].headers["retry-after"]) >= 1
    assert answers[-1].json()["type"].endswith("#too-many-requests")
    other = {"Authorization": f"Bearer {tokens[Role.WRITER]}"}
    assert bounded.get("/api/v1/me", headers=other).status_code == 200


def test_a_large_body_is_refused_whatever_it_says_of_its_size(bounded: TestClient) -> None:
    """By the length that it names, and by what it really holds."""
    mine = {"Authorization": f"Bearer {bounded.app.state.team.tokens[Role.READER]}"}  # type: ignore[attr-defined]
    large = b'{"name": "' + b"x" * 2_000 + b'"}'
    assert bounded.post("/api/v1/tokens", content=large, headers=mine).status_code == 413
    parts = (large[n : n + 100] for n in range(0, len(large), 100))
    unsized = bounded.post("/api/v1/tokens", content=parts, headers=mine)
    assert unsized.status_code == 413
    assert unsized.headers["content-type"] == "application/problem+json"


def test_every_answer_has_the_headers_that_keep_browsers_safe(bounded: TestClient) -> None:
    """Also those that refuse."""
    for path in ("/healthz", "/api/v1/me", "/nowhere"):
        headers = bounded.get(path).headers
        assert "default-src 'none'" in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
