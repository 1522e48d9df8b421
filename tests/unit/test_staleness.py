"""Stale skills: what they name is compared with the project's folder and its latest sessions."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from shown_lessons import START, shows

from hivemind.domain.events import Event, EventKind, ResultStatus, SessionFacts
from hivemind.domain.exposures import Arm, Channel, Offer
from hivemind.domain.skills import SkillDocument, SkillState
from hivemind.evaluation.staleness import checks, sweep
from hivemind.evaluation.staleness.named import named
from hivemind.evaluation.staleness.project_files import MAX_FILE_BYTES, ProjectFiles
from hivemind.library import lifecycle
from hivemind.store import flags, offers, schema, sessions, skills
from hivemind.store.database import Workspace, open_database
from hivemind.store.flags import FlagKind
from hivemind.store.sessions import ProjectFacts

NOW = datetime.now(START.tzinfo).replace(microsecond=0)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Give a project's folder."""
    folder = tmp_path / "shop"
    folder.mkdir()
    return folder


@pytest.fixture
def workspace(tmp_path: Path, root: Path) -> Iterator[Workspace]:
    """Give a write transaction on a database that knows the project."""
    database = open_database(tmp_path / "hivemind.db")
    with database.write() as opened:
        sessions.append(
            opened,
            SessionFacts(session_id="s", agent="claude"),
            events=[],
            project=ProjectFacts(project_id="p1", name="shop", root=str(root)),
        )
        yield opened
    database.close()


def write(root: Path, **files: str) -> None:
    """Write files; `__` in a name stands for a slash, `_dot_` for a dot."""
    for name, text in files.items():
        path = root / name.replace("__", "/").replace("_dot_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def gone(root: Path, body: str) -> list[str]:
    """Give what a body names that is gone."""
    files = ProjectFiles(root)
    return [what for one in named(body) for is_gone, what in [checks.gone(one, files)] if is_gone]


def known(root: Path, body: str) -> list[bool | None]:
    """Say of each thing that a body names whether it is gone."""
    files = ProjectFiles(root)
    return [checks.gone(one, files)[0] for one in named(body)]


def test_what_a_skill_says_to_run_is_named_and_what_it_warns_of_is_not() -> None:
    """Code spans and blocks with their steps and folders; not what fails, or is never to be done."""
    body = (
        "1. `cd web && CI=1 npm run build`\n"
        "- When `make lint` fails with “x”, run `make fmt`, then `make lint` again.\n"
        "- `pytest` fails here. Never run `rm -rf x`. Use `tox -e py` instead of `python setup.py test`.\n"
        "Change api/openapi.json, see https://example.com/a/b.html\n"
        "```sh\n$ ./check --all\n# nothing\n```\n"
    )
    found = named(body)
    assert [one.text for one in found] == [
        "cd web && CI=1 npm run build",
        "make fmt",
        "make lint",
        "tox -e py",
        "api/openapi.json",
        "./check --all",
    ]
    assert [(step.folder, step.words) for step in found[0].steps] == [("web", ("npm", "run", "build"))]


@pytest.mark.parametrize(
    ("files", "body", "expected"),
    [
        (
            {"package_dot_json": '{"scripts": {"a": ""}}'},
            "`npm run a` `npm run b`",
            "no package.json here has the script b",
        ),
        ({"package_dot_json": "{}"}, "`npm test`", "no package.json here has the script test"),
        ({"web__package_dot_json": '{"scripts": {"a": ""}}'}, "`bun run a` `pnpm -C web run x`", "script x"),
        (
            {"Makefile": "test: a\n\tpytest\n"},
            "`make test` `make lint X=1`",
            "no makefile here has the target lint",
        ),
        ({"justfile": "test arg='x':\n  a\nalias t := test\n"}, "`just test` `just t` `just b`", "recipe b"),
        ({"Taskfile_dot_yml": "tasks:\n  test:\n    cmds: []\n"}, "`task test` `task b`", "task b"),
        ({"tox_dot_ini": "[testenv:lint]\n"}, "`tox -e lint` `tox -e docs`", "tox knows no docs here"),
        (
            {"noxfile_dot_py": "def lint(session): ..."},
            "`nox -s lint` `nox -s docs`",
            "nox knows no docs here",
        ),
        ({"check": "", "bin__run": ""}, "`./check` `bin/run x` `./other`", "./other is gone"),
        ({"tools__a_dot_py": ""}, "`python tools/a.py` `python tools/b.py`", "tools/b.py is gone"),
        ({"api__x": ""}, "`api/client/gen.py`, `api/x`", "api/client/gen.py is gone"),
    ],
)
def test_what_is_gone_is_told(root: Path, files: dict[str, str], body: str, expected: str) -> None:
    """The last thing named is gone, and what is there is not."""
    write(root, **files)
    (told,) = gone(root, body)
    assert expected in told


@pytest.mark.parametrize(
    ("files", "body"),
    [
        ({}, "`npm run a` `make b` `just c` `task d` `tox -e e`"),
        ({"package_dot_json": "{"}, "`npm run a`"),
        ({"package_dot_json": '{"scripts": 7}'}, "`npm run a`"),
        ({"Makefile": "include rules.mk\n"}, "`make a`"),
        ({"Makefile": "build-%:\n\techo\n"}, "`make build-a`"),
        ({"Makefile": "$(foreach x,$(ALL),$(eval $(call rule,$(x))))\n"}, "`make a`"),
        ({"Makefile": "a:\n"}, "`make $TARGET` `make -j4` `make <name>`"),
        ({"Taskfile_dot_yml": "includes:\n  x: y\n"}, "`task x:a`"),
        ({"_dot_gitignore": "/made\n*.log\n", "src__a": ""}, "`made/x.py` `src/a.log` `src/dist/x.js`"),
        ({"src__a": ""}, "`origin/main` `text/plain` `@scope/pkg.js` `/etc/hosts.x` `src/**/*.py` and/or"),
        ({"a__b__c_dot_py": ""}, "`b/c.py` `cd $X && ./check` `bun run x.ts`"),
    ],
)
def test_what_cannot_be_told_is_not_called_gone(root: Path, files: dict[str, str], body: str) -> None:
    """Nothing that defines it, patterns, includes, what is ignored, and words that only look like paths."""
    write(root, **files)
    assert gone(root, body) == []


def test_hostile_folders_are_read_a_little_and_never_outside(root: Path, tmp_path: Path) -> None:
    """Links out of the folder, huge files, pipes, loops and bytes are passed over."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "package.json").write_text('{"scripts": {"secret": ""}}')
    (root / "package.json").symlink_to(outside / "package.json")
    (root / "linked").symlink_to(outside)
    (root / "loop").symlink_to(root)
    os.mkfifo(root / "Makefile")
    (root / "justfile").write_bytes(b"\xff\xfe\x00" * 100)
    (root / "big.mk").write_bytes(b"a:\n" * MAX_FILE_BYTES)
    files = ProjectFiles(root)
    assert (files.scripts, files.has_target("a"), files.has_recipe("a")) == (None, None, None)
    assert list(files.texts) == ["justfile"]
    assert not files.is_whole
    assert not any(path.startswith(("linked/", "loop/")) for path in files.paths)


def test_a_long_line_takes_no_time(root: Path) -> None:
    """A makefile of one line that is made to be slow is judged at once."""
    write(root, Makefile="a " * 200_000, justfile="b " * 200_000)
    assert known(root, "`make a` `just b`") == [True, True]


@given(st.text(alphabet=st.sampled_from("`abc /.-&|;$<>'\"\n\\:=~@#(){}\x00\x1b☃ "), max_size=300))
def test_any_body_can_be_read(body: str) -> None:
    """Nothing that a skill says makes the reading fail."""
    files = ProjectFiles(Path("/nonexistent"))
    for one in named(body):
        checks.gone(one, files)


@given(
    st.recursive(
        st.none() | st.integers() | st.text(max_size=5),
        lambda x: st.lists(x) | st.dictionaries(st.text(max_size=8) | st.just("scripts"), x),
    )
)
def test_any_json_is_a_package(tmp_path_factory: pytest.TempPathFactory, value: Any) -> None:
    """Whatever a package.json holds, it is read or left alone."""
    import json

    folder = tmp_path_factory.mktemp("package")
    (folder / "package.json").write_text(json.dumps(value))
    assert ProjectFiles(folder).has_script("scripts") in (True, False, None)


def skill(
    workspace: Workspace, body: str = "Run `make test`.", *, project_id: str = "p1", days: int = 0
) -> skills.Skill:
    """Make an active skill that has been so for some days."""
    made = lifecycle.create(
        workspace,
        SkillDocument(name="shop-checks", description="Use when testing.", body=body),
        project_id=project_id,
        origin="template",
        actor="policy:distill",
    )
    made = lifecycle.decide(workspace, made.skill_id, SkillState.ACTIVE, actor="policy:auto")
    at = NOW - timedelta(days=days)
    workspace.execute(schema.decisions.update().values(at=at))
    workspace.execute(schema.skills.update().values(created_at=at))
    return made


def swept(workspace: Workspace, *, now: datetime = NOW) -> list[str]:
    """Look and record; give the messages of all flags."""
    sweep.record(workspace, sweep.look(workspace, now=now), now=now)
    return [flag.message for flag in flags.listed(workspace)]


def test_a_stale_skill_is_flagged_until_it_is_right_again(workspace: Workspace, root: Path) -> None:
    """The flag names what is gone, keeps its time, and goes when that is back."""
    write(root, Makefile="lint:\n\truff\n")
    held = skill(workspace)
    assert swept(workspace) == ["`make test`: no makefile here has the target test"]
    (flag,) = flags.listed(workspace)
    assert (flag.skill_id, flag.kind, flag.at) == (held.skill_id, FlagKind.STALE, NOW)
    swept(workspace, now=NOW + timedelta(days=1))
    assert flags.listed(workspace)[0].at == NOW
    write(root, Makefile="test:\n\tpytest\n")
    assert swept(workspace) == []


def test_a_folder_that_is_not_there_changes_no_flag(workspace: Workspace, root: Path) -> None:
    """Perhaps a disk that is not mounted: what was flagged stays flagged, and nothing new is."""
    write(root, Makefile="lint:\n")
    skill(workspace)
    before = swept(workspace)
    root.rename(root.with_name("elsewhere"))
    assert swept(workspace) == before != []


def test_a_skill_that_is_no_longer_live_has_no_flag_of_these_kinds(workspace: Workspace, root: Path) -> None:
    """A retired skill is nobody's concern."""
    write(root, Makefile="lint:\n")
    held = skill(workspace)
    swept(workspace)
    lifecycle.decide(workspace, held.skill_id, SkillState.RETIRED, actor="policy:distill")
    assert swept(workspace) == []


def test_what_a_person_kept_is_not_flagged_for_the_same_again(workspace: Workspace, root: Path) -> None:
    """Until something else is gone, or the person takes it back."""
    write(root, Makefile="lint:\n")
    held = skill(workspace, "Run `make test` and `make fmt`.")
    write(root, Makefile="lint:\nfmt:\n")
    assert len(swept(workspace)) == 1
    lifecycle.keep(workspace, held.skill_id, actor="person:ann", reason="it comes back tomorrow")
    assert flags.listed(workspace) == []
    assert swept(workspace) == []
    write(root, Makefile="lint:\n")
    assert "target fmt" in swept(workspace)[0]


def ran(
    workspace: Workspace, session: str, command: str, output: str, *, minutes: int, ok: bool = False
) -> None:
    """Store a session that ran one command."""
    at = START + timedelta(minutes=minutes)
    kinds = ((EventKind.TOOL_CALL, command, None), (EventKind.TOOL_RESULT, output, ok))
    events = [
        Event(
            kind=kind,
            native_id=f"{session}{number}",
            text=text,
            at=at,
            tool_name="Bash",
            tool_call_id="c1",
            status=None if good is None else (ResultStatus.OK if good else ResultStatus.ERROR),
        )
        for number, (kind, text, good) in enumerate(kinds)
    ]
    sessions.append(
        workspace,
        SessionFacts(session_id=session, agent="claude"),
        events=[sessions.RedactedEvent(event=event) for event in events],
        project=ProjectFacts(
            project_id="p1", name="shop", root=workspace.execute(schema.projects.select()).first().root
        ),  # type: ignore[union-attr]
    )


def test_a_command_that_the_tools_no_longer_know_is_stale(workspace: Workspace) -> None:
    """By its latest run: an ordinary failure says nothing, and a later success clears it."""
    skill(workspace, "Run `shopctl seed --all`.")
    ran(workspace, "a", "shopctl seed --all", "3 failed", minutes=1)
    assert swept(workspace) == []
    ran(workspace, "b", "cd x && shopctl seed --all", "bash: shopctl: command not found", minutes=2)
    assert swept(workspace) == []
    ran(
        workspace,
        "c",
        "shopctl seed --all 2>&1",
        "Exit code 127\nbash: shopctl: command not found",
        minutes=3,
    )
    assert swept(workspace) == ["`shopctl seed --all` fails: bash: shopctl: command not found"]
    ran(workspace, "d", "shopctl seed --all", "seeded", minutes=4, ok=True)
    assert swept(workspace) == []


def test_the_folder_overrules_the_sessions(workspace: Workspace, root: Path) -> None:
    """What failed as missing, and is defined now, is not stale."""
    ran(workspace, "a", "make test", "make: *** No rule to make target 'test'.  Stop.", minutes=1)
    skill(workspace)
    assert len(swept(workspace)) == 1
    write(root, Makefile="test:\n\tpytest\n")
    assert swept(workspace) == []


@pytest.mark.parametrize(("days", "count", "flagged"), [(61, 5, True), (59, 5, False), (61, 4, False)])
def test_what_nobody_needed_is_flagged(workspace: Workspace, days: int, count: int, flagged: bool) -> None:
    """After sixty days in which the project was worked on; an offer, even a withheld one, is a need."""
    held = skill(workspace, "Be kind.", days=days)
    for number in range(count):
        shows(workspace, f"s{number}", at=NOW - timedelta(days=3))
    assert [f.kind for f in flags.listed(workspace)] == []
    assert swept(workspace) == (
        [f"no session needed it in {days} days, of {count} sessions"] if flagged else []
    )
    offer = Offer(
        session_id="s1",
        skill_id=held.skill_id,
        version=1,
        channel=Channel.PROMPT,
        arm=Arm.WITHHELD,
        agent="claude",
        at=NOW,
    )
    offers.record(workspace, [offer])
    assert swept(workspace) == []


def test_a_skill_of_every_project_has_no_folder(workspace: Workspace, root: Path) -> None:
    """It is compared with no project's files."""
    write(root, Makefile="lint:\n")
    skill(workspace, project_id="")
    assert swept(workspace) == []
