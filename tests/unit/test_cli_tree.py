"""Every verb: its help, its exit codes, its errors, and what it costs to start."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import click
import pytest
from claude_records import DEMO
from command_line import run, shell

from hivemind.cli.root import COMMANDS, hivemind


def _paths(command: click.Command, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    yield path
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            found = command.get_command(context, name)
            assert found is not None
            yield from _paths(found, (*path, name))


PATHS = list(_paths(hivemind))


@pytest.mark.parametrize("path", PATHS, ids=" ".join)
def test_every_verb_has_help(path: tuple[str, ...]) -> None:
    """`--help` and `-h` of each verb say what it does, on lines of 100 characters at most, and exit 0."""
    if path[-1:] == ("mcp",):
        pytest.importorskip("hivemind.server.mcp")
    ran = run(*path, "--help")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.startswith("Usage: hivemind")
    assert all(len(line) <= 100 for line in ran.out.splitlines())


def test_the_list_of_verbs_needs_no_verb_loaded() -> None:
    """The static lines of help are the verbs' own first lines."""
    for name, (module, attribute, line) in COMMANDS.items():
        command = getattr(import_module(f"hivemind.cli.{module}"), attribute)
        assert command.name == name
        assert line == (command.help or "").partition("\n")[0]
        assert len(line) <= 66


@pytest.mark.parametrize("path", [p for p in PATHS if len(p) > 1], ids=" ".join)
def test_no_line_of_help_is_cut(path: tuple[str, ...]) -> None:
    """The one line that a group's help shows of each command fits a terminal of 80 characters."""
    _, _, listed = run(*path[:-1], "--help", env={"COLUMNS": "80"}).out.partition("Commands:\n")
    assert "..." not in listed


def test_help_imports_nothing_heavy() -> None:
    """`hivemind --help` loads click and the tree, no database, table or agent."""
    code = "import sys; from hivemind.cli import main; sys.argv = ['hivemind', '--help']\ntry: main()\n"
    code += "except SystemExit: print(*sys.modules, file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stderr.split())
    assert (
        loaded & {"sqlalchemy", "rich", "alembic", "mcp", "hivemind.store", "hivemind.agents.claude"} == set()
    )


def test_status_imports_no_database_library() -> None:
    """`hivemind status` answers from the file alone, so that it is quick."""
    code = "import sys; from hivemind.cli import main; sys.argv = ['hivemind', 'status']\ntry: main()\n"
    code += "except SystemExit: print(*sys.modules, file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert {"sqlalchemy", "alembic", "mcp"} & set(done.stderr.split()) == set()


def test_version() -> None:
    """`--version` names the program and its version."""
    from hivemind import __version__

    assert run("--version").out == f"hivemind, version {__version__}\n"


@pytest.mark.parametrize(
    "words", [["nonsense"], ["skills", "nonsense"], ["status", "--nonsense"], ["sql"], ["sessions", "prune"]]
)
def test_usage_errors_exit_2(words: list[str]) -> None:
    """What cannot be understood exits 2 and says how it is used."""
    ran = run(*words)
    assert (ran.code, ran.out) == (2, "")
    assert "Usage: hivemind" in ran.err
    assert "Error: " in ran.err


@pytest.mark.parametrize(
    ("words", "slug"),
    [
        (["skills", "list"], "nothing-stored"),
        (["skills", "show", "x"], "nothing-stored"),
        (["sessions", "list"], "nothing-stored"),
        (["search", "x"], "nothing-stored"),
        (["skillify"], "nothing-stored"),
        (["sql", "select 1"], "nothing-stored"),
        (["config", "get", "nonsense"], "config-unknown"),
        (["config", "set", "nonsense", "1"], "config-unknown"),
        (["config", "set", "publish.policy", "nonsense"], "config-value"),
        (["scan"], "no-transcripts"),
        (["backfill"], "no-transcripts"),
    ],
)
def test_expected_failures_exit_1(words: list[str], slug: str) -> None:
    """What failed, what to do about it and where that is explained, on stderr; nothing on stdout."""
    ran = run(*words)
    assert (ran.code, ran.out) == (1, "")
    first, *rest = ran.err.splitlines()
    assert first.startswith("hivemind: ")
    assert rest[-1] == f"see: hivemind doctor --error {slug}"
    assert rest[0].startswith("hint: ")
    assert "Traceback" not in ran.err


def test_the_command_of_the_last_line_explains_the_error() -> None:
    """What a message ends with can be run as it stands, with no docs folder around."""
    words = run("sql", "select 1").err.splitlines()[-1].removeprefix("see: hivemind ").split()
    told = run("doctor", "--error", "capture-off")
    assert (told.code, words[:2]) == (0, ["doctor", "--error"])
    assert told.out.startswith("`HIVEMIND_CAPTURE=false` is set, or `capture.enabled` is false")
    assert "##" not in told.out
    assert run("doctor", "--error", "docs/errors.md#capture-off").out == told.out
    wrong = run("doctor", "--error", "capture-of")
    assert (wrong.code, wrong.out) == (2, "")
    assert "Did you mean capture-off?" in wrong.err


def test_a_workspace_name_that_cannot_be_one_is_an_expected_failure() -> None:
    """HIVEMIND_WORKSPACE_ID is checked before anything is stored."""
    ran = run("backfill", "--from", str(DEMO), env={"HIVEMIND_WORKSPACE_ID": "../x"})
    assert (ran.code, ran.err.splitlines()[-1]) == (1, "see: hivemind doctor --error workspace-name")


def test_a_bug_exits_3(monkeypatch: pytest.MonkeyPatch) -> None:
    """What nobody expected shows its traceback and asks for a report."""
    from hivemind.cli import status

    def broken(app: object) -> float:
        return 1 / 0

    monkeypatch.setattr(status, "gather", broken)
    ran = run("status")
    assert ran.code == 3
    assert "ZeroDivisionError" in ran.err
    assert ran.err.endswith("hivemind: this is a bug; please report the lines above\n")


def test_an_interrupt_exits_130(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C ends a command without a traceback."""
    from hivemind.cli import status

    def interrupted(app: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(status, "gather", interrupted)
    ran = run("status")
    assert ran.code == 130
    assert "Traceback" not in ran.err


def test_a_database_that_is_none_is_an_expected_failure() -> None:
    """A file that SQLite cannot read is named, with what to do."""
    run("config", "set", "inject.enabled", "true")  # makes the folder
    folder = run("config", "path").out.strip().rpartition("/")[0]
    with open(f"{folder}/hivemind.db", "wb") as file:  # noqa: PTH123
        file.write(b"not a database, though long enough to look like one" * 100)
    for words in (["status"], ["skills", "list"], ["sql", "select count(*) from events"]):
        ran = run(*words)
        assert ran.code == 1, (words, ran.err)
        assert "Traceback" not in ran.err
        assert "hint: " in ran.err


def test_a_reader_that_has_seen_enough_is_no_failure(tmp_path: object) -> None:
    """`hivemind … | head -1` ends quietly."""
    shell(["config", "set", "inject.enabled", "true"])
    for words in ("--help", "config", "skills --help"):
        done = subprocess.run(
            ["/bin/sh", "-c", f'"{sys.executable}" -m hivemind {words} | head -1'],
            capture_output=True,
            text=True,
            check=True,
            env=dict(os.environ),
        )
        assert len(done.stdout.splitlines()) == 1
        assert "Error" not in done.stderr
        assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "words",
    [
        ["install", "--only", ""],
        ["install", "--only", " , "],
        ["uninstall", "--only", ""],
        ["install", "codx"],
        ["install", "--only", "nonsense"],
    ],
    ids=" ".join,
)
def test_a_wrong_choice_of_agents_touches_none(words: list[str], tmp_path: Path) -> None:
    """An empty variable must not come to mean all agents, and a misspelt name is a usage error."""
    (tmp_path / ".claude").mkdir()
    done = run(*words, env={"HOME": str(tmp_path), "HIVEMIND_HOME": str(tmp_path / "data")})
    assert done.code == 2
    assert list((tmp_path / ".claude").iterdir()) == []
    assert "codx" not in words or "Did you mean codex?" in done.err
