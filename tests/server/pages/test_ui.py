"""`hivemind ui` itself: its address, whom it answers, and what follows from a decision."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from pages_world import WORKSPACE
from test_local import fields

from hivemind.store import schema, skills
from hivemind.store.database import open_database


@dataclass
class Started:
    """Hold the address that was printed, and where the data is."""

    address: str
    data: Path

    @property
    def base(self) -> str:
        """Give the address without what opens it."""
        return self.address.partition("/open")[0]


@pytest.fixture
def ui(filled: Path, tmp_path: Path) -> Iterator[Started]:
    """Start it."""
    data = tmp_path / "hivemind"
    data.mkdir(mode=0o700, exist_ok=True)
    shutil.copyfile(filled, data / "hivemind.db")
    process = subprocess.Popen(
        [sys.executable, "-m", "hivemind", "ui", "--no-browser"],
        env={**os.environ, "HIVEMIND_HOME": str(data)},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None
    try:
        yield Started(process.stdout.readline().strip(), data)
    finally:
        process.terminate()
        process.wait(20)
        process.stdout.close()


def _client(ui: Started) -> httpx.Client:
    # The connection is accepted as soon as the socket is there, and answered when the app is.
    return httpx.Client(base_url=ui.base, follow_redirects=True, timeout=60, trust_env=False)


def test_it_lets_one_browser_in_and_follows_up_on_decisions(ui: Started) -> None:
    """The address is on this machine alone and works once; what is approved is withheld by its new share."""
    assert ui.address.startswith("http://127.0.0.1:")
    with _client(ui) as browser, _client(ui) as other:
        assert browser.get(ui.address).status_code == 200
        assert other.get(ui.address).status_code == 400
        assert other.get("/skills").status_code == 401
        assert browser.get("/skills", headers={"host": "evil.example"}).status_code == 421
        database = open_database(ui.data / "hivemind.db")
        with database.read(WORKSPACE) as workspace:
            skill_id = skills.find(workspace, "seed-the-shop").skill_id
        sent = fields(browser.get(f"/review/{skill_id}").text, f"{skill_id}/approve")
        assert browser.post(f"/review/{skill_id}/approve", data=sent).status_code == 200
        with database.read(WORKSPACE) as workspace:
            assert skills.by_id(workspace, skill_id).state.value == "active"
            held = workspace.execute(schema.holdouts.select()).all()
        database.close()
        assert skill_id in {row.skill_id for row in held}
        form = fields(browser.get("/settings").text, "/settings/change")
        wrong = browser.post("/settings/change", data=form | {"key": "inject.max_skills", "value": "many"})
        assert wrong.status_code == 422
        set_it = form | {"key": "inject.max_skills", "value": "1"}
        assert browser.post("/settings/change", data=set_it).status_code == 200
    assert "max_skills = 1" in (ui.data / "config.toml").read_text("utf-8")
