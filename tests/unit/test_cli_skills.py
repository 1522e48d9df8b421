"""`skills`: read them, decide on them, edit them, check files; `sql`; `config`; `install --dry-run`."""

from __future__ import annotations

import os
import shutil
import sqlite3
import stat
import sys
from pathlib import Path

import pytest
from command_line import CONTROL, backfill_demo, run, shell
from stories import ask, failed, ran, transcript

from hivemind.cli import doctor
from hivemind.domain.exposures import Arm, Channel, Offer
from hivemind.library.document import parse
from hivemind.store import offers, skills
from hivemind.store.database import open_database
from hivemind.worker.lock import WorkerLock

CHECKS = "shop-api-checks"


@pytest.fixture(scope="module")
def backfilled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Store the demo's sessions once, which make three skills."""
    return backfill_demo(tmp_path_factory.mktemp("backfilled"))


@pytest.fixture(autouse=True)
def stored(backfilled: Path) -> None:
    """Give each test its own copy of what is stored."""
    shutil.copytree(backfilled, os.environ["HIVEMIND_HOME"])


def state(name: str = CHECKS) -> tuple[str, int]:
    """Give a skill's state and version."""
    found = run("skills", "show", name, "--json").json
    return found["state"], found["version"]


def test_list() -> None:
    """Skills are listed with state, support and project; JSON has stable keys."""
    done = run("skills", "list")
    head, *shown = done.out.splitlines()
    assert head.split()[:5] == ["name", "state", "sessions", "changed", "project"]
    assert sorted(line.split()[0] for line in shown) == [CHECKS, "shop-api-migrate", "shop-api-rules"]
    found = run("skills", "list", "--json").json
    assert {"skill_id", "name", "description", "project", "state", "version", "sessions", "topic"} <= set(
        found[0]
    )
    assert run("skills", "list", "--state", "active").out.startswith("No skill is active.")
    assert run("skills", "list", "--state", "nonsense").code == 2


def test_show() -> None:
    """A skill is shown with its evidence and decisions, `--raw` as the file it becomes."""
    done = run("skills", "show", CHECKS)
    assert done.out.startswith(f"---\nname: {CHECKS}\n")
    assert "── trial, version 1, template; shop-api" in done.out
    assert "── evidence: " in done.out
    assert "2. " in done.out.partition("── decisions")[2]
    assert parse(run("skills", "show", CHECKS, "--raw").out).name == CHECKS
    found = run("skills", "show", CHECKS, "--json").json
    assert {"document", "skill_md", "findings", "evidence", "decisions", "files", "state"} <= set(found)
    assert found["skill_md"] == run("skills", "show", CHECKS, "--raw").out


def test_a_skill_that_was_only_withheld_says_so() -> None:
    """Where nothing is seen of a new skill because a draw withheld it, status and the skill say that."""
    database = open_database(Path(os.environ["HIVEMIND_HOME"]) / "hivemind.db")
    with database.read() as workspace:
        skill = skills.find(workspace, CHECKS)

    def offered(session: str, arm: Arm) -> None:
        with database.write() as workspace:
            new = Offer(
                session_id=session,
                skill_id=skill.skill_id,
                version=1,
                channel=Channel.PROMPT,
                arm=arm,
                agent="claude",
                at=skill.created_at,
                share=0.1,
            )
            offers.record(workspace, [new])

    assert "use: it has fitted no session yet" in run("skills", "show", CHECKS).out
    offered("s1", Arm.WITHHELD)
    shown, status = run("skills", "show", CHECKS).out, run("status").out
    assert "use: no session has had it yet; 1 session that it fitted went without, drawn to learn" in shown
    assert "shown to agents 0 times, withheld 1 time" in status
    assert f"holdout: no session has had {CHECKS} yet" in status
    offered("s2", Arm.GIVEN)
    database.close()
    shown, status = run("skills", "show", CHECKS).out, run("status").out
    assert "use: 1 session had it; 1 session that it fitted went without" in shown
    assert "shown to agents 1 time, withheld 1 time" in status
    assert "no session has had" not in status
    use = run("skills", "show", CHECKS, "--json").json["use"]
    assert use == {"sessions_given": 1, "sessions_withheld": 1}


@pytest.mark.parametrize("words", [["nonsense"], [CHECKS, "--version", "99"]])
def test_what_is_not_there_is_named(words: list[str]) -> None:
    """An unknown skill or version fails with what to do."""
    done = run("skills", "show", *words)
    assert (done.code, done.out) == (1, "")
    assert words[-1] in done.err
    assert "Traceback" not in done.err


def test_a_name_in_two_projects_needs_an_id(tmp_path: Path) -> None:
    """Two projects of one name have skills of one name; the list then shows ids, and they are understood."""
    for cwd in ("/home/a/app", "/home/b/app"):
        for day in (3, 4):
            moments = (ask("Test."), failed("pytest", "No module named 'x'"), ran("make test"))
            transcript(tmp_path / "apps", *moments, day=day, cwd=cwd)
    assert run("backfill", "--from", str(tmp_path / "apps")).code == 0
    done = run("skills", "show", "app-checks")
    assert (done.code, done.err.splitlines()[-1]) == (1, "see: hivemind doctor --error skill-unknown")
    listed = run("skills", "list").out
    ids = [line.split()[1] for line in listed.splitlines() if line.startswith("app-checks")]
    assert len(ids) == 2
    for skill_id in ids:
        assert skill_id in done.err
        assert run("skills", "show", skill_id, "--raw").out.startswith("---\nname: app-checks\n")


def test_decisions_and_undo() -> None:
    """Approve, retire and reject move a skill, undo takes each back, and the ledger keeps it all."""
    assert run("skills", "approve", CHECKS, "--reason", "good").out == f"{CHECKS} is now active, version 1\n"
    assert run("skills", "retire", CHECKS).out == f"{CHECKS} is now retired, version 1\n"
    assert run("skills", "undo", CHECKS).out == f"{CHECKS} is now active, version 1\n"
    assert run("skills", "undo", CHECKS).out == f"{CHECKS} is now trial, version 1\n"
    assert run("skills", "reject", CHECKS, "--json").json["state"] == "rejected"
    decisions = run("skills", "show", CHECKS, "--json").json["decisions"]
    assert [d["to_state"] for d in decisions] == [
        *("candidate", "trial", "active", "retired", "active", "trial", "rejected")
    ]
    assert decisions[2]["reason"] == "good"
    assert all(d["actor"].startswith(("policy:", "person:")) for d in decisions)


def test_approving_twice_changes_nothing() -> None:
    """What is active stays so, which is said and no failure."""
    run("skills", "approve", CHECKS)
    before = run("skills", "show", CHECKS, "--json").json
    done = run("skills", "approve", CHECKS)
    assert (done.code, done.out) == (0, "")
    assert "is active already" in done.err
    assert run("skills", "show", CHECKS, "--json").json == before


def test_what_the_life_cycle_does_not_allow_is_refused() -> None:
    """A rejected skill cannot be retired; nothing changes."""
    run("skills", "reject", CHECKS)
    done = run("skills", "retire", CHECKS)
    assert (done.code, done.err.splitlines()[-1]) == (1, "see: hivemind doctor --error skill-transition")
    assert state() == ("rejected", 1)


def test_a_rejected_skill_stays_rejected() -> None:
    """Mining everything again does not bring it back."""
    run("skills", "reject", CHECKS)
    done = run("skillify", "--again")
    assert f"kept {CHECKS} (rejected): it was rejected before" in done.out
    assert state() == ("rejected", 1)


def editor(tmp_path: Path, script: str) -> dict[str, str]:
    """Give an $EDITOR that changes the file as a person would."""
    path = tmp_path / "editor"
    path.write_text(f"#!{sys.executable}\nimport pathlib, sys\npath = pathlib.Path(sys.argv[1])\n{script}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return {"EDITOR": str(path), "VISUAL": str(path)}


def test_edit_makes_a_version_that_the_machine_leaves_alone(tmp_path: Path) -> None:
    """What a person writes in $EDITOR is the next version, and stays it."""
    env = editor(tmp_path, "path.write_text(path.read_text() + '\\nAsk Kim about the slow ones.\\n')")
    assert run("skills", "edit", CHECKS, env=env).out == f"{CHECKS} is now version 2, trial\n"
    assert "Ask Kim about the slow ones." in run("skills", "show", CHECKS, "--raw").out
    assert "a person wrote its current version" in run("skillify", "--again").out
    assert "Ask Kim" not in run("skills", "show", CHECKS, "--version", "1", "--raw").out
    assert run("skills", "undo", CHECKS).out == f"{CHECKS} is now trial, version 1\n"


@pytest.mark.parametrize(
    ("script", "code", "said"),
    [
        ("pass", 0, "is unchanged"),
        ("path.write_text('no frontmatter')", 1, "skill-unparseable"),
        ("path.write_text(path.read_text().replace('name: shop', 'name: Shop'))", 1, "skill-gated"),
        (
            "path.write_text(path.read_text() + '\\nThe token is ghp_' + 'x9Kq2mZ7' * 5)",
            1,
            "secrets",
        ),
        ("path.write_bytes(b'\\xff')", 1, "not UTF-8"),
        ("sys.exit(1)", 1, "Editing failed"),
    ],
)
def test_an_edit_that_is_refused_changes_nothing(script: str, code: int, said: str, tmp_path: Path) -> None:
    """An unchanged, unreadable or dangerous text makes no version, and says why."""
    done = run("skills", "edit", CHECKS, env=editor(tmp_path, script))
    assert done.code == code, done.err
    assert said in done.out + done.err
    assert "Traceback" not in done.err
    assert state() == ("trial", 1)
    kept = list(Path(os.environ["HIVEMIND_HOME"]).glob("refused-*.md"))
    assert len(kept) == (code == 1 and "Editing" not in said)


def test_check_judges_files(tmp_path: Path) -> None:
    """Good files pass, bad ones are refused with the reason, and one bad one makes it fail."""
    good = tmp_path / "skills" / CHECKS
    good.mkdir(parents=True)
    (good / "SKILL.md").write_text(run("skills", "show", CHECKS, "--raw").out)
    done = run("skills", "check", str(tmp_path / "skills"))
    assert (done.code, done.err) == (0, "")
    assert f"ok      {good}/SKILL.md" in done.out
    bad = tmp_path / "skills" / "bad"
    bad.mkdir()
    (bad / "SKILL.md").write_text(f"---\nname: Not A Name\ndescription: x{chr(27)}[31m\n---\nDo it.\n")
    done = run("skills", "check", str(tmp_path / "skills"))
    assert done.code == 1
    assert f"refused {bad}/SKILL.md" in done.out
    assert not CONTROL.search(done.out)
    found = run("skills", "check", str(tmp_path / "skills"), "--json").json
    assert [set(entry) for entry in found] == [{"path", "ok", "findings"}] * 2
    assert [entry["ok"] for entry in found] == [False, True]


def test_check_of_nothing_fails(tmp_path: Path) -> None:
    """A folder without a SKILL.md is said; a path that is not there is a usage error."""
    (tmp_path / "none").mkdir()
    assert run("skills", "check", str(tmp_path / "none")).code == 1
    assert run("skills", "check", str(tmp_path / "nowhere")).code == 2
    broken = tmp_path / "SKILL.md"
    broken.write_bytes(b"\xff\xfe\x00")
    assert run("skills", "check", str(broken)).code == 1


def test_the_folder_may_be_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A shell that stands in a deleted folder can still show a skill."""
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    done = run("skills", "show", CHECKS)
    monkeypatch.chdir(tmp_path)
    assert done.code == 0, done.err


# sql


def test_sql_prints_values_tables_and_documents() -> None:
    """One value is printed alone, rows with a head, and JSON and CSV as they are."""
    assert run("sql", "select count(*) from sessions").out == "7\n"
    assert (
        run("sql", "select kind, count(*) n from events where kind = 'prompt' group by 1").out
        == "kind\tn\nprompt\t16\n"
    )
    assert run("sql", "select 1 as one, null as none", "--json").json == [{"one": 1, "none": None}]
    assert run("sql", "select 'a,b' as x, 2 as y", "--csv").out == 'x,y\r\n"a,b",2\r\n'
    limited = run("sql", "select kind from events", "--limit", "2")
    assert len(limited.out.splitlines()) == 3
    assert "only the first 2 rows" in limited.err


def test_the_schema_is_also_json() -> None:
    """Every table with its columns."""
    tables = {table["table"]: table["columns"] for table in run("sql", "--schema", "--json").json}
    assert {"session_id", "workspace_id"} <= {column["column"] for column in tables["sessions"]}


def test_sql_schema_needs_no_database() -> None:
    """The tables are documented from their own definitions."""
    done = run("sql", "--schema", env={"HIVEMIND_HOME": "/nonexistent"})
    assert done.code == 0
    assert "sessions" in done.out


WRITES = (
    "delete from events",
    "insert into workspaces values ('x', null)",
    "update sessions set title = 'x'",
    "drop table events",
    "create table x (y)",
    "create temp table x (y)",
    "pragma query_only = off",
    "pragma journal_mode = delete",
    "pragma user_version = 7",
    "pragma writable_schema = on",
    "pragma wal_checkpoint(truncate)",
    "attach database 'other.db' as other",
    "attach ':memory:' as other",
    "vacuum",
    "vacuum into 'copy.db'",
    "reindex",
    "begin immediate",
    "select load_extension('x')",
    "select writefile('x', 'y')",
    "select 1; delete from events",
    "with x as (select 1) delete from events",
    "replace into sessions (session_id) values ('x')",
    "select * from nonsense",
    "nonsense",
    "select '\0'",
)


@pytest.mark.parametrize("query", WRITES)
def test_sql_refuses_everything_but_reading(
    query: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No statement changes the database, its settings, or another file."""
    monkeypatch.chdir(tmp_path)
    before = _dump()
    done = run("sql", query)
    assert (done.code, done.out) == (1, ""), query
    assert done.err.splitlines()[-1] == "see: hivemind doctor --error sql-failed"
    assert _dump() == before
    assert not {"other.db", "copy.db", "x"} & {p.name for p in tmp_path.iterdir()}


def _dump() -> list[str]:
    with sqlite3.connect(Path(os.environ["HIVEMIND_HOME"]) / "hivemind.db") as connection:
        pragmas = [
            str(connection.execute(f"pragma {p}").fetchone()) for p in ("user_version", "journal_mode")
        ]
        return pragmas + [
            str(r) for r in connection.execute("select name, sql from sqlite_master order by 1")
        ]


@pytest.mark.parametrize(
    "query",
    [
        "with recursive n(i) as (select 1 union all select i + 1 from n where i < 5) select max(i) from n",
        "select json_extract(data, '$.command') from events where tool_name = 'Bash' limit 1",
        "select count(*) over () from events limit 1",
        "explain query plan select * from events",
        "pragma table_info(events)",
        "select name from sqlite_master limit 1",
    ],
)
def test_sql_reads_in_every_way(query: str) -> None:
    """Recursion, JSON, windows, plans and the schema itself can be asked for."""
    assert run("sql", query).code == 0


def test_a_query_without_end_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    """A query that would run for ever ends with an error."""
    from hivemind.cli import sql

    monkeypatch.setattr(sql, "MAX_STEPS", 3_000_000)
    done = run(
        "sql", "with recursive n(i) as (select 1 union all select i + 1 from n) select count(*) from n"
    )
    assert (done.code, done.err.splitlines()[0]) == (1, "hivemind: interrupted")


# config


def test_config_keeps_what_a_person_wrote() -> None:
    """Setting a value keeps comments, order and unknown white space of the file."""
    path = Path(run("config", "path").out.strip())
    path.write_text("# mine\n[inject]\nmax_skills = 2   # few\n\n[publish]\npolicy = 'auto'\n")
    assert run("config", "set", "inject.max_skills", "1").out == "inject.max_skills = 1\n"
    assert run("config", "set", "capture.exclude", "~/private, /tmp/*").code == 0
    text = path.read_text()
    assert text.startswith("# mine\n[inject]\nmax_skills = 1   # few\n\n[publish]\npolicy = 'auto'\n")
    assert run("config", "get", "capture.exclude").out == "~/private, /tmp/*\n"
    assert run("config", "--json").json["inject.max_skills"] == 1
    assert "inject.max_skills = 1 (changed)" in run("config").out
    for word, value in (("off", "false"), ("yes", "true")):
        assert run("config", "set", "inject.enabled", word).out == f"inject.enabled = {value}\n"


@pytest.mark.parametrize(
    ("key", "value"),
    [("inject.max_skills", "many"), ("inject.max_skills", "-1"), ("capture.enabled", "perhaps")],
)
def test_config_refuses_what_a_setting_cannot_be(key: str, value: str) -> None:
    """A wrong value is refused with what it takes, and nothing is written."""
    done = run("config", "set", "--", key, value)
    assert (done.code, done.err.splitlines()[-1]) == (1, "see: hivemind doctor --error config-value")
    assert not Path(run("config", "path").out.strip()).exists()


def test_a_bad_value_is_named_and_can_be_mended() -> None:
    """File and line are said; setting that very key mends it, `holdout off` too, and its shares follow."""
    path = Path(run("config", "path").out.strip())
    path.write_text('# mine\n[holdout]\nenabled = "yes"\n')
    done = run("config")
    assert (done.code, done.err.splitlines()[0]) == (
        1,
        f"hivemind: {path}, line 3: holdout.enabled = 'yes'",
    )
    assert run("holdout", "off").code == 0
    assert path.read_text() == "# mine\n[holdout]\nenabled = false\n"
    assert run("config", "set", "holdout.enabled", "true").code == 0
    run("config", "set", "holdout.trial_percent", "40")
    shares = {s["share"] for s in run("holdout", "--json").json["skills"]}
    assert 0.4 in shares
    path.write_text("holdout = 3\n")
    assert run("config", "set", "holdout.enabled", "true").code == 1


def test_doctor_goes_on_with_a_broken_config(monkeypatch: pytest.MonkeyPatch) -> None:
    """What does not parse is one failed check of many, with its file and line."""
    monkeypatch.setattr(doctor, "WORKER_S", 0.1)
    path = Path(run("config", "path").out.strip())
    path.write_text("[inject\n")
    done = run("doctor", "--json", env={"HIVEMIND_WORKER": "off"})
    checks = {check["name"]: check for check in done.json}
    assert done.code == 1
    assert not checks["settings"]["ok"]
    assert str(path) in checks["settings"]["detail"]
    assert "line 1" in checks["settings"]["detail"]
    assert checks["database"]["ok"]
    assert {"disk", "hook"} <= set(checks)


def test_doctor_leaves_no_worker_behind_where_nothing_is_wired() -> None:
    """After `uninstall` the worker that the test event starts is ended again."""
    done = run("doctor", "--json", env={"HIVEMIND_WORKER": "on"})
    checks = {check["name"]: check for check in done.json}
    assert checks["worker"]["ok"], checks
    assert WorkerLock(Path(os.environ["HIVEMIND_HOME"])).holder() is None


def test_a_broken_config_is_not_overwritten() -> None:
    """A file that does not parse is named and left as it is."""
    path = Path(run("config", "path").out.strip())
    path.write_text("[inject\n")
    for words in (["config", "set", "inject.max_skills", "1"], ["config"], ["status"]):
        done = run(*words)
        assert (done.code, done.err.splitlines()[-1]) == (
            1,
            "see: hivemind doctor --error config-unparseable",
        )
    assert path.read_text() == "[inject\n"


# install


def test_install_dry_run_changes_nothing() -> None:
    """The diff shows what would change, and nothing does; installing and uninstalling leave it as it was."""
    home = Path(os.environ["HOME"])
    settings = home / ".claude" / "settings.json"
    settings.parent.mkdir()
    settings.write_text('{\n  "model": "opus",\n  "hooks": {}\n}\n')
    before = _files(home)
    dry = run("install", "--dry-run")
    assert dry.code == 0, dry.err
    assert "+++" in dry.out
    assert "SessionStart" in dry.out
    assert _files(home) == before
    assert run("install").out.startswith("Claude Code: wired (")
    assert _files(home) != before
    assert run("install").out == "Claude Code: already wired, nothing changed\n"
    assert "Claude Code: wired; its hook has not fired yet" in run("status").out
    assert run("uninstall", "--dry-run").code == 0
    assert run("uninstall").out.startswith("Claude Code: unwired (")
    assert _files(home) == before


def _files(home: Path) -> dict[str, bytes]:
    return {str(p): p.read_bytes() for p in home.rglob("*") if p.is_file()}


def test_install_without_an_agent_says_so() -> None:
    """Where no agent is found, nothing is wired and the demo is named."""
    done = run("install")
    assert (done.code, done.err.splitlines()[-1]) == (1, "see: hivemind doctor --error agent-not-found")
    assert "hivemind demo" in done.err


def test_a_reader_of_many_rows_that_stops_is_no_failure() -> None:
    """`hivemind sql … --csv | head -1` is quiet."""
    import subprocess

    query = (
        "with recursive n(i) as (select 1 union all select i + 1 from n where i < 90000) select i, i from n"
    )
    for form in ("--csv", "--json", ""):
        command = f"{sys.executable} -m hivemind sql '{query}' --limit 90000 {form} | head -1"
        done = subprocess.run(["/bin/sh", "-c", command], capture_output=True, text=True, check=True)
        assert (len(done.stdout.splitlines()), done.stderr) == (1, "")


def test_the_process_ends_as_the_function_does() -> None:
    """The installed entry point exits with the same codes."""
    assert shell(["skills", "list"]).code == 0
    assert shell(["skills", "show", "nonsense"]).code == 1
    assert shell(["skills", "show"]).code == 2
