"""The cold path: an answer from the file alone, or nothing, in time and from the standard library only."""

import os
import sqlite3
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from retrieval_library import shop_library, store_project, store_skill

import hivemind
from hivemind.retrieval import cold
from hivemind.store import schema
from hivemind.store.database import open_database

ROOT = "/home/dev/shop-api"
PROMPT = "run the tests"


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Give the path of the library of a small project, whose file name is not plain in a URI."""
    path = shop_library(tmp_path_factory.mktemp("shop") / "hivemind.db", root=ROOT)
    return str(path.rename(path.with_name("a b?c#d%25.db")))


def test_a_prompt_in_the_project_gets_its_skill(shop: str) -> None:
    """The project is found from a folder below its root."""
    assert "make test" in cold.answer(shop, "default", f"{ROOT}/src/shop", PROMPT, 5).text


@pytest.mark.parametrize("cwd", ["/home/dev/shop-api-2", "/home/dev", "/", "", "relative"])
def test_a_prompt_elsewhere_gets_nothing_of_the_project(shop: str, cwd: str) -> None:
    """A folder that only begins like the root, or lies above it, is not the project."""
    assert cold.answer(shop, "default", cwd, PROMPT, 5).text == ""


def test_the_nearest_root_wins(tmp_path: Path) -> None:
    """Of two projects, one inside the other, the inner one's skills are given."""
    database = open_database(tmp_path / "hivemind.db")
    with database.write("default") as workspace:
        store_project(workspace, "outer", name="outer", root="/w/mono")
        store_project(workspace, "inner", name="inner", root="/w/mono/packages/app/")
        store_skill(workspace, "outer-tests", "How to run the tests.", project_id="outer", body="outer way")
        store_skill(workspace, "inner-tests", "How to run the tests.", project_id="inner", body="inner way")
    database.close()
    path = str(tmp_path / "hivemind.db")
    assert "inner way" in cold.answer(path, "default", "/w/mono/packages/app/src", PROMPT, 5).text
    assert "outer way" in cold.answer(path, "default", "/w/mono/packages", PROMPT, 5).text


def test_a_link_to_the_root_is_the_project(tmp_path: Path) -> None:
    """A working directory reached through a link is found by where it really is."""
    root = tmp_path / "real"
    root.mkdir()
    (tmp_path / "link").symlink_to(root)
    path = shop_library(tmp_path / "hivemind.db", root=os.path.realpath(root))
    assert cold.answer(str(path), "default", str(tmp_path / "link"), PROMPT, 5).text


def test_what_a_session_was_shown_is_not_sent_again(tmp_path: Path) -> None:
    """Skills recorded as shown to the session are left out, for that session only."""
    path = str(shop_library(tmp_path / "hivemind.db", root=ROOT))
    database = open_database(Path(path))
    with database.write("default") as workspace:
        workspace.execute(
            schema.offers.insert().values(
                workspace_id="default",
                offer_id="x1",
                session_id="s1",
                skill_id="p1.shop-api-checks",
                version=1,
                channel="prompt",
                arm="given",
                at=datetime.now(UTC),
            )
        )
    database.close()
    assert cold.answer(path, "default", ROOT, PROMPT, 5, session_id="s1").text == ""
    assert "make test" in cold.answer(path, "default", ROOT, PROMPT, 5, session_id="s2").text


def test_trouble_gives_nothing(tmp_path: Path, shop: str) -> None:
    """A missing, empty, foreign or damaged file, a folder, or another workspace gives nothing."""
    missing, empty, text = tmp_path / "missing.db", tmp_path / "empty.db", tmp_path / "text.db"
    empty.touch()
    text.write_text("this is not a database\n" * 500)
    damaged = tmp_path / "damaged.db"
    content = bytearray(Path(shop).read_bytes())
    content[4096:-4096] = b"\xa5" * (len(content) - 8192)
    damaged.write_bytes(content)
    for path in (missing, empty, text, damaged, tmp_path):
        assert cold.answer(str(path), "default", ROOT, PROMPT, 5).text == ""
    assert cold.answer(shop, "another", ROOT, PROMPT, 5).text == ""
    assert not missing.exists()


def test_a_locked_database_is_given_up_in_time(tmp_path: Path) -> None:
    """While another process holds the file for itself the answer is nothing, soon."""
    path = shop_library(tmp_path / "hivemind.db", root=ROOT)
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("PRAGMA journal_mode=DELETE")
    holder.execute("BEGIN EXCLUSIVE")
    started = time.monotonic()
    assert cold.answer(str(path), "default", ROOT, PROMPT, 0.1).text == ""
    assert time.monotonic() - started < 2
    holder.close()


def test_a_deadline_that_has_passed_gives_nothing(shop: str) -> None:
    """Work that would be late is given up."""
    assert cold.answer(shop, "default", ROOT, PROMPT, 0).text == ""
    assert cold.answer(shop, "default", ROOT, PROMPT, -1).text == ""


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
@given(workspace=st.text(max_size=20), cwd=st.text(max_size=40), prompt=st.text(max_size=200))
def test_no_text_makes_it_raise(shop: str, workspace: str, cwd: str, prompt: str) -> None:
    """Whatever the hook was handed, the answer is a text."""
    assert isinstance(cold.answer(shop, workspace, cwd, prompt, 5).text, str)
    assert isinstance(cold.answer(shop, "default", ROOT, prompt, 5).text, str)
    assert cold.answer(cwd, "default", ROOT, prompt, 5).text == ""


def test_it_needs_the_standard_library_only(shop: str) -> None:
    """Under `python -I -S` it answers, and every module that it loads is Python's own or ours."""
    source = str(Path(hivemind.__file__).parent.parent)
    program = (
        "import sys; before = set(sys.modules); sys.path.insert(0, sys.argv[1])\n"
        "from hivemind.retrieval import cold\n"
        "assert 'make test' in cold.answer(*sys.argv[2:6], 5).text\n"
        "loaded = {name.partition('.')[0] for name in set(sys.modules) - before} - {'hivemind'}\n"
        "print(*sorted(loaded - sys.stdlib_module_names))\n"
        "print(*sorted({'typing', 'dataclasses', 'inspect', 'asyncio'} & set(sys.modules)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", program, source, shop, "default", ROOT, PROMPT],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr, done.stdout.split()) == (0, "", [])
