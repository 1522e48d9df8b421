"""The TypeScript example runs over REST, against a server and a scripted model."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import uvicorn
from tests.e2e.model import ScriptedModel, say
from tests.frameworks import running

from hivemind.domain.accounts import Member, Role, TokenKind
from hivemind.server import serving
from hivemind.server.app import create_app
from hivemind.store import accounts, episodes, sessions
from hivemind.store.database import Database, open_database

pytestmark = [pytest.mark.frameworks, pytest.mark.slow]
TSX = "tsx@4.20.6"


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    """Open a server's database."""
    found = open_database(tmp_path / "server.db")
    yield found
    found.close()


@pytest.fixture
def served(database: Database) -> Iterator[tuple[str, str]]:
    """Serve a team on this machine; give the address and a writer's token."""
    with database.write("team") as workspace:
        accounts.found_workspace(workspace, organisation="acme")
        member = Member(
            person_id=accounts.new_person_id(), name="Bot", role=Role.WRITER, created_at=datetime.now(UTC)
        )
        accounts.put_member(workspace, member)
        _, token = accounts.new_token(
            workspace,
            kind=TokenKind.API,
            person_id=member.person_id,
            role=Role.WRITER,
            lifetime=timedelta(hours=1),
        )
    listening = serving.bind("127.0.0.1", 0)
    address = serving.address_of(listening, host="127.0.0.1", is_tls=False)
    app = create_app(serving.site_of(database, base_url=address, is_named=False))
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="off"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield address, token
    server.should_exit = True
    thread.join()


def test_a_program_in_typescript(served: tuple[str, str], database: Database, tmp_path: Path) -> None:
    """Its session, its failure and its outcome are in the team's workspace."""
    npx = shutil.which("npx")
    if npx is None:
        pytest.skip("needs node")
    address, token = served
    with ScriptedModel() as model:
        model.when("cancel order", say("Order A-11 is cancelled."))
        done = subprocess.run(
            [npx, "--yes", TSX, str(running.EXAMPLES / "typescript" / "agent.mts")],
            env={
                "PATH": os.environ["PATH"],
                "HOME": str(tmp_path),
                "HIVEMIND_API_URL": address,
                "HIVEMIND_TOKEN": token,
                "OPENAI_BASE_URL": f"{model.url}/v1",
                "OPENAI_API_KEY": "none",
            },
            capture_output=True,
            text=True,
            timeout=150,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout.splitlines()[-1])
    assert said["events"] == 6
    with database.read("team") as workspace:
        rows = sessions.events_of(workspace, said["session"])
        assert [row.status for row in rows if row.kind == "tool_result"] == ["error", "ok"]
        assert [one.score_label for one in episodes.reports(workspace, said["session"])] == ["success"]
