"""The database user that may do little, as docs/server.md makes it, is enough to serve a team."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import httpx
import psycopg
import pytest
from benchmarks import team_server
from benchmarks.team_server import WORKSPACE
from machines import NOW, Computer, stored, texts
from psycopg import errors

from databases import Server
from hivemind.config import Settings
from hivemind.domain.accounts import Role
from hivemind.store import jobs, problems, schema
from hivemind.store.database import open_url
from hivemind.worker.shared import SharedWorker

PAGE = Path(__file__).parents[2] / "docs" / "server.md"
NAMES = {"hivemind_owner": "little_owner", "hivemind_app": "little_app", "hivemind": "little"}


@pytest.fixture
def urls(server: Server) -> Iterator[tuple[str, str]]:
    """Follow the recipe; give the URL of the owner and of who serves."""
    found = re.search(r"```sql\n(CREATE ROLE.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    assert found is not None
    recipe = re.sub(r"\bhivemind(_\w+)?\b", lambda name: NAMES[name[0]], found[1]).replace("…", "s3cret")
    before, _, after = recipe.partition("\\c little little_owner\n")
    with psycopg.connect(server.url("postgres"), autocommit=True) as connection:
        for statement in before.strip().splitlines():
            connection.execute(statement.encode())
    address = f"127.0.0.1:{server.port}/little"
    owner, serving = (f"postgresql://{name}:s3cret@{address}" for name in ("little_owner", "little_app"))
    with psycopg.connect(owner, autocommit=True) as connection:
        for statement in after.strip().splitlines():
            connection.execute(statement.encode())
    yield owner, serving
    with psycopg.connect(server.url("postgres"), autocommit=True) as connection:
        connection.execute("DROP DATABASE little WITH (FORCE)")
        connection.execute("DROP ROLE little_app")
        connection.execute("DROP ROLE little_owner")


def test_who_serves_needs_no_more_than_the_page_says(urls: tuple[str, str], tmp_path: Path) -> None:
    """A team syncs, what it learnt is distilled, a person's data is deleted; no table can be changed."""
    owner, serving = urls
    open_url(owner).close()
    with closing(open_url(serving)) as database:
        team_server.found(database)
        ada_id, token = team_server.join(database, "Ada", role=Role.WRITER)
        with (
            team_server.Thread(database) as team,
            closing(Computer(tmp_path / "ada", team.url, token)) as ada,
        ):
            ada.has("s1", texts(600))
            assert ada.sync().sent.events == 600
            assert stored(database, WORKSPACE) == {"s1": texts(600)}
            worker = SharedWorker(database=database, settings=Settings(), owner="w")
            assert worker.step()
            with database.write(WORKSPACE) as workspace:  # what concerns all projects waits for some seconds
                workspace.execute(schema.jobs.update().values(due_at=NOW))
            assert worker.step()
            with database.read(WORKSPACE) as workspace:
                assert jobs.listed(workspace) == []
                assert problems.recent(workspace) == []
            gone = httpx.delete(
                f"{team.url}/api/v1/people/{ada_id}/data", headers={"Authorization": f"Bearer {token}"}
            )
            assert gone.status_code == 200, gone.text
        assert stored(database, WORKSPACE) == {}
    for statement in ("ALTER TABLE sessions ADD COLUMN mine text", "CREATE TABLE mine (mine text)"):
        with psycopg.connect(serving) as connection, pytest.raises(errors.InsufficientPrivilege):
            connection.execute(statement)
