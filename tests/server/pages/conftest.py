"""A database with everything in it, copied for each test; pages over it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from pages_world import Local, fill, local
from starlette.testclient import TestClient

from hivemind.store.database import Database, open_database


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
