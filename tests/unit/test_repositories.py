"""Folders are one project only where their history proves it; names and commands prove nothing."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
from claude_records import rows, store
from hypothesis import given
from hypothesis import strategies as st
from stories import Moment, ask, failed, ran, transcript

from hivemind.distill import pipeline, repositories
from hivemind.domain.projects import main_folder, project_id
from hivemind.store import skills
from hivemind.store.database import Database, open_database

ONE, TWO, THREE = "/home/dev/shop", "/home/dev/clones/shop", "/home/dev/old-shop"
TRAP = (ask("Test it."), failed("npm test", "Error: no test"), ran("npm run test:ci"))
LOG = "a1b2c3d Add the basket and its tests\ne4f5a6b Let the basket hold several things\n"
PUSHED = ran("git push", "To github.com:dev/storefront.git\n   1..2  main -> main")
LINES = {
    path: [f"return basket.{name}(item, quantity={n})  # {path}" for n in range(6)]
    for path, name in (("src/a.py", "add"), ("src/b.py", "take"), ("src/c.py", "keep"), ("src/d.py", "swap"))
}


def wrote(root: str, *paths: str) -> list[Moment]:
    """The agent puts a file's lines into it."""
    return [
        Moment(
            kind="do",
            tool="Edit",
            text=path,
            given={"file_path": f"{root}/{path}", "old_string": "pass", "new_string": "\n".join(LINES[path])},
            output="updated",
        )
        for path in paths
    ]


def read(root: str, *paths: str) -> list[Moment]:
    """The agent reads a file with these lines in it."""
    return [
        Moment(
            kind="do",
            tool="Read",
            text=path,
            given={"file_path": f"{root}/{path}"},
            output="\n".join(f"{n:6}→    {line}" for n, line in enumerate(LINES[path], start=1)),
        )
        for path in paths
    ]


def came_and_went() -> list[tuple[str, int, list[Moment]]]:
    """Tell four sessions of two clones, each with what the other had written."""
    return [
        (ONE, 3, [*TRAP, *wrote(ONE, "src/a.py", "src/b.py")]),
        (TWO, 4, [*TRAP, *read(TWO, "src/a.py", "src/b.py"), *wrote(TWO, "src/c.py", "src/d.py")]),
        (ONE, 5, [*TRAP, *read(ONE, "src/c.py", "src/d.py")]),
        (TWO, 6, [*TRAP]),
    ]


def told(folder: Path, sessions: list[tuple[str, int, list[Moment]]], *, between: bool = False) -> Database:
    """Store sessions, each given by folder and day, and distil them."""
    folder.mkdir(exist_ok=True)
    database = open_database(folder / "hivemind.db")
    for cwd, day, moments in sessions:
        path = transcript(folder / "told", *moments, session="s", day=day, cwd=cwd)
        store(database, path, final=True)
        if between:
            pipeline.distill(database, "default", author="dev")
    pipeline.distill(database, "default", author="dev")
    return database


def projects(database: Database) -> list[int]:
    """Count the sessions of each project."""
    return sorted(n for (n,) in rows(database, "SELECT count(*) FROM sessions GROUP BY project_id"))


def open_skills(database: Database) -> list[str]:
    """Name the open skills."""
    with database.read() as workspace:
        return sorted(s.name for s in skills.listed(workspace, states=skills.OPEN_STATES))


def test_clones_that_share_work_are_one_project(tmp_path: Path) -> None:
    """In any order of arrival: one skill, on what all of them show."""
    results = set()
    for number, order in enumerate(itertools.permutations(came_and_went())):
        if number % 5:
            continue
        for between in (False, True):
            database = told(tmp_path / f"{number}{between}", list(order), between=between)
            found = rows(database, "SELECT DISTINCT project_id FROM sessions")
            results.add((tuple(projects(database)), tuple(open_skills(database)), tuple(found)))
            database.close()
    assert results == {((4,), ("shop-checks",), ((project_id(remote="", root=ONE),),))}


def test_two_projects_of_one_name_that_run_the_same_are_two(tmp_path: Path) -> None:
    """Also where one read what the other wrote: a copy goes one way."""
    copied = [*TRAP, *read(TWO, *LINES)]
    database = told(
        tmp_path / "a",
        [(ONE, 3, [*TRAP, *wrote(ONE, *LINES)]), (TWO, 4, copied), (ONE, 5, [*TRAP]), (TWO, 6, [*TRAP])],
    )
    assert projects(database) == [2, 2]
    database.close()


def test_both_having_written_the_same_proves_nothing(tmp_path: Path) -> None:
    """An agent may write the same lines twice, from a template that it knows."""
    same = [
        (ONE, 3, [*wrote(ONE, *LINES), *read(ONE, *LINES)]),
        (TWO, 4, [*wrote(TWO, *LINES), *read(TWO, *LINES)]),
        (ONE, 5, [*read(ONE, *LINES)]),
    ]
    database = told(tmp_path / "a", same)
    assert projects(database) == [1, 2]
    database.close()


def test_shared_commits_are_proof_where_the_names_are_alike(tmp_path: Path) -> None:
    """`shop` and `old-shop` may be one; another repository's log that was looked at does not count."""
    for number, (cwd, command, expected) in enumerate(
        (
            (THREE, "git log --oneline -5", [2]),
            (THREE, f"git -C {ONE} log --oneline -5", [1, 1]),
            (THREE, f"cd {ONE} && git log --oneline", [1, 1]),
            ("/home/dev/till", "git log --oneline -5", [1, 1]),
        )
    ):
        database = told(
            tmp_path / str(number),
            [
                (ONE, 3, [ask("Log."), ran("git log --oneline", LOG)]),
                (cwd, 4, [ask("Log."), ran(command, LOG)]),
            ],
        )
        assert projects(database) == expected, command
        database.close()


def test_one_commit_alone_is_no_proof(tmp_path: Path) -> None:
    """A test may make the very same commit anywhere."""
    log = LOG.split("\n", maxsplit=1)[0]
    database = told(
        tmp_path / "a",
        [(cwd, day, [ask("Log."), ran("git log --oneline", log)]) for cwd, day in ((ONE, 3), (TWO, 4))],
    )
    assert projects(database) == [1, 1]
    database.close()


def test_what_has_a_remote_keeps_it(tmp_path: Path) -> None:
    """Clones without one go to it, and projects of two remotes are never one, whatever they share."""
    database = told(tmp_path / "a", [*came_and_went(), (TWO, 7, [*TRAP, PUSHED])])
    assert projects(database) == [5]
    assert open_skills(database) == ["storefront-checks"]
    assert rows(database, "SELECT DISTINCT git_remote FROM sessions") == [("github.com/dev/storefront",)]
    database.close()
    other = ran("git push", "To github.com:kim/shop.git\n   1..2  main -> main")
    forks = [*came_and_went(), (TWO, 7, [PUSHED]), (ONE, 8, [other])]
    database = told(tmp_path / "b", forks)
    assert projects(database) == [3, 3]
    database.close()


def test_a_new_session_finds_the_project_of_its_folder(tmp_path: Path) -> None:
    """A clone that went to another's project stays there."""
    database = told(tmp_path / "a", came_and_went())
    store(database, transcript(tmp_path / "new", *TRAP, day=9, cwd=TWO), final=True)
    assert projects(database) == [5]
    database.close()


@pytest.mark.parametrize(
    ("folder", "main"),
    [
        ("/home/dev/shop/.worktrees/fix", "/home/dev/shop"),
        ("/home/dev/shop/.claude/worktrees/fix", "/home/dev/shop"),
        ("/home/dev/shop.worktrees/fix", "/home/dev/shop"),
        ("/home/dev/shop__worktrees/fix/", "/home/dev/shop"),
        ("/home/dev/worktrees/shop", "/home/dev/worktrees/shop"),
        ("/home/dev/shop-worktrees/till", "/home/dev/shop-worktrees/till"),
        ("/home/dev/shop", "/home/dev/shop"),
        ("/.worktrees/x", "/.worktrees/x"),
        ("", ""),
    ],
)
def test_worktrees_are_of_their_checkout(folder: str, main: str) -> None:
    """Where tools put them says whose they are."""
    assert main_folder(folder) == main


def test_worktrees_share_what_they_learn(tmp_path: Path) -> None:
    """One session in each of three worktrees is three sessions of a project; a remote is one of all."""
    trees = [(f"{ONE}/.worktrees/{n}", n, [*TRAP]) for n in (3, 4, 6)]
    database = told(tmp_path / "a", trees)
    assert open_skills(database) == ["shop-checks"]
    database.close()
    orders = itertools.permutations([*trees, (f"{ONE}/.worktrees/5", 5, [*TRAP, PUSHED])])
    for number, order in enumerate(itertools.islice(orders, 0, None, 5)):
        database = told(tmp_path / f"b{number}", list(order))
        assert projects(database) == [4]
        database.close()


@given(
    st.recursive(st.none() | st.text() | st.integers(), lambda x: st.lists(x) | st.dictionaries(st.text(), x))
)
def test_any_call_can_be_read(given_data: object) -> None:
    """Whatever a tool was given."""
    data = given_data if isinstance(given_data, dict) else {"edits": given_data, "file_path": given_data}
    assert isinstance(repositories._put_in(data), set)
    assert isinstance(repositories._path(data, "/home/dev/shop"), str)
