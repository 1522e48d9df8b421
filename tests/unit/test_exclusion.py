"""Repositories that are kept out: never stored, and forgotten where they are known too late."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from claude_records import lines, prompt, store, texts

from hivemind.capture import exclusion
from hivemind.config import Settings, check
from hivemind.errors import HivemindError
from hivemind.store.database import Database

DENIED = Settings(capture_exclude_remotes=("GitHub.com/Acme/*",))


def git(folder: Path, *words: str) -> None:
    """Run git."""
    subprocess.run(["git", "-C", str(folder), *words], check=True, capture_output=True)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Make a repository of acme's."""
    folder = tmp_path / "shop"
    (folder / "src").mkdir(parents=True)
    git(folder, "init")
    git(folder, "remote", "add", "origin", "git@github.com:Acme/Shop.git")
    return folder


@pytest.mark.parametrize(
    ("pattern", "remote", "excluded"),
    [
        ("github.com/acme/*", "github.com/acme/shop", True),
        ("github.com/acme", "github.com/acme/shop", True),
        ("https://github.com/acme/shop.git", "github.com/acme/shop", True),
        ("*/shop", "gitlab.example/group/shop", True),
        ("github.com/acme/shop", "github.com/acme/shop-two", False),
        ("github.com/ac", "github.com/acme/shop", False),
        ("*", "", False),
    ],
)
def test_patterns(pattern: str, remote: str, excluded: bool) -> None:
    """Case does not count, a pattern holds for what is below it, and no remote is no repository."""
    settings = Settings(capture_exclude_remotes=check("capture.exclude_remotes", [pattern.upper()]))
    assert settings.excludes_remote(remote) is excluded


def test_a_link_to_an_excluded_folder_is_excluded(tmp_path: Path) -> None:
    """Whatever way a folder is named, and whatever cannot be one."""
    (tmp_path / "secret" / "a").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "secret")
    settings = Settings(capture_exclude=(str(tmp_path / "secret"),))
    assert exclusion.leaves_out(settings, str(tmp_path / "link" / "a"))
    assert not any(exclusion.leaves_out(settings, odd) for odd in ("", "/\ud800", "/nul\0", "/" + "a" * 300))


def test_a_denied_repository_is_never_stored(database: Database, repository: Path, tmp_path: Path) -> None:
    """A session that began in it is refused; of another, what was done in it is left out."""
    assert exclusion.leaves_out(DENIED, str(repository / "src"))
    path = tmp_path / "a.jsonl"
    path.write_bytes(lines(prompt("one", cwd=str(repository / "src"))))
    with pytest.raises(HivemindError) as error:
        store(database, path, excluding=DENIED)
    assert error.value.slug == "capture-excluded"
    assert texts(database) == []
    elsewhere = tmp_path / "b.jsonl"
    elsewhere.write_bytes(lines(prompt("two", cwd=str(tmp_path)), prompt("three", cwd=str(repository))))
    store(database, elsewhere, excluding=DENIED)
    assert texts(database) == ["two"]


def test_a_remote_that_is_known_late_takes_the_session_back(
    database: Database, repository: Path, tmp_path: Path
) -> None:
    """What was stored of it goes, and does not come again."""
    git(repository, "remote", "remove", "origin")
    path = tmp_path / "a.jsonl"
    path.write_bytes(lines(prompt("one", cwd=str(repository))))
    store(database, path, excluding=DENIED)
    assert texts(database) == ["one"]
    git(repository, "remote", "add", "origin", "https://github.com/acme/shop")
    path.write_bytes(path.read_bytes() + lines(prompt("two", cwd=str(repository))))
    for _ in range(2):
        with pytest.raises(HivemindError):
            store(database, path, excluding=DENIED)
        assert texts(database) == []
    with database.read("default") as workspace:
        from hivemind.store import sessions

        assert sessions.totals(workspace)["sessions"] == 0


def test_a_pattern_that_is_a_link_excludes_what_it_leads_to(tmp_path: Path) -> None:
    """A person names the link they know, and the agent reports the real folder."""
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    settings = Settings(capture_exclude=(str(tmp_path / "link"),))
    assert settings.excludes(str(tmp_path / "real" / "below"))
    assert not settings.excludes(str(tmp_path / "other"))
