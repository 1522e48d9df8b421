"""What a person, a step of CI or an agent reports wins over the grade, is kept, and can be taken back."""

from __future__ import annotations

import json
import os
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest
from command_line import Ran, run
from stories import ask, edited, failed, ran, transcript

from hivemind.errors import HivemindError
from hivemind.server.mcp import Library
from hivemind.store import schema
from hivemind.store.database import open_database

_COMMITTED = datetime(2026, 11, 3, 10, 3, tzinfo=UTC)


class Shop:
    """Hold a checkout with a stored session, and run the command line in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.root = folder / "shop"
        self.root.mkdir()
        self.env = {"HIVEMIND_HOME": str(folder / "hivemind"), "HOME": str(folder)}
        self._git("init", "-q", "-b", "main")
        (self.root / "cart.py").write_text("total = 1\n")
        self._git("add", ".")
        self._git("commit", "-q", "-m", "fix the total")
        self.sha = self._git("rev-parse", "HEAD")

    def _git(self, *words: str) -> str:
        at = _COMMITTED.isoformat()
        env = {
            **os.environ,
            "HOME": str(self.folder),
            "GIT_AUTHOR_DATE": at,
            "GIT_COMMITTER_DATE": at,
            "GIT_CONFIG_GLOBAL": "/dev/null",
        }
        named = ["git", "-c", "user.name=dev", "-c", "user.email=dev@example.com", *words]
        done = subprocess.run(named, cwd=self.root, env=env, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    def store(self, *moments: object, session: str = "one", day: int = 3) -> str:
        """Store a session as backfill does; give its id."""
        path = transcript(self.folder / ".claude", *moments, session=session, day=day, cwd=str(self.root))  # type: ignore[arg-type]
        done = run("backfill", env=self.env)
        assert done.code == 0, done.err
        return path.stem

    def run(self, *words: str) -> Ran:
        """Run a command in the checkout."""
        before = Path.cwd()
        os.chdir(self.root)
        try:
            return run(*words, env=self.env)
        finally:
            os.chdir(before)

    def episodes(self, session: str) -> list[dict[str, object]]:
        """Give a session's episodes as they are shown."""
        shown = self.run("sessions", "show", session, "--json")
        assert shown.code == 0, shown.err
        found: list[dict[str, object]] = shown.json["episodes"]
        return found


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    """Give a checkout."""
    return Shop(tmp_path)


def _story(shop: Shop) -> list[object]:
    told = f"[main {shop.sha[:7]}] fix the total\n 1 file changed"
    return [
        ask("Fix the total of the cart"),
        edited("cart.py"),
        failed("pytest -q"),
        ran("git commit -am fix", told),
    ]


def test_backfill_grades_and_show_tells_why(shop: Shop) -> None:
    """A stored session has episodes with an outcome, a probability and the signals, also by SQL."""
    session = shop.store(*_story(shop))
    (episode,) = shop.episodes(session)
    assert episode["score_label"] in ("failure", "unknown")
    assert {s["name"] for s in episode["signals"]} >= {"test_failed", "committed"}  # type: ignore[attr-defined]
    shown = shop.run("sessions", "show", session)
    assert "episode 1 (#0–" in shown.out
    assert "- the last test run failed" in shown.out
    told = shop.run("sql", "SELECT score_label, evaluation_name FROM episodes", "--json")
    assert [row["evaluation_name"] for row in told.json] == ["signals"]


def test_a_report_wins_the_latest_wins_and_clear_takes_it_back(shop: Shop) -> None:
    """Reports are laid over the grade, none is lost, and clearing gives the grade back."""
    session = shop.store(*_story(shop))
    graded = shop.episodes(session)[0]
    assert shop.run("outcome", "success", "--note", "checked by hand").code == 0
    (episode,) = shop.episodes(session)
    assert (episode["score_label"], episode["score_value"]) == ("success", 1.0)
    assert str(episode["evaluation_name"]).startswith("person:")
    assert "reported by person:" in shop.run("sessions", "show", session).out
    assert shop.run("outcome", "0.2", "--session", session[:8]).code == 0
    assert shop.episodes(session)[0]["score_label"] == "failure"
    assert shop.episodes(session)[0]["score_value"] == 0.2
    cleared = shop.run("outcome", "clear", "--json")
    assert cleared.json[0]["episodes"] == 1
    assert shop.episodes(session)[0]["score_label"] == graded["score_label"]
    kept = shop.run("sessions", "show", session, "--json").json["outcomes"]
    assert [one["score_label"] for one in kept] == ["success", "failure", "cleared"]
    assert kept[0]["note"] == "checked by hand"


def test_a_report_outlives_a_growing_session(shop: Shop) -> None:
    """A session that grows is graded again under what was reported of it."""
    story = _story(shop)
    session = shop.store(*story)
    assert shop.run("outcome", "success", "--episode", "1").code == 0
    shop.store(*story, ran("ls"))
    (episode,) = shop.episodes(session)
    assert episode["score_label"] == "success"
    assert episode["tool_calls"] == 4


def test_ci_reports_by_commit(shop: Shop) -> None:
    """A step of CI reaches the session whose own `git commit` printed the commit, and no other."""
    session = shop.store(*_story(shop))
    other = shop.store(ask("Look at the cart"), ran("git commit -am x", "[main 1234567] x"), session="two")
    done = shop.run("outcome", "--commit", shop.sha, "--status", "success", "--json")
    assert [one["session_id"] for one in done.json] == [session], done.err
    assert str(shop.episodes(session)[0]["evaluation_name"]).startswith("ci:")
    assert shop.episodes(other)[0]["evaluation_name"] == "signals"
    missing = shop.run("outcome", "--commit", "f" * 40, "--status", "failure")
    assert missing.code == 1
    assert "hivemind doctor --error commit-unknown" in missing.err


def test_what_cannot_be_meant_is_refused(shop: Shop) -> None:
    """A verdict, an episode or a folder that means nothing is an error with a hint, and stores nothing."""
    shop.store(*_story(shop))
    assert "--error outcome-unreadable" in shop.run("outcome", "splendid").err
    assert "--error outcome-unreadable" in shop.run("outcome", "nan").err
    assert "--error outcome-unreadable" in shop.run("outcome", "3").err
    assert "--error episode-unknown" in shop.run("outcome", "success", "--episode", "9").err
    assert "--error commit-unknown" in shop.run("outcome", "--commit", "--help", "--status", "success").err
    assert shop.run("outcome").code == 2
    assert "--error session-unknown" in run("outcome", "success", env=shop.env).err
    assert shop.run("sql", "SELECT count(*) AS n FROM outcomes", "--json").json == [{"n": 0}]


def test_pruning_deletes_episodes_and_reports(shop: Shop) -> None:
    """A session that a person deletes leaves neither behind."""
    session = shop.store(*_story(shop))
    shop.run("outcome", "success")
    assert shop.run("sessions", "prune", "--session", session, "--yes").code == 0
    database = open_database(shop.folder / "hivemind" / "hivemind.db")
    with database.read() as workspace:
        assert workspace.execute(schema.episodes.select()).first() is None
        assert workspace.execute(schema.outcomes.select()).first() is None
    database.close()


def test_an_agent_reports_over_mcp(shop: Shop) -> None:
    """The tool reports on the newest session of the folder, its latest request."""
    session = shop.store(*_story(shop))
    (path,) = (shop.folder / "hivemind").glob("*.db")
    library = Library.of_machine(database_path=path, workspace_id="default", cwd=shop.root)
    assert session in library.outcome_report("success", note="the person said so")
    (episode,) = shop.episodes(session)
    assert (episode["score_label"], episode["evaluation_name"]) == ("success", "agent:claude")
    elsewhere = Library.of_machine(database_path=path, workspace_id="default", cwd=shop.folder)
    with pytest.raises(HivemindError):
        elsewhere.outcome_report("success")
    assert json.dumps(episode)


def test_a_secret_in_a_note_is_not_stored(shop: Shop) -> None:
    """What a person or an agent says of an outcome passes the same rules as everything that is stored."""
    session = shop.store(*_story(shop))
    (path,) = (shop.folder / "hivemind").glob("*.db")
    note = "works with token ghp_" + "16C7e42F292c6912E7710c838347Ae178B4a"
    assert shop.run("outcome", "success", "--session", session, "--note", note).code == 0
    Library.of_machine(database_path=path, workspace_id="default", cwd=shop.root).outcome_report(
        "success", note=note
    )
    database = open_database(path)
    with database.read() as workspace:
        notes = [row.note for row in workspace.execute(schema.outcomes.select())]
    database.close()
    assert len(notes) == 2
    assert not any("16C7e42F" in one for one in notes)


def test_an_agents_word_does_not_overrule_a_persons(shop: Shop) -> None:
    """What an agent says of its own work counts only where nobody else has reported."""
    session = shop.store(*_story(shop))
    (path,) = (shop.folder / "hivemind").glob("*.db")
    library = Library.of_machine(database_path=path, workspace_id="default", cwd=shop.root)
    assert shop.run("outcome", "failure", "--session", session).code == 0
    library.outcome_report("success", note="it works")
    (episode,) = shop.episodes(session)
    assert episode["score_label"] == "failure"
    assert str(episode["evaluation_name"]).startswith("person:")
