"""A database with everything in it, copied for each test; pages over it; a browser."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pages_world import Local, fill, local
from starlette.testclient import TestClient

from hivemind.store.database import Database, open_database

#: Names under which distributions install it.
CHROMIUM = ("chromium", "chromium-browser", "google-chrome")


@pytest.fixture(scope="session")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Fill a database once."""
    path = tmp_path_factory.mktemp("filled") / "hivemind.db"
    database = open_database(path)
    fill(database)
    database.close()
    return path


@pytest.fixture
def stored(filled: Path, tmp_path: Path) -> Iterator[Database]:
    """Give a copy of it that a test may change."""
    path = tmp_path / "pages.db"
    shutil.copyfile(filled, path)
    database = open_database(path)
    yield database
    database.close()


@pytest.fixture
def pages(stored: Database, tmp_path: Path) -> Local:
    """Give local pages over it."""
    return local(stored, tmp_path)


@pytest.fixture
def client(pages: Local) -> Iterator[TestClient]:
    """Give a client that is let in."""
    with TestClient(pages.app, base_url="http://127.0.0.1") as made:
        made.get(f"/open?token={pages.access.new_link()}")
        yield made


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """Start a browser, for one module: while it runs, nothing else of the process can run an event loop."""
    api = pytest.importorskip("playwright.sync_api", reason="needs playwright: pip install -e '.[test]'")
    path = next(filter(None, map(shutil.which, CHROMIUM)), None)
    if path is None:
        pytest.skip("needs Chromium: apt-get install chromium")
    with api.sync_playwright() as playwright:
        # Its sandbox refuses to be started by root, as in a container.
        arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
        browser = playwright.chromium.launch(executable_path=path, args=arguments)
        yield browser
        browser.close()
