"""`backfill`, `scan`, `demo`, `sessions`, `search`, `status` on recorded and on hostile sessions."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa
from claude_records import DEMO, lines, prompt, rows
from command_line import CONTROL, backfill_demo, run, shell
from stories import ask, failed, ran, transcript

from hivemind.cli import backfill
from hivemind.store import remotes
from hivemind.store.database import open_database

#: What must not reach a terminal: colours, a title, a bell, jumps back, text that runs the other way.
HOSTILE = "\x1b[31mred\x1b[0m \x1b]0;title\x07 \x08\x08\r back \u202ereversed\u202c \u200bhidden"


@pytest.fixture(scope="module")
def backfilled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Store the demo's sessions once."""
    return backfill_demo(tmp_path_factory.mktemp("backfilled"))


@pytest.fixture
def stored(backfilled: Path) -> Path:
    """Give a copy of what is stored."""
    return Path(shutil.copytree(backfilled, os.environ["HIVEMIND_HOME"]))


@pytest.fixture
def hostile(tmp_path: Path) -> None:
    """Store two sessions full of what terminals act on."""
    for day in (3, 4):
        moments = (
            ask(f"Check it {HOSTILE}"),
            failed(f"make 'check {HOSTILE}'", f"error: unknown option {HOSTILE}"),
            ran(f"make check {HOSTILE}", HOSTILE),
        )
        transcript(tmp_path / "hostile", *moments, day=day, cwd=f"/home/dev/sh{HOSTILE}op", branch=HOSTILE)
    ran_ = run("backfill", "--from", str(tmp_path / "hostile"))
    assert ran_.code == 0, ran_.err


# backfill


def test_backfill_stores_and_mines() -> None:
    """The recorded sessions are stored, and what they teach is said."""
    done = run("backfill", "--from", str(DEMO))
    assert done.code == 0
    first, *rest = done.out.splitlines()
    assert first.startswith("8 transcripts, 244 new events from ")
    assert first.endswith("; 1 secret replaced.")
    assert rest == [f"created shop-api-{name} (trial)" for name in ("checks", "migrate", "rules")]


def test_backfill_twice_stores_nothing_new_and_says_so(stored: Path) -> None:
    """A second run reads on from where the first one stopped: at the end."""
    before = rows(stored / "hivemind.db", "SELECT count(*) FROM events")
    again = run("backfill", "--from", str(DEMO))
    assert again.code == 0
    assert again.out.splitlines() == [
        "8 transcripts: nothing new, all is stored already.",
        "No skill was made or changed: nothing new has enough evidence (two sessions, or a stated rule).",
    ]
    assert rows(stored / "hivemind.db", "SELECT count(*) FROM events") == before


def test_backfill_says_that_it_learns_before_it_does(monkeypatch: pytest.MonkeyPatch) -> None:
    """In a pipe one line on stderr says from how much it learns; slow files are named where asked for."""
    done = run("backfill", "--from", str(DEMO))
    assert done.err.splitlines()[0] == "learning from 7 sessions with 244 events …"
    assert "slowest" not in done.err
    again = run("backfill", "--from", str(DEMO), "--verbose")
    assert "learning" not in again.err
    assert again.err.count("slowest: ") == 3
    monkeypatch.setattr(backfill, "SLOW_S", 0.0)
    assert "slowest: " in run("backfill", "--from", str(DEMO)).err
    assert run("backfill", "--from", str(DEMO), "--json").err == ""


def test_backfill_json_has_every_file() -> None:
    """`--json` gives totals and one entry a transcript, with stable keys."""
    found = run("backfill", "--from", str(DEMO), "--json").json
    assert set(found) == {
        *("transcripts", "sessions_seen", "events", "lines", "bad_lines", "prompts", "tool_calls"),
        *("tool_results", "tool_errors", "subagent_tool_calls", "redactions", "bytes_read", "seconds"),
        *("mb_per_s", "slowest", "refused", "skills", "sessions"),
    }
    assert (found["transcripts"], found["sessions_seen"], len(found["sessions"])) == (8, 7, 8)
    for key in ("lines", "tool_calls", "tool_results", "tool_errors", "bad_lines"):
        assert found[key] == sum(s[key] for s in found["sessions"])
    for entry in found["sessions"]:
        text = Path(entry["path"]).read_text("utf-8")
        assert entry["lines"] == len(text.splitlines())
        called = entry["tool_calls"] + entry["subagent_tool_calls"]
        assert called == text.count('"type":"tool_use"')
    assert [s["action"] for s in found["skills"]] == ["created"] * 3


@pytest.mark.parametrize("verb", ["backfill", "scan"])
def test_a_folder_without_transcripts_is_said(verb: str, tmp_path: Path) -> None:
    """Nothing found is a failure that names the folder, not a green nothing."""
    (tmp_path / "empty").mkdir()
    done = run(verb, "--from", str(tmp_path / "empty"))
    assert (done.code, done.out) == (1, "")
    assert "no transcript" in done.err
    assert str(tmp_path / "empty") in done.err
    assert run(verb, "--from", str(tmp_path / "nowhere")).code == 2


def test_files_that_are_no_transcripts_are_said(tmp_path: Path) -> None:
    """Where no file holds a session, the run fails and says which it read."""
    folder = tmp_path / "other"
    folder.mkdir()
    (folder / "data.jsonl").write_text('{"hello": "world"}\n')
    done = run("backfill", "--from", str(folder))
    assert (done.code, done.out) == (1, "")
    assert "no session was found in 1 file" in done.err
    assert done.err.count("data.jsonl") == 1


def test_a_file_that_is_left_out_is_named(tmp_path: Path, stored: Path) -> None:
    """One broken file among good ones costs only itself."""
    shutil.copytree(DEMO, tmp_path / "mixed")
    (tmp_path / "mixed" / "other.jsonl").write_text('{"hello": "world"}\n')
    done = run("backfill", "--from", str(tmp_path / "mixed"))
    assert done.code == 0
    assert "left out " in done.err
    assert "other.jsonl" in done.err


def test_capture_off_stores_nothing(tmp_path: Path) -> None:
    """HIVEMIND_CAPTURE=false and the setting both stop `backfill`, and say how to go on."""
    for env, setting in (({"HIVEMIND_CAPTURE": "false"}, "true"), ({}, "false")):
        assert run("config", "set", "capture.enabled", setting).code == 0
        done = run("backfill", "--from", str(DEMO), env=env)
        assert (done.code, done.err.splitlines()[-1]) == (1, "see: hivemind doctor --error capture-off")
    assert not (Path(os.environ["HIVEMIND_HOME"]) / "hivemind.db").exists()


def test_mining_can_wait() -> None:
    """`--no-mine` only stores; `skillify` does the rest, and shows where and under which policy."""
    done = run("backfill", "--from", str(DEMO), "--no-mine")
    assert "created" not in done.out
    mined = run("skillify")
    assert mined.out.splitlines()[-1] == "workspace default, policy auto: 3 trial"
    assert mined.out.count("created") == 3
    again = run("skillify", "--again", "--json").json
    assert [s["action"] for s in again["skills"]] == ["kept"] * 3
    assert {k: again[k] for k in ("workspace", "policy", "by_state")} == {
        "workspace": "default",
        "policy": "auto",
        "by_state": {"trial": 3},
    }


def test_no_progress_bar_in_a_pipe() -> None:
    """Into a pipe neither stream gets a bar, a colour or a carriage return."""
    for words in (["backfill", "--from", str(DEMO)], ["scan", "--from", str(DEMO)], ["demo"]):
        done = shell(words)
        assert done.code == 0
        assert not CONTROL.search(done.out)
        assert not CONTROL.search(done.err)
        assert "storing sessions" not in done.err
        assert "reading sessions" not in done.err


# scan


def test_scan_stores_nothing() -> None:
    """A scan shows what is there and leaves no file behind."""
    done = run("scan", "--from", str(DEMO))
    assert done.code == 0
    assert done.out.startswith("7 sessions in 8 transcripts (")
    assert "shop-api-checks (evidence from " in done.out
    assert "pytest" in done.out
    assert done.out.endswith(
        "Nothing was stored. To keep this: hivemind backfill. To learn from now on: hivemind install.\n"
    )
    assert not Path(os.environ["HIVEMIND_HOME"]).exists()


def test_scan_json() -> None:
    """`scan --json` has stable keys."""
    found = run("scan", "--from", str(DEMO), "--json").json
    assert set(found) == {
        *(
            "transcripts",
            "sessions",
            "size_bytes",
            "prompts",
            "tool_calls",
            "tool_errors",
            "first_at",
            "last_at",
        ),
        *(
            "agents",
            "projects",
            "models",
            "tokens",
            "cost_usd",
            "unpriced_models",
            "failures",
            "drafts",
            "problems",
        ),
    }
    assert set(found["drafts"][0]) == {"name", "description", "sessions", "body"}
    assert set(found["failures"][0]) == {"project", "command", "error", "times", "sessions"}


def test_scan_of_one_session_is_in_the_singular(tmp_path: Path) -> None:
    """One session, one transcript, one request."""
    transcript(tmp_path / "one", ask("Hello."), ran("make test"))
    done = run("scan", "--from", str(tmp_path / "one"))
    assert done.out.startswith("1 session in 1 transcript (")
    assert "\n1 request, 1 tool call, 0 failed\n" in done.out
    assert "Nothing in them has enough evidence for a skill yet" in done.out


def test_nothing_hostile_reaches_the_terminal(hostile: None, tmp_path: Path) -> None:
    """Whatever a transcript holds, what is printed of it acts on no terminal."""
    session = rows(Path(os.environ["HIVEMIND_HOME"]) / "hivemind.db", "SELECT session_id FROM sessions")[0][0]
    for words in (
        ["scan", "--from", str(tmp_path / "hostile")],
        ["sessions", "list"],
        ["sessions", "show", session],
        ["sessions", "show", session, "--full"],
        ["search", "unknown option"],
        ["skills", "list"],
        ["sql", "select text from events"],
        ["sql", "select text, cwd from events join sessions using (session_id)"],
        ["sql", "select max(text) from events"],
        ["status"],
        ["skillify", "--again"],
    ):
        done = run(*words)
        assert done.code == 0, (words, done.err)
        assert not CONTROL.search(done.out), words
        assert not CONTROL.search(done.err), words


# demo


def test_the_demo_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It runs where HOME cannot be written to, and its folder is gone afterwards."""
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))
    monkeypatch.setattr(tempfile, "tempdir", None)
    home = Path(os.environ["HOME"])
    home.chmod(0o500)
    try:
        done = run("demo")
    finally:
        home.chmod(0o700)
    assert (done.code, done.err) == (0, "")
    assert list(temporary.iterdir()) == list(home.iterdir()) == []
    assert not Path(os.environ["HIVEMIND_HOME"]).exists()


def test_the_demo_finds_what_each_prompt_expects() -> None:
    """Each recorded prompt is answered with the skill about it, or with nothing."""
    out = run("demo").out
    _, _, answers = out.partition("4. Next session")
    for expected in json.loads((DEMO.parent / "prompts.json").read_text("utf-8")):
        _, _, answer = answers.partition(expected["prompt"])
        first = answer.strip().splitlines()[0].strip()
        assert (first == "<hivemind-skills>") == (expected["expects"] == "skill"), expected["prompt"]
    checks = answers.partition("tell me whether anything is broken.")[2].partition("❯")[0]
    assert '<skill name="shop-api-checks"' in checks
    assert "`make test`" in checks


def test_the_demo_can_be_kept(tmp_path: Path) -> None:
    """`--keep` names a new folder, in which the other verbs then look around."""
    folder = tmp_path / "kept"
    done = run("demo", "--keep", str(folder))
    assert f"HIVEMIND_HOME={folder} HIVEMIND_WORKSPACE_ID=demo hivemind skills list" in done.out
    env = {"HIVEMIND_HOME": str(folder), "HIVEMIND_WORKSPACE_ID": "demo"}
    assert "shop-api-checks" in run("skills", "list", env=env).out
    again = run("demo", "--keep", str(folder))
    assert again.code == 2
    assert "File exists" in again.err


# sessions


def test_sessions_list(stored: Path) -> None:
    """Sessions come newest first, and as many as were asked for."""
    done = run("sessions", "list", "--limit", "2")
    head, *shown = done.out.splitlines()
    assert head.split()[:5] == ["session", "when", "calls", "errors", "project"]
    assert [line.split()[0] for line in shown] == ["1629e0e7", "6e8edc1d"]
    found = run("sessions", "list", "--json").json
    assert len(found) == 7
    assert {"session_id", "agent", "project", "ended_at", "tool_calls", "tool_errors", "title"} <= set(
        found[0]
    )


def test_sessions_show(stored: Path) -> None:
    """A session is shown by the beginning of its id, in order, with its tokens."""
    done = run("sessions", "show", "d0c679d9")
    assert done.code == 0
    assert "→ Bash pytest" in done.out
    assert "← Bash [error] Exit code" in done.out
    assert done.out.splitlines()[-1].startswith("tokens: ")
    found = run("sessions", "show", "d0c679d9", "--json").json
    assert [e["seq"] for e in found["events"]] == list(range(len(found["events"])))


def test_a_session_that_is_not_there(stored: Path) -> None:
    """An unknown id is named with what to do."""
    done = run("sessions", "show", "ffffffff")
    assert (done.code, done.err.splitlines()[-1]) == (1, "see: hivemind doctor --error session-unknown")


def test_prune(stored: Path) -> None:
    """Deleting asks first, tells what it would do, keeps skills, and is not undone by reading again."""
    database = stored / "hivemind.db"
    dry = run("sessions", "prune", "--session", "d0c679d9", "--dry-run")
    assert dry.out == "would delete 1 session: d0c679d9\n"
    declined = run("sessions", "prune", "--session", "d0c679d9", answer="n\n")
    assert declined.code == 130
    assert rows(database, "SELECT count(*) FROM sessions") == [(7,)]
    done = run("sessions", "prune", "--session", "d0c679d9", answer="y\n")
    assert done.code == 0
    assert "deleted 1 session with " in done.out
    assert rows(database, "SELECT count(*) FROM sessions") == [(6,)]
    run("backfill", "--from", str(DEMO))
    assert rows(database, "SELECT count(*) FROM sessions") == [(6,)]
    everything = run("sessions", "prune", "--all", "--yes")
    assert "deleted 6 sessions" in everything.out
    assert rows(database, "SELECT count(*) FROM events") == [(0,)]
    assert len(run("skills", "list", "--json").json) == 3
    assert run("sessions", "list").out == "No session is stored in workspace default.\n"


def _sync_with_a_team(stored: Path) -> None:
    """Note that one session went up to a server, and that one skill came from it."""
    path = stored / "hivemind.db"
    with closing(open_database(path)) as database, database.write("default") as workspace:
        url = "https://team.example"
        remotes.begin(workspace, url=url, remote_workspace="acme", public_key="k")
        sent, refused, *_ = workspace.execute(sa.text("SELECT session_id FROM sessions ORDER BY 1")).scalars()
        remotes.put_upload(workspace, sent, sent_seq=3, sent_offers=0)
        remotes.put_upload(workspace, refused, sent_seq=0, sent_offers=0, refused="too large")
        skill_id = workspace.execute(sa.text("SELECT min(skill_id) FROM skills")).scalar_one()
        same = {"skill_id": skill_id, "remote_version": 1, "version": 1, "content_hash": "h"}
        came = remotes.Received(**same, scope="team", state="active", at=datetime.now(UTC))
        remotes.put_received(workspace, came)


def test_prune_says_what_stays_with_the_team(stored: Path) -> None:
    """Copies on a server are not deleted: how many there are, where, and how to delete them."""
    assert run("sessions", "prune", "--all", "--dry-run").err == ""
    _sync_with_a_team(stored)
    sent = rows(stored / "hivemind.db", "SELECT min(session_id) FROM sessions")[0][0]
    there = f"1 of 7 sessions went up to https://team.example, and the copies there stay: {sent}"
    for words in (["--dry-run"], ["--yes"]):
        done = run("sessions", "prune", "--all", *words)
        first, _, command = done.err.splitlines()
        assert first == there
        assert command.split()[-1] == "https://team.example/api/v1/sessions/ID"


def test_who_left_a_team_is_told_that_its_skills_stay(stored: Path) -> None:
    """`status` and `logout` say what becomes of a team's skills where nobody is logged in."""
    assert "team:" not in run("status").out
    _sync_with_a_team(stored)
    stays = "skill stays in use here until `hivemind skills retire NAME` or the next login"
    assert f"team: logged out of https://team.example; its {stays}" in run("status").out.splitlines()
    (stored / "credentials.json").write_text('{"url": "http://127.0.0.1:9", "token": "t"}')
    (stored / "credentials.json").chmod(0o600)
    left = run("logout")
    assert left.out.startswith("Logged out.")
    assert left.err.splitlines() == [f"The team's {stays}.", "What went up stays with the team."]
    assert run("skills", "retire", run("skills", "list", "--json").json[0]["name"]).code == 0


def test_prune_by_time(stored: Path) -> None:
    """Sessions that ended before a day go; none that matches is said."""
    done = run("sessions", "prune", "--before", "2026-11-10", "--dry-run")
    assert done.out.startswith("would delete 2 sessions: ")
    none = run("sessions", "prune", "--before", "2020-01-01")
    assert (none.code, none.err.splitlines()[-1]) == (1, "see: hivemind doctor --error nothing-to-prune")


# search and status


def test_search(stored: Path) -> None:
    """Words find events and skills; nothing found is said."""
    done = run("search", "openapi.json client")
    assert done.code == 0
    assert "skill  shop-api-rules (trial)" in done.out
    assert "d0c679d9" in done.out or "e50d18af" in done.out
    found = run("search", "migrate", "--json").json
    assert {s["name"] for s in found["skills"]} >= {"shop-api-migrate"}
    assert {"session_id", "seq", "at", "kind", "text"} <= set(found["events"][0])
    work = found["episodes"][0]
    assert {"session_id", "episode", "agent", "project", "outcome", "transcript", "turns"} <= set(work)
    assert Path(work["transcript"]).name.startswith(work["session_id"])
    assert {"request"} <= {turn["role"] for turn in work["turns"]}
    nothing = run("search", "zzzznothing\x1b[31m")
    assert nothing.code == 0
    assert nothing.out.startswith("Nothing stored matches")
    assert not CONTROL.search(nothing.out)


def test_search_is_narrowed(stored: Path) -> None:
    """Project, agent, time and outcome narrow it down, leaving nothing out; what cannot be read is said."""
    everything = run("search", "openapi.json client", "--json", "--limit", "50").json["episodes"]
    assert everything
    for words in (["--agent", "claude"], ["--project", everything[0]["project"]], ["--since", "2020-01-01"]):
        assert run("search", "openapi.json client", "--json", "--limit", "50", *words).json["episodes"]
    for outcome in ("success", "failure", "unknown"):
        found = run("search", "openapi.json client", "--json", "--limit", "50", "--outcome", outcome).json
        wanted = [one for one in everything if one["outcome"] == outcome]
        assert {(one["session_id"], one["episode"]) for one in found["episodes"]} == {
            (one["session_id"], one["episode"]) for one in wanted
        }
        assert found["skills"] == []
    none = run("search", "openapi.json client", "--agent", "pi")
    assert (none.code, none.out.startswith("Nothing stored matches")) == (0, True)
    assert "of the project, agent, time and outcome" in none.err
    wrong = run("search", "client", "--until", "yesterday")
    assert (wrong.code, "'yesterday' is not a time" in wrong.err) == (1, True)


def test_status_before_and_after(stored: Path) -> None:
    """Status works before anything is stored, and counts what is."""
    empty = run("status", env={"HIVEMIND_HOME": str(stored / "elsewhere")})
    assert "stored: 0 sessions, 0 events of 0 transcripts" in empty.out
    assert "skills: none yet; shown to agents 0 times" in empty.out
    done = run("status")
    assert "stored: 7 sessions, 244 events of 8 transcripts" in done.out
    assert "skills: 3 trial" in done.out
    assert "capture on" in done.out
    assert "capture OFF" in run("status", env={"HIVEMIND_CAPTURE": "false"}).out
    found = run("status", "--json").json
    assert set(found) == {
        *("workspace", "data", "capture", "policy", "agents", "worker", "spool_bytes", "database_bytes"),
        *("stored", "model", "skills", "offers", "problems", "flags", "holdout", "new_models", "search"),
        *("withheld", "only_withheld", "team"),
    }


def test_workspaces_are_apart(stored: Path) -> None:
    """HIVEMIND_WORKSPACE_ID routes what is read and stored."""
    env = {"HIVEMIND_WORKSPACE_ID": "other"}
    assert run("sessions", "list", env=env).out == "No session is stored in workspace other.\n"
    assert run("status", "--json", env=env).json["stored"]["sessions"] == 0
    run("backfill", "--from", str(DEMO), env=env)
    assert run("status", "--json", env=env).json["stored"]["sessions"] == 7


def test_a_transcript_of_nothing_but_a_greeting(tmp_path: Path) -> None:
    """One prompt is a session; there is nothing to learn from it, and that is said."""
    folder = tmp_path / "one"
    folder.mkdir()
    (folder / "a.jsonl").write_bytes(lines(prompt("Hello.")))
    done = run("backfill", "--from", str(folder))
    assert done.out.startswith("1 transcript, 1 new event from ")
    assert "No skill was made or changed" in done.out
