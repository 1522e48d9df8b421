"""Hermes' own: sessions in a database that Hermes rewrites, and the commands that a person allowed."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from hivemind.agents.base import Machine, ReaderState, Wiring
from hivemind.agents.editing.files import apply_changes
from hivemind.agents.hermes import agent
from hivemind.agents.hermes.results import outcome
from hivemind.agents.transcript_file import decode
from hivemind.domain.events import Event, EventKind, ResultStatus

SCHEMA = """
CREATE TABLE sessions (id TEXT PRIMARY KEY, source TEXT, model TEXT, model_config TEXT,
  parent_session_id TEXT, started_at REAL, end_reason TEXT, input_tokens INTEGER, output_tokens INTEGER,
  cwd TEXT, git_branch TEXT);
CREATE TABLE messages (id INTEGER PRIMARY KEY AUTOINCREMENT, session_id TEXT, role TEXT, content TEXT,
  tool_call_id TEXT, tool_calls TEXT, tool_name TEXT, timestamp REAL, finish_reason TEXT,
  active INTEGER DEFAULT 1, compacted INTEGER DEFAULT 0, api_content TEXT);
CREATE TABLE session_model_usage (session_id TEXT, model TEXT, task TEXT, input_tokens INTEGER,
  output_tokens INTEGER, last_seen REAL);
"""
BEGAN_S = 1_790_000_000.0


class State:
    """Write a `state.db` as Hermes does."""

    def __init__(self, folder: Path) -> None:
        """Make an empty one."""
        self.path = folder / "state.db"
        self.connection = sqlite3.connect(self.path, isolation_level=None)
        self.connection.execute("PRAGMA journal_mode = WAL")
        self.connection.executescript(SCHEMA)
        self.now_s = BEGAN_S

    def session(self, name: str, **values: Any) -> Path:
        """Add a session and give its path."""
        self.now_s += 1
        row = {"id": name, "source": "cli", "started_at": self.now_s, "cwd": "/w/shop", **values}
        self.insert("sessions", row)
        return self.path / name

    def say(self, session: str, role: str, content: str, **values: Any) -> float:
        """Add a message, half a second after the one before; give its time."""
        self.now_s += 0.5
        row = {"session_id": session, "role": role, "content": content, "timestamp": self.now_s}
        self.insert("messages", {**row, **values})
        return self.now_s

    def used(self, session: str, output_tokens: int) -> None:
        """Set what a session's model has used."""
        self.connection.execute("DELETE FROM session_model_usage WHERE session_id = ?", (session,))
        self.insert(
            "session_model_usage", {"session_id": session, "model": "m", "output_tokens": output_tokens}
        )

    def insert(self, table: str, row: dict[str, Any]) -> None:
        """Add a row."""
        names, marks = ", ".join(row), ", ".join("?" * len(row))
        statement = f"INSERT INTO {table} ({names}) VALUES ({marks})"  # noqa: S608 - names of ours
        self.connection.execute(statement, list(row.values()))


@pytest.fixture
def state(tmp_path: Path) -> Iterator[State]:
    """Give an empty database, which Hermes has open."""
    made = State(tmp_path)
    yield made
    made.connection.close()


def read(path: Path, *, start: int = 0, final: bool = False) -> tuple[list[Event], int]:
    """Read a session from an offset; give its events and where it ended."""
    reader_state, events, end = ReaderState(), [], start
    with agent.open_transcript(path) as transcript:
        for line, end in transcript.lines(start=start, final=final):  # noqa: B007 - given back
            assert line
            events += agent.read_line(decode(line), line=line, state=reader_state).events
        assert transcript.problem == ""
    return events, end


def texts(events: list[Event]) -> list[str]:
    """Give what was said."""
    return [event.text for event in events if event.kind is not EventKind.USAGE]


def test_reading_goes_on_where_it_stopped(state: State) -> None:
    """A session that grows is read in pieces, and each message comes once."""
    path = state.session("s1")
    state.say("s1", "user", "Fix it")
    first, end = read(path)
    assert read(path, start=end) == ([], end)
    size = agent.size_bytes(path)
    state.say("s1", "assistant", "Fixed.")
    assert agent.size_bytes(path) > size
    second, _ = read(path, start=end)
    assert (texts(first), texts(second)) == (["Fix it"], ["Fixed."])
    assert texts(read(path)[0]) == ["Fix it", "Fixed."]


def test_the_same_words_twice_are_two_messages(state: State) -> None:
    """A person may ask for the same thing again, and each has a name of its own that lasts."""
    path = state.session("s1")
    for _ in range(3):
        state.say("s1", "user", "Continue")
    events, _ = read(path)
    _, end = read(path)
    assert len({event.native_id for event in events}) == 3
    state.say("s1", "user", "Continue")
    later, _ = read(path, start=end)
    assert [event.native_id for event in later] == [read(path)[0][-1].native_id]


def _compact(state: State, *, session: str, into: str) -> None:
    """Write again what stays in the context: with its time where it has one, or a microsecond apart."""
    rows = state.connection.execute(
        "SELECT role, content, timestamp FROM messages WHERE session_id = ? ORDER BY id", (session,)
    ).fetchall()
    state.connection.execute("UPDATE messages SET active = 0, compacted = 1 WHERE session_id = ?", (session,))
    state.now_s += 5
    now_s = state.now_s
    kept = [rows[0], ("assistant", "[CONTEXT COMPACTION — REFERENCE ONLY] What was done", None), *rows[-2:]]
    for index, (role, content, at_s) in enumerate(kept):
        when = at_s if index == 0 and at_s else now_s + index * 1e-6
        state.insert("messages", {"session_id": into, "role": role, "content": content, "timestamp": when})


@pytest.mark.parametrize("rotates", [False, True], ids=["in place", "into a new session"])
def test_a_compaction_doubles_nothing(state: State, rotates: bool) -> None:
    """What Hermes writes again is left out; the summary is a compaction, and what follows is new."""
    path = state.session("s1")
    for text in ("Begin", "Continue"):
        state.say("s1", "user", text)
        state.say("s1", "assistant", f"Done: {text}")
    first, _ = read(path)
    if rotates:
        state.connection.execute("UPDATE sessions SET end_reason = 'compression'")
        path = state.session("s2", parent_session_id="s1", cwd=None)
    _compact(state, session="s1", into=path.name)
    state.say(path.name, "user", "Continue")
    state.say(path.name, "assistant", "Done: Continue")
    events, _ = read(path)
    new = events if rotates else events[len(first) :]
    assert texts(new) == ["[CONTEXT COMPACTION — REFERENCE ONLY] What was done", "Continue", "Done: Continue"]
    assert new[0].kind is EventKind.COMPACTION
    assert not {e.native_id for e in new} & {e.native_id for e in first}
    with agent.open_transcript(path) as transcript:
        line = next(iter(transcript.lines(final=False)))[0]
    facts = agent.read_line(decode(line or b""), line=b"", state=ReaderState()).facts
    assert facts is not None
    assert (facts.session_id, facts.cwd) == ("s1", "/w/shop")


def test_an_undo_gives_no_new_names(state: State) -> None:
    """Messages that are deleted and inserted again keep the names they were stored under."""
    path = state.session("s1")
    for text in ("Begin", "Wrong"):
        state.say("s1", "user", text)
    before, end = read(path)
    state.connection.execute("DELETE FROM messages")
    state.say("s1", "user", "Begin")
    again, _ = read(path, start=end)
    assert [e.native_id for e in again] == [before[0].native_id]


def test_a_branch_begins_without_its_parents_history(state: State) -> None:
    """A branch is a session of its own; the messages copied into it at its start are its parent's."""
    state.session("s1", end_reason="branched")
    state.say("s1", "user", "Begin")
    marked = json.dumps({"_branched_from": "s1"})
    path = state.session("s2", parent_session_id="s1", model_config=marked, cwd=None)
    state.now_s -= 0.49
    state.say("s2", "user", "Begin")
    state.now_s += 3
    state.say("s2", "user", "Begin")
    assert texts(read(path)[0]) == ["Begin"]


def test_a_subagent_belongs_to_the_session_that_asked_it(state: State) -> None:
    """Its events carry its id, its task is no person's prompt, and it is a companion of its parent."""
    parent = state.session("s1")
    state.say("s1", "user", "Ask a helper")
    config = json.dumps({"_delegate_from": "s1"})
    child = state.session("s2", source="subagent", parent_session_id="s1", model_config=config, cwd=None)
    state.session("s3", source="subagent", parent_session_id="s2", cwd=None)
    state.say("s2", "user", "Count the files")
    events, _ = read(child)
    assert [(e.kind, e.agent_id) for e in events] == [(EventKind.SYSTEM, "s2")]
    assert [p.name for p in agent.companions(parent)] == ["s2", "s3"]
    assert [p.name for p in agent.transcripts(state.path.parent)] == ["s1", "s2", "s3"]
    with agent.open_transcript(state.path / "s3") as transcript:
        assert '"session":"s1"' in str(next(iter(transcript.lines(final=True)), [b'"session":"s1"'])[0])


def test_usage_keeps_its_name_while_it_grows(state: State) -> None:
    """Hermes counts by session and model: each read says the sum so far under the same id."""
    path = state.session("s1")
    state.say("s1", "user", "Begin")
    state.used("s1", 10)
    first, end = read(path)
    state.used("s1", 25)
    assert read(path, start=end)[0] == []
    last, _ = read(path, start=end, final=True)
    assert [e.usage.output_tokens for e in (*first, *last) if e.usage] == [10, 25]
    assert len({e.native_id for e in (*first, *last) if e.usage}) == 1


def test_an_old_schema_is_read(tmp_path: Path) -> None:
    """The first versions had neither folders nor names of tools, nor usage by model."""
    connection = sqlite3.connect(tmp_path / "state.db")
    connection.executescript(
        """CREATE TABLE sessions (id TEXT, source TEXT, model TEXT, parent_session_id TEXT, started_at REAL,
        input_tokens INTEGER, output_tokens INTEGER);
        CREATE TABLE messages (id INTEGER PRIMARY KEY, session_id TEXT, role TEXT, content TEXT,
        tool_call_id TEXT, tool_calls TEXT, timestamp REAL);
        INSERT INTO sessions VALUES ('s1', 'cli', 'm', NULL, 1.0, 5, 6);
        INSERT INTO messages VALUES (1, 's1', 'user', 'Begin', NULL, NULL, 1790000000.0);"""
    )
    connection.close()
    (path,) = agent.transcripts(tmp_path)
    events, _ = read(path)
    assert [e.kind for e in events] == [EventKind.PROMPT, EventKind.USAGE]


def test_hostile_rows_are_read_without_an_error(state: State) -> None:
    """Bytes that are no text, ids that are no names, times that are none, and parents in a circle."""
    path = state.session("s1", parent_session_id="s2", source="subagent", model_config="[" * 10_000)
    state.session("s2", parent_session_id="s1", source="subagent", model_config=b"\xff")
    state.session("../s3")
    for content in (b"\xff\xfe", "\0json:[", "\0json:" + "[" * 100_000, "\ufffd" * 10, ""):
        state.say("s1", "user", content)  # type: ignore[arg-type]
    state.insert("messages", {"session_id": "s1", "role": 7, "timestamp": "yesterday", "tool_calls": "{"})
    state.insert("messages", {"session_id": "s1", "role": "tool", "timestamp": 1e300, "content": b"\xff"})
    read(path, final=True)
    assert [p.name for p in agent.transcripts(state.path)] == ["s1", "s2"]
    assert list(agent.companions(path))


def test_reading_leaves_no_file_behind(state: State) -> None:
    """SQLite would make a log for a database that nobody has open, which is not ours to do."""
    path = state.session("s1")
    state.say("s1", "user", "Begin")
    state.connection.close()
    assert texts(read(path)[0]) == ["Begin"]
    assert [p.name for p in state.path.parent.glob("state.db*")] == ["state.db"]


@pytest.mark.parametrize("content", [b"", b"no database", b"SQLite format 3\0" + b"\1" * 5_000])
def test_what_is_no_database_is_no_session(content: bytes, tmp_path: Path) -> None:
    """A foreign, broken or missing file gives no sessions and an OSError."""
    (tmp_path / "state.db").write_bytes(content)
    assert list(agent.transcripts(tmp_path)) == []
    for path in (tmp_path / "state.db" / "s1", tmp_path / "missing.db" / "s1"):
        with pytest.raises(OSError), agent.open_transcript(path):
            pass
        with pytest.raises(OSError):
            agent.size_bytes(path)


def test_a_session_that_is_gone_is_not_found(state: State) -> None:
    """A session that a person deleted has neither a size nor records."""
    with pytest.raises(FileNotFoundError):
        agent.size_bytes(state.path / "gone")
    with pytest.raises(FileNotFoundError), agent.open_transcript(state.path / "gone"):
        pass


@pytest.mark.parametrize(
    ("content", "status", "exit_code"),
    [
        ('{"output": "x", "exit_code": 3, "error": null}', ResultStatus.ERROR, 3),
        ('{"output": "x", "exit_code": 3, "error": null}\n\n[Tool loop warning]', ResultStatus.ERROR, 3),
        ('{"output": "", "exit_code": 0, "error": null}', ResultStatus.OK, 0),
        ('{"output": "[Command interrupted]", "exit_code": 130}', ResultStatus.CANCELLED, 130),
        ('{"exit_code": -1, "error": "BLOCKED: denied", "status": "blocked"}', ResultStatus.DENIED, None),
        ('{"exit_code": -1, "error": "Failed to execute"}', ResultStatus.ERROR, None),
        ('{"error": "Foreground timeout 900s exceeds the maximum"}', ResultStatus.ERROR, None),
        ('{"output": "cut off, with \\"exit_code\\": 0', ResultStatus.UNKNOWN, None),
        ('…cut off", "exit_code": 2, "error": null}', ResultStatus.ERROR, 2),
        ('{"output": "x"}', ResultStatus.UNKNOWN, None),
        ('{"output": "x", "exit_code": true}', ResultStatus.UNKNOWN, None),
        ("done", ResultStatus.UNKNOWN, None),
        ("[" * 100_000, ResultStatus.UNKNOWN, None),
    ],
)
def test_a_commands_result_says_how_it_ended(
    content: str, status: ResultStatus, exit_code: int | None
) -> None:
    """Only an exit code of 0 is a success."""
    found = outcome(content, tool_name="terminal")
    assert (found.status, found.exit_code) == (status, exit_code)


@pytest.fixture
def wiring(tmp_path: Path) -> Wiring:
    """Give an installation."""
    hook = tmp_path / "hivemind" / "capture" / "hook.py"
    return Wiring(python="/v/bin/python", hook_file=hook, data_dir=tmp_path / "data")


def test_only_our_commands_are_allowed(tmp_path: Path, wiring: Wiring) -> None:
    """Each hook is in the list of allowed commands, word for word, and nothing is allowed in general."""
    machine = Machine(home=tmp_path / "h", env={"HERMES_HOME": str(tmp_path / "elsewhere")})
    changes = agent.plan_install(machine, wiring)
    apply_changes(changes, backup_dir=tmp_path / "backups")
    allowed = json.loads((tmp_path / "elsewhere" / "shell-hooks-allowlist.json").read_text())["approvals"]
    config = (tmp_path / "elsewhere" / "config.yaml").read_text()
    assert len(allowed) == 5
    assert all(json.dumps(entry["command"]) in config for entry in allowed)
    assert "auto_accept" not in config
    assert [c.note for c in changes if c.note] == [
        "allows Hermes to run these 5 hooks of Hivemind, and no other"
    ]


def test_a_revoked_hook_is_reported(tmp_path: Path, wiring: Wiring) -> None:
    """A person who revokes a command is told that the hook does not run; installing allows it again."""
    machine = Machine(home=tmp_path)
    apply_changes(agent.plan_install(machine, wiring), backup_dir=tmp_path / "backups")
    path = tmp_path / ".hermes" / "shell-hooks-allowlist.json"
    allowed = json.loads(path.read_text())
    allowed["approvals"] = [{"event": "x", "command": "theirs"}, *allowed["approvals"][1:]]
    path.write_text(json.dumps(allowed, sort_keys=True))
    (bad,) = [check for check in agent.check_wiring(machine, wiring) if not check.ok]
    assert bad.name == "consent"
    assert "on_session_start" in bad.detail
    apply_changes(agent.plan_install(machine, wiring), backup_dir=tmp_path / "backups")
    assert all(check.ok for check in agent.check_wiring(machine, wiring))
    apply_changes(agent.plan_uninstall(machine), backup_dir=tmp_path / "backups")
    assert json.loads(path.read_text()) == {"approvals": [{"event": "x", "command": "theirs"}]}


def test_skills_that_run_commands_are_not_fed_from_projects(tmp_path: Path, wiring: Wiring) -> None:
    """Where Hermes runs what a skill says, a project's skills would be anybody's commands."""
    config = tmp_path / ".hermes" / "config.yaml"
    config.parent.mkdir()
    config.write_text("skills:\n  inline_shell: true\n")
    machine = Machine(home=tmp_path)
    apply_changes(agent.plan_install(machine, wiring), backup_dir=tmp_path / "backups")
    assert "external_dirs" not in config.read_text()
    bad = [check.name for check in agent.check_wiring(machine, wiring) if not check.ok]
    assert bad == ["skills"]


def test_a_hermes_without_mcp_is_reported(tmp_path: Path, wiring: Wiring) -> None:
    """The server is silently absent from a Hermes that was installed without its extra."""
    executable = tmp_path / "venv" / "bin" / "hermes"
    packages = tmp_path / "venv" / "lib" / "python3.11" / "site-packages"
    executable.parent.mkdir(parents=True)
    packages.mkdir(parents=True)
    executable.write_text("#!/bin/sh\n")
    executable.chmod(0o755)
    machine = Machine(home=tmp_path, env={"PATH": str(executable.parent)})
    apply_changes(agent.plan_install(machine, wiring), backup_dir=tmp_path / "backups")
    assert [check.name for check in agent.check_wiring(machine, wiring) if not check.ok] == ["mcp"]
    (packages / "mcp").mkdir()
    assert all(check.ok for check in agent.check_wiring(machine, wiring))


def test_a_password_in_a_models_address_is_not_kept() -> None:
    """The id of a usage is stored as it is, so the address that was billed is in it as a hash only."""
    record = {"hermes": "usage", "session": "s1", "of": "s1", "model": "m", "output_tokens": 1}
    billed = {**record, "billing_base_url": "https://me:s3cret@models.example/v1"}
    (event,) = agent.read_line(billed, line=b"", state=ReaderState()).events
    (other,) = agent.read_line(record, line=b"", state=ReaderState()).events
    assert "s3cret" not in event.native_id
    assert event.native_id != other.native_id


def test_a_database_is_found_anywhere_below_a_folder(tmp_path: Path) -> None:
    """A person may name the home folder, or a folder of copies; packages are not looked through."""
    for place in ("home/.hermes", "copies/2026/a", "home/node_modules/x"):
        (tmp_path / place).mkdir(parents=True)
        with closing(sqlite3.connect(tmp_path / place / "state.db")) as connection:
            connection.execute("CREATE TABLE sessions (id TEXT, started_at REAL)")
            connection.execute("INSERT INTO sessions VALUES ('s1', 1.0)")
            connection.commit()
    found = [str(path.relative_to(tmp_path)) for path in agent.transcripts(tmp_path)]
    assert found == ["copies/2026/a/state.db/s1", "home/.hermes/state.db/s1"]
