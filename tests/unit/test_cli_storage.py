"""What the command line says when the disk or another workspace stands in the way."""

from __future__ import annotations

import errno
import os
import resource
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from claude_records import DEMO
from command_line import backfill_demo, run

from hivemind import cli


def test_a_full_disk_is_an_expected_failure(tmp_path: Path) -> None:
    """Without room the command says so and exits 1; it is no bug."""
    data = backfill_demo(tmp_path)
    more = tmp_path / "more"
    shutil.copytree(DEMO, more)

    def no_room() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))

    done = subprocess.run(
        [sys.executable, "-m", "hivemind", "backfill", "--from", str(more)],
        env={"HOME": str(tmp_path), "HIVEMIND_HOME": str(data), "PATH": "/usr/bin:/bin"},
        preexec_fn=no_room,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1, done.stderr
    assert "see: hivemind doctor --error " in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "error", [sqlite3.OperationalError("database or disk is full"), OSError(errno.ENOSPC, "No space left")]
)
def test_running_out_of_space_on_the_way_is_no_bug(error: Exception) -> None:
    """Whatever writes when the disk is full, the person is told what to do."""
    told = cli._storage_failure(error)
    assert told is not None
    assert told.slug == "storage-failed"
    assert str(error) in told.message


def test_a_session_is_kept_by_one_workspace(tmp_path: Path) -> None:
    """What another workspace keeps is not taken from it by a backfill of all that is on the disk."""
    shutil.copytree(DEMO / "projects", tmp_path / ".claude" / "projects")
    env = {"HIVEMIND_HOME": str(tmp_path / "data"), "HOME": str(tmp_path), "CLAUDE_CONFIG_DIR": ""}
    assert run("backfill", env=env | {"HIVEMIND_WORKSPACE_ID": "team-b"}).code == 0
    done = run("backfill", env=env)
    assert done.code == 1
    assert "is kept by workspace team-b" in done.err
    counted = run("sql", "select count(*) from sessions where workspace_id = 'default'", env=env)
    assert counted.out.strip() == "0"


@contextmanager
def _as_nobody() -> Iterator[None]:
    """Act as a user whom permissions concern."""
    if os.geteuid():
        yield
        return
    os.seteuid(65_534)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.mark.parametrize("mode", [0o555, 0o777])
def test_a_database_of_somebody_else_is_read_and_told_as_permissions(mode: int) -> None:
    """It is not called damaged; skills are listed; no decision is possible, and the hint says why."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        data = backfill_demo(Path(folder))
        env = {"HIVEMIND_HOME": str(data), "HOME": folder}
        listed = run("skills", "list", "--json", env=env).json
        for file in data.glob("hivemind.db*"):
            file.chmod(0o444)
        data.chmod(mode)
        run("skills", "undo", listed[0]["name"], "--help", env=env)  # its module is loaded as this user
        with _as_nobody():
            again = run("skills", "list", "--json", env=env)
            refused = run("skills", "approve", listed[0]["name"], env=env)
        data.chmod(0o755)
        assert [s["name"] for s in again.json] == [s["name"] for s in listed]
        assert refused.code == 1
        assert "hivemind.db cannot be written: permission denied" in refused.err
        assert "move" not in refused.err
        assert refused.err.splitlines()[-1] == "see: hivemind doctor --error database-forbidden"
