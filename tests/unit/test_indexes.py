"""The worker's indexes: prompts are answered without them until they are there, and soon with them."""

import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from retrieval_library import PROJECT, shop_library, store_skill

from hivemind.store.database import Database, open_database
from hivemind.worker.indexes import Indexes

LIMIT_S = 20.0


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    """Give the database of a small project."""
    opened = open_database(shop_library(tmp_path / "hivemind.db"))
    yield opened
    opened.close()


@pytest.fixture
def failures() -> list[BaseException]:
    """Collect what the thread reported."""
    return []


@pytest.fixture
def indexes(database: Database, tmp_path: Path, failures: list[BaseException]) -> Iterator[Indexes]:
    """Give the indexes of that database, by words alone."""
    made = Indexes(database, folder=tmp_path / "index", uses_meaning=lambda: False, failed=failures.append)
    yield made
    made.close()


def _names(indexes: Indexes, database: Database, prompt: str) -> list[str] | None:
    connection = sqlite3.connect(database.path)
    try:
        found = indexes.rank(connection, workspace_id="default", project_id=PROJECT, prompt=prompt, limit=10)
    finally:
        connection.close()
    return None if found is None else [one.name for one in found]


def _until(seen: Callable[[], object]) -> None:
    end = time.monotonic() + LIMIT_S
    while not seen():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_the_first_prompt_does_not_wait(indexes: Indexes, database: Database) -> None:
    """It is answered without the index, which is there soon after."""
    assert _names(indexes, database, "run the tests with tox") is None
    _until(lambda: (_names(indexes, database, "run the tests with tox") or [""])[0] == "shop-api-checks")


def test_a_new_skill_is_found_by_the_next_prompt(indexes: Indexes, database: Database) -> None:
    """Written by another connection, as another process does, and not announced to anybody."""
    _until(lambda: _names(indexes, database, "zorblax") is not None)
    with database.write("default") as workspace:
        store_skill(workspace, "shop-api-zorblax", "Unjam the zorblax reactor.")
    assert _names(indexes, database, "zorblax") == ["shop-api-zorblax"]


def test_many_new_skills_are_found_within_the_second(indexes: Indexes, database: Database) -> None:
    """More than a prompt can wait for are taken up beside it."""
    _until(lambda: _names(indexes, database, "zorblax") is not None)
    with database.write("default") as workspace:
        for number in range(100):
            store_skill(workspace, f"shop-zorblax-{number}", f"Unjam the zorblax reactor number {number}.")
    started = time.monotonic()
    _until(lambda: len(_names(indexes, database, "zorblax reactor") or []) == 10)
    assert time.monotonic() - started < LIMIT_S


def test_a_restart_goes_on_with_what_was_saved_and_mends_what_was_damaged(
    indexes: Indexes, database: Database, tmp_path: Path, failures: list[BaseException]
) -> None:
    """A file with other bytes in it is noticed by its checksum, and the database is read again."""
    _until(lambda: _names(indexes, database, "tox") is not None)
    indexes.close()
    files = list((tmp_path / "index" / "default").glob("*.arrays"))
    assert files
    for path in files:
        path.write_bytes(b"\x00" * path.stat().st_size)
    again = Indexes(database, folder=tmp_path / "index", uses_meaning=lambda: False, failed=failures.append)
    _until(lambda: (_names(again, database, "run the tests with tox") or [""])[0] == "shop-api-checks")
    again.close()
    assert failures == []


def test_a_folder_that_cannot_be_written_costs_the_files_only(
    database: Database, tmp_path: Path, failures: list[BaseException]
) -> None:
    """What failed is recorded; prompts are answered from memory."""
    (tmp_path / "index").write_text("in the way")
    made = Indexes(database, folder=tmp_path / "index", uses_meaning=lambda: False, failed=failures.append)
    _until(lambda: (_names(made, database, "run the tests with tox") or [""])[0] == "shop-api-checks")
    made.close()
    assert isinstance(failures[0], OSError)


def test_a_full_disk_costs_the_files_and_not_the_index(
    database: Database, tmp_path: Path, failures: list[BaseException]
) -> None:
    """What cannot be saved is searched in memory, and leaves no half-written file."""
    folder = tmp_path / "index" / "default"
    (folder / "manifest.json").mkdir(parents=True)
    made = Indexes(database, folder=tmp_path / "index", uses_meaning=lambda: False, failed=failures.append)
    _until(lambda: (_names(made, database, "run the tests with tox") or [""])[0] == "shop-api-checks")
    made.close()
    assert isinstance(failures[0], OSError)
    assert not list(folder.glob("*.new"))


@pytest.mark.parametrize("content", ["[" * 200_000, "", "[1]", "{}", "null", '{"format": 2}'])
def test_a_manifest_that_is_none_is_made_again(
    database: Database, tmp_path: Path, failures: list[BaseException], content: str
) -> None:
    """Whatever stands in its place."""
    folder = tmp_path / "index" / "default"
    folder.mkdir(parents=True)
    (folder / "manifest.json").write_text(content)
    made = Indexes(database, folder=tmp_path / "index", uses_meaning=lambda: False, failed=failures.append)
    _until(lambda: (_names(made, database, "run the tests with tox") or [""])[0] == "shop-api-checks")
    made.close()
    assert failures == []


def test_files_are_for_this_user_alone(indexes: Indexes, database: Database, tmp_path: Path) -> None:
    """Folders, too, those around included."""
    _until(lambda: _names(indexes, database, "tox") is not None)
    _until(lambda: (tmp_path / "index" / "default" / "manifest.json").exists())
    for path in [tmp_path / "index", *(tmp_path / "index").rglob("*")]:
        assert path.stat().st_mode & 0o077 == 0, path
