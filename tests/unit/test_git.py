"""Git's files name one project for every spelling of its remote, and hostile ones do no harm."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hivemind.capture.git import Checkout, checkout, project_of
from hivemind.domain.projects import normalise_remote, project_id

SPELLINGS = [
    "https://github.com/acme/shop.git",
    "https://github.com/acme/shop",
    "https://github.com/acme/shop/",
    "http://github.com/acme/shop.git/",
    "HTTPS://GitHub.COM/Acme/Shop.GIT",
    "https://dev@github.com/acme/shop.git",
    "https://dev:t0ken@github.com:443/acme/shop.git",
    "https://x-access-token:p@ss@github.com/acme/shop.git",
    "https://github.com/acme/shop.git?ref=main#readme",
    "git@github.com:acme/shop.git",
    "git@github.com:/acme/shop.git",
    "github.com:acme/shop",
    "dev@GITHUB.com:Acme/Shop",
    "ssh://git@github.com/acme/shop.git",
    "ssh://git@github.com:22/acme/shop",
    "ssh://git@ssh.github.com:443/acme/shop.git",
    "git+ssh://git@github.com/acme/shop.git",
    "git://github.com/acme/shop.git",
    "git://github.com:9418/acme/shop",
    "  git@github.com:acme/shop.git\n",
]


@pytest.mark.parametrize("url", SPELLINGS)
def test_every_spelling_of_a_remote_is_one(url: str) -> None:
    """Scheme, user, password, port, case and `.git` make no other project."""
    assert normalise_remote(url) == "github.com/acme/shop"


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://git.example.com/group/sub/project.git", "git.example.com/group/sub/project"),
        ("git@host:repo.git", "host/repo"),
        ("https://[2001:db8::1]:8443/a/b.git", "[2001:db8::1]/a/b"),
        ("git@[2001:db8::1]:a/b.git", "[2001:db8::1]/a/b"),
        ("https://h.example/acme/a@b", "h.example/acme/a@b"),
        ("https://h.example/.git", ""),
        ("https://h.example", ""),
        ("https://", ""),
        ("", ""),
        ("/srv/git/shop.git", ""),
        ("../shop", ""),
        ("./shop", ""),
        ("~/shop", ""),
        ("file:///srv/git/shop.git", ""),
        ("FILE:///srv/git/shop.git", ""),
        ("C:\\repos\\shop", ""),
        ("C:/repos/shop", ""),
        ("shop", ""),
    ],
)
def test_other_remotes(url: str, expected: str) -> None:
    """Groups and addresses are kept, and a folder on this machine is no remote."""
    assert normalise_remote(url) == expected


@given(url=st.text(max_size=60) | st.text(alphabet="/:@.[]~ah#?", max_size=30))
def test_no_text_makes_it_raise(url: str) -> None:
    """Whatever stands in a config, the result is a plain name or nothing."""
    found = normalise_remote(url)
    assert found == "" or "/" in found
    assert not found.endswith("/")


def git(folder: Path, *words: str) -> None:
    """Run git without the developer's settings."""
    env = {"PATH": os.environ["PATH"], "HOME": str(folder), "GIT_CONFIG_NOSYSTEM": "1"}
    identity = ["-c", "user.name=d", "-c", "user.email=d@e.example", "-c", "protocol.file.allow=always"]
    subprocess.run(["git", *identity, *words], cwd=folder, env=env, check=True, capture_output=True)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Make a repository with git itself: two remotes, one commit."""
    folder = tmp_path / "shop"
    folder.mkdir()
    git(folder, "init", "--quiet")
    git(folder, "remote", "add", "upstream", "https://h.example/upstream/shop.git")
    git(folder, "remote", "add", "origin", "git@h.example:acme/shop.git")
    git(folder, "commit", "--quiet", "--allow-empty", "--message", "Start")
    return folder


def test_a_repository_is_found_from_any_folder_in_it(repository: Path) -> None:
    """`origin` counts, and the root is where `.git` is."""
    inner = repository / "a" / "b"
    inner.mkdir(parents=True)
    expected = Checkout(root=str(repository), remote="h.example/acme/shop")
    assert [checkout(str(f)) for f in (repository, inner, inner / "not made yet")] == [expected] * 3


def test_without_origin_the_first_remote_counts(repository: Path) -> None:
    """Any remote is better than none."""
    git(repository, "remote", "remove", "origin")
    assert checkout(str(repository)).remote == "h.example/upstream/shop"


def test_a_worktree_has_the_remote_of_its_repository(repository: Path, tmp_path: Path) -> None:
    """A linked worktree is a root of its own in the same project."""
    git(repository, "worktree", "add", "--quiet", str(tmp_path / "tree"))
    assert checkout(str(tmp_path / "tree")) == Checkout(
        root=str(tmp_path / "tree"), remote="h.example/acme/shop", main=str(repository)
    )


def test_a_worktree_without_a_remote_is_of_its_repository_s_project(tmp_path: Path) -> None:
    """Wherever it lies; its own folder stays its root."""
    repository, tree = tmp_path / "shop", tmp_path / "elsewhere" / "x"
    repository.mkdir()
    git(repository, "init", "--quiet")
    git(repository, "commit", "--quiet", "--allow-empty", "-m", "first")
    git(repository, "worktree", "add", "--quiet", str(tree))
    one, other = project_of(str(repository)), project_of(str(tree))
    assert one is not None
    assert other is not None
    assert (other.project_id, other.name, other.root) == (one.project_id, "shop", str(tree))


def test_a_submodule_is_a_project_of_its_own(repository: Path, tmp_path: Path) -> None:
    """Its remote is the one that it was added from."""
    outer = tmp_path / "outer"
    outer.mkdir()
    git(outer, "init", "--quiet")
    git(outer, "submodule", "--quiet", "add", str(repository), "inner")
    git(outer / "inner", "remote", "set-url", "origin", "https://h.example/acme/inner.git")
    assert checkout(str(outer / "inner")) == Checkout(
        root=str(outer / "inner"), remote="h.example/acme/inner"
    )


@pytest.mark.parametrize(
    "folder", ["", ".", "relative/folder", "/nowhere/at/all", "/a\0b", "/" + "x" * 5_000, "C:\\x"]
)
def test_a_folder_outside_of_any_repository(folder: str) -> None:
    """What is no checkout has neither root nor remote."""
    assert checkout(folder) == Checkout()


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        (
            '[remote "origin"]\n    url = git@h.example:acme/shop.git\n    fetch = +refs/*\n',
            "h.example/acme/shop",
        ),
        ('[remote "origin"]\n\turl = https://h.example/acme/shop ; a comment\n', "h.example/acme/shop"),
        ('[REMOTE "origin"]\n\tURL = "https://h.example/acme/shop"\n', "h.example/acme/shop"),
        (
            '\ufeff[core]\n\tbare\n[remote "origin"]\nurl=https://h.example/acme/shop\r\n',
            "h.example/acme/shop",
        ),
        (
            '[remote "origin"]\n\turl = https://h.example/a/first\n\turl = https://h.example/a/second\n',
            "h.example/a/first",
        ),
        ('[branch "main"]\n\turl = https://h.example/not/this\n', ""),
        ('[remote "origin"]\n\tpushurl = https://h.example/not/this\n', ""),
        ('[remote "origin"]\n\turl =\n', ""),
        ("url = https://h.example/not/this\n", ""),
        ("[[[\n]]]\0\0\n%(x)s = %(y)s\n", ""),
        ("", ""),
    ],
)
def test_a_config_is_read_as_git_writes_it(tmp_path: Path, config: str, expected: str) -> None:
    """Spaces, comments, quotes, case and broken lines are what people's configs have."""
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "config").write_text(config)
    assert checkout(str(tmp_path)).remote == expected


def test_hostile_files_of_git_hold_nobody_up(tmp_path: Path) -> None:
    """Pipes, loops, devices and endless files in a repository are passed over at once."""
    started = time.monotonic()
    for name in ("pipe", "huge", "folder", "binary", "device"):
        folder = tmp_path / name / ".git"
        folder.mkdir(parents=True)
        if name == "pipe":
            os.mkfifo(folder / "config")
        elif name == "huge":
            with (folder / "config").open("wb") as stream:
                stream.truncate(1 << 40)
        elif name == "folder":
            (folder / "config").mkdir()
        elif name == "device":
            (folder / "config").symlink_to("/dev/zero")
        else:
            (folder / "config").write_bytes(os.urandom(5_000))
        assert checkout(str(folder.parent)) == Checkout(root=str(folder.parent))
    for name, content in {
        "to itself": "gitdir: .git",
        "to nowhere": "gitdir: /nowhere",
        "to a device": "gitdir: /dev",
        "empty": "",
        "nul": "gitdir: a\0b",
        "long": "gitdir: " + "x" * 10_000,
    }.items():
        folder = tmp_path / name
        folder.mkdir()
        (folder / ".git").write_text(content)
        assert checkout(str(folder)) == Checkout(root=str(folder))
    assert time.monotonic() - started < 2


def test_a_project_is_named_by_its_remote_or_its_folder(repository: Path, tmp_path: Path) -> None:
    """A folder that is gone counts by what its transcript says, else by its path."""
    found = project_of(str(repository))
    assert found is not None
    assert (found.name, found.remote, found.root) == ("shop", "h.example/acme/shop", str(repository))
    gone = project_of("/gone/shop", remote="https://u:p@h.example/Acme/Shop.git")
    assert gone is not None
    assert (gone.project_id, gone.root) == (found.project_id, "/gone/shop")
    plain = project_of(str(tmp_path / "plain"))
    assert plain is not None
    assert (plain.project_id, plain.name) == (project_id(remote="", root=str(tmp_path / "plain")), "plain")
    assert project_of("") is None
