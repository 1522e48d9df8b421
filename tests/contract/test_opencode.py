"""What is OpenCode's own: messages that change in a database, JSON of old clients, and the config files."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import agent_fixtures as fixtures
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hivemind.agents.base import Machine, ReaderState
from hivemind.agents.editing.files import apply_changes
from hivemind.agents.opencode import agent, install, payload
from hivemind.agents.opencode.transcript import read_line
from hivemind.errors import HivemindError

FIXTURES = fixtures.FIXTURES / "opencode"
RECENT_MS = int(time.time() * 1000) - 3_600_000


def read(name: str) -> list[dict[str, Any]]:
    """Give the events of one fixture."""
    return [e for e in fixtures.read(agent, FIXTURES / f"{name}.jsonl") if "kind" in e]  # type: ignore[arg-type]


def texts(name: str, kind: str) -> list[str]:
    """Give the texts of one kind of event of a fixture."""
    return [e["text"] for e in read(name) if e["kind"] == kind]


# Reading


@pytest.mark.parametrize(
    ("fixture", "statuses"),
    [
        (
            "recorded-session",
            [
                ("bash", "error", 3),
                ("bash", "ok", 0),
                ("probe_boom", "error", None),  # an MCP tool that says isError
                ("bash", "error", None),  # took too long
                ("write", "ok", None),
                ("edit", "ok", None),
                ("edit", "error", None),
                ("nonexistent", "error", None),  # the client calls this one completed
                ("read", "error", None),
                ("bash", "error", 1),
                ("bash", "ok", 0),
                ("task", "ok", None),
            ],
        ),
        ("recorded-subagent", [("bash", "error", 4)]),
        ("recorded-denied", [("bash", "denied", None)]),
        ("recorded-interrupt", [("bash", "cancelled", None)]),
        ("recorded-shell-of-the-person", [("bash", "unknown", None)]),  # has no exit code
    ],
)
def test_a_call_says_how_it_ended(fixture: str, statuses: list[tuple[str, str, int | None]]) -> None:
    """OpenCode calls a command completed whatever its exit code: that one decides."""
    results = [e for e in read(fixture) if e["kind"] == "tool_result"]
    assert [(e["tool_name"], e["status"], e.get("exit_code")) for e in results] == statuses


def test_prompts_are_what_a_person_typed() -> None:
    """Our context, the client's additions, titles, the quotes of `run` and a subagent's task are none."""
    assert texts("recorded-session", "prompt") == ["Make the price right"]
    assert texts("recorded-denied", "prompt") == ["Remove the build now"]
    assert texts("recorded-subagent", "prompt") == []
    assert texts("unknown-records", "prompt") == ["fix the tests"]
    assert texts("old-format", "prompt") == ["See why the checkout fails\n[file] error.log"]
    assert "hivemind-skills" not in json.dumps(read("recorded-session"))


def test_a_subagents_events_belong_to_the_session_that_a_person_began() -> None:
    """Its session's facts name the parent, and each event names the subagent."""
    found = fixtures.read(agent, FIXTURES / "recorded-subagent.jsonl")  # type: ignore[arg-type]
    parent = next(
        f["facts"]
        for f in fixtures.read(agent, FIXTURES / "recorded-session.jsonl")  # type: ignore[arg-type]
        if "facts" in f
    )
    assert [f["facts"]["session_id"] for f in found if "facts" in f] == [parent["session_id"]]
    assert all(e["agent_id"].startswith("ses_") for e in found if "kind" in e)


def test_a_fork_does_not_double_what_it_copies() -> None:
    """The copies have new ids, but are older than the session that they are in."""
    assert texts("recorded-fork", "prompt")[0].startswith("fork it")
    assert len(texts("recorded-fork", "prompt")) == 1
    assert [e["exit_code"] for e in read("recorded-fork") if e["kind"] == "tool_result"] == [5]


def test_compactions_and_interrupts_are_told() -> None:
    """A summary is no answer, and what the client says behind it is no prompt."""
    assert texts("recorded-compaction", "compaction") == ["SUMMARY of it all."]
    assert texts("recorded-compaction", "prompt") == ["Grow a bit", "Grow once more"]
    assert len(texts("recorded-compaction", "system")) == 1
    assert len(texts("recorded-interrupt", "interrupt")) == 1


def test_the_tokens_of_all_steps_of_a_message_count() -> None:
    """An old client put the steps of a turn into one message, whose own figures are those of the last one."""
    (usage,) = (e["usage"] for e in read("old-format") if e["kind"] == "usage")
    assert (usage["input_tokens"], usage["output_tokens"], usage["cache_read_tokens"]) == (127, 22, 140)


@pytest.mark.parametrize(
    ("stored", "typed"),
    [
        ('"fix the \\"price\\""', 'fix the "price"'),
        ('"one word" and "two words"', '"one word" and "two words"'),
        ('"word"', '"word"'),
        ('"', '"'),
        ("", ""),
    ],
)
def test_the_quotes_of_run_are_taken_off(stored: str, typed: str) -> None:
    """`opencode run "…"` puts them around an argument with a space; a person's own stay."""
    assert payload.prompt({"prompt": stored}) == typed


# The database


@pytest.fixture
def database(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    """Give a database as OpenCode has it open: in write-ahead mode, with one empty session."""
    path = tmp_path / "opencode" / "opencode.db"
    path.parent.mkdir()
    connection = sqlite3.connect(path, isolation_level=None)
    connection.executescript("""
        PRAGMA journal_mode = WAL;
        CREATE TABLE session (id TEXT PRIMARY KEY, parent_id TEXT, directory TEXT NOT NULL,
            version TEXT NOT NULL, time_created INTEGER NOT NULL);
        CREATE TABLE message (id TEXT PRIMARY KEY, session_id TEXT NOT NULL, time_created INTEGER NOT NULL,
            data TEXT NOT NULL);
        CREATE TABLE part (id TEXT PRIMARY KEY, message_id TEXT NOT NULL, data TEXT NOT NULL);
    """)
    session(connection, "ses_a")
    yield connection
    connection.close()


def session(connection: sqlite3.Connection, session_id: str, *, parent: str | None = None) -> None:
    """Put a session into the database."""
    row = (session_id, parent, "/h/shop", "1.18.33", RECENT_MS)
    connection.execute("INSERT INTO session VALUES (?, ?, ?, ?, ?)", row)


def message(
    connection: sqlite3.Connection,
    name: str,
    *,
    at: int,
    role: str,
    done: bool = True,
    said: str | None = None,
) -> None:
    """Put a message into the database, or change it, with a text part."""
    times = {"created": RECENT_MS + at, **({"completed": RECENT_MS + at + 1} if done else {})}
    info = json.dumps({"role": role, "time": times, "modelID": "m"})
    connection.execute(
        "INSERT OR REPLACE INTO message VALUES (?, 'ses_a', ?, ?)", (name, RECENT_MS + at, info)
    )
    part(connection, f"prt_{name}", of=name, content={"type": "text", "text": said or name})


def part(connection: sqlite3.Connection, name: str, *, of: str, content: Any) -> None:
    """Put a part into the database, or change it."""
    connection.execute("INSERT OR REPLACE INTO part VALUES (?, ?, ?)", (name, of, json.dumps(content)))


def path_of(connection: sqlite3.Connection, session_id: str = "ses_a") -> Path:
    """Name a session of the database."""
    return Path(connection.execute("PRAGMA database_list").fetchone()[2]) / session_id


class Follower:
    """Read a session as ingestion does: from where the last read stopped, and anew where it was rewritten."""

    def __init__(self, path: Path) -> None:
        self.path, self.offset, self.seen, self.again = path, 0, "", 0

    def texts(self, *, final: bool = False) -> list[str]:
        """Give the texts of the events that are new."""
        with agent.open_transcript(self.path) as transcript:
            if self.offset and transcript.fingerprint(self.offset) != self.seen:
                self.offset, self.again = 0, self.again + 1
            found = []
            for line, offset in transcript.lines(start=self.offset, final=final):
                assert line is not None
                assert offset >= self.offset
                self.offset = offset
                found += read_line(json.loads(line), line=line, state=ReaderState()).events
            self.seen = transcript.fingerprint(self.offset)
        return [event.text for event in found]


def test_a_message_is_read_once_it_is_finished(database: sqlite3.Connection) -> None:
    """What is still written waits for the next read, with all that stands behind it; nothing comes twice."""
    follower = Follower(path_of(database))
    message(database, "ask", at=1, role="user")
    assert follower.texts() == []  # its parts may not be there yet
    message(database, "answer", at=2, role="assistant", done=False)
    assert follower.texts() == ["ask"]
    call = {"type": "tool", "tool": "bash", "state": {"status": "running", "input": {"command": "make"}}}
    part(database, "prt_call", of="answer", content=call)
    message(database, "queued", at=3, role="user")
    assert follower.texts() == []
    ended = {**call["state"], "status": "completed", "output": "no rule", "metadata": {"exit": 2}}  # type: ignore[dict-item]
    part(database, "prt_call", of="answer", content={**call, "state": ended})
    message(database, "answer", at=2, role="assistant", said="so it is")
    assert follower.texts() == ["so it is", "make", "no rule"]
    message(database, "last", at=4, role="assistant")
    assert follower.texts() == ["queued", "last"]
    assert follower.texts() == []
    assert agent.size_bytes(path_of(database)) == follower.offset
    assert follower.again == 0


def test_a_message_that_was_never_finished_is_not_waited_for(database: sqlite3.Connection) -> None:
    """After a crash the next answer leaves it behind, and so does a reader who knows that nobody writes."""
    follower = Follower(path_of(database))
    message(database, "cut off", at=1, role="assistant", done=False)
    assert follower.texts() == []
    assert Follower(path_of(database)).texts(final=True) == ["cut off"]
    message(database, "next", at=2, role="assistant", done=False)
    assert follower.texts() == ["cut off"]


def test_what_was_undone_or_written_by_a_second_window_is_noticed(database: sqlite3.Connection) -> None:
    """Messages that vanish, or come in before the last one that was read, have the session read anew."""
    follower = Follower(path_of(database))
    for at, name in enumerate(("one", "two", "three")):
        message(database, name, at=at * 10, role="assistant")
    assert follower.texts() == ["one", "two", "three"]
    database.execute("DELETE FROM message WHERE id = 'three'")
    assert follower.texts() == ["one", "two"]
    message(database, "between", at=5, role="assistant")
    assert follower.texts() == ["one", "between", "two"]
    assert follower.again == 2


def test_a_message_that_was_read_unfinished_is_read_again(database: sqlite3.Connection) -> None:
    """`final` is a guess: what goes on all the same changes the fingerprint."""
    follower = Follower(path_of(database))
    message(database, "open", at=1, role="assistant", done=False)
    assert follower.texts(final=True) == ["open"]
    message(database, "open", at=1, role="assistant")
    assert follower.texts() == ["open"]
    assert follower.again == 1


def test_messages_of_one_moment_are_read_together(database: sqlite3.Connection) -> None:
    """The offset is a time: of two messages with the same one, none is left out."""
    follower = Follower(path_of(database))
    message(database, "a", at=1, role="user")
    message(database, "b", at=1, role="assistant", done=False)
    assert follower.texts() == []
    message(database, "b", at=1, role="assistant")
    assert follower.texts() == ["a", "b"]


def test_sessions_of_subagents_are_companions(database: sqlite3.Connection) -> None:
    """They come behind those that a person began, also the ones of subagents' subagents; a circle ends."""
    for child, parent in (("ses_b", "ses_a"), ("ses_c", "ses_b"), ("ses_x", "ses_y"), ("ses_y", "ses_x")):
        session(database, child, parent=parent)
    session(database, "ses_d")
    folder = path_of(database).parent
    assert [p.name for p in agent.companions(folder / "ses_a")] == ["ses_b", "ses_c"]
    assert [p.name for p in agent.companions(folder / "ses_x")] == ["ses_y"]
    assert [p.name for p in agent.transcripts(folder.parent)][:2] == ["ses_a", "ses_d"]
    row = ("m", "ses_c", RECENT_MS, json.dumps({"role": "assistant", "time": {"completed": 1}}))
    database.execute("INSERT INTO message VALUES (?, ?, ?, ?)", row)
    with agent.open_transcript(folder / "ses_c") as transcript:
        ((line, _),) = transcript.lines(final=False)
    assert json.loads(line or b"")["session"]["root"] == "ses_a"


@pytest.mark.parametrize(
    "data", ["", "[]", "{", '"x"', '{"role": 5, "time": []}', '{"role": "assistant", "time": 1e999}', "\0"]
)
def test_no_content_of_a_message_stops_the_reading(database: sqlite3.Connection, data: str) -> None:
    """A row that is not what it should be is a record without events."""
    message(database, "fine", at=1, role="assistant")
    database.execute("INSERT INTO message VALUES ('odd', 'ses_a', ?, ?)", (RECENT_MS + 2, data))
    database.execute("INSERT INTO part VALUES ('p', 'odd', ?)", (data,))
    message(database, "later", at=3, role="assistant")
    assert Follower(path_of(database)).texts(final=True) == ["fine", "later"]


def test_a_database_that_is_none_of_ours_is_an_error_of_its_own(
    database: sqlite3.Connection, tmp_path: Path
) -> None:
    """A missing session, a table without a column and a foreign file raise what callers expect."""
    with pytest.raises(FileNotFoundError):
        agent.size_bytes(path_of(database, "ses_gone"))
    database.execute("ALTER TABLE session DROP COLUMN parent_id")
    with pytest.raises(OSError, match="parent_id"), agent.open_transcript(path_of(database)):
        pass
    assert list(agent.transcripts(path_of(database).parent.parent)) == []
    other = tmp_path / "opencode.db"
    other.write_bytes(b"not a database at all" * 50)
    with pytest.raises(OSError, match="SQLite"), agent.open_transcript(other / "ses_a"):
        pass
    assert list(agent.transcripts(tmp_path)) == []


# JSON of `export`, and of clients before the database


def export(tmp_path: Path) -> dict[str, Any]:
    """Make what `opencode export` writes from a recorded session."""
    lines = (FIXTURES / "recorded-session.jsonl").read_text().splitlines()
    records = [json.loads(line) for line in lines]
    about = records[0]["session"]
    info = {key: about[key] for key in ("id", "directory", "version")}
    info["time"] = {"created": about["created"]}
    return {"info": info, "messages": [{"info": r["info"], "parts": r["parts"]} for r in records]}


def test_an_export_gives_what_the_database_gives(tmp_path: Path) -> None:
    """The events have the same ids, so that nothing is stored twice."""
    path = tmp_path / "session.json"
    path.write_text(json.dumps(export(tmp_path), indent=2))
    assert list(agent.transcripts(path)) == [path]
    with agent.open_transcript(path) as transcript:
        lines = [line or b"" for line, _ in transcript.lines(final=True)]
        assert agent.size_bytes(path) == transcript.size_bytes() == len(lines)
    found = tmp_path / "lines.jsonl"
    found.write_bytes(b"\n".join(lines))
    assert [e for e in fixtures.read(agent, found) if "kind" in e] == read("recorded-session")  # type: ignore[arg-type]


def test_the_files_of_old_clients_are_read(tmp_path: Path) -> None:
    """A session, its messages and their parts are files in folders beside each other."""
    storage = tmp_path / "storage"
    exported = export(tmp_path)
    child = {"id": "ses_child", "parentID": exported["info"]["id"], "directory": "/h/shop"}
    for info in (exported["info"], child):
        write(storage / "session" / "project" / f"{info['id']}.json", info)
    for said in exported["messages"]:
        write(storage / "message" / exported["info"]["id"] / f"{said['info']['id']}.json", said["info"])
        for one in said["parts"]:
            write(storage / "part" / said["info"]["id"] / f"{one['id']}.json", one)
    write(storage / "message" / "ses_child" / "msg_c.json", {"id": "msg_c", "role": "assistant"})
    (storage / "session" / "project" / "broken.json").write_text("{")
    main = storage / "session" / "project" / f"{exported['info']['id']}.json"
    assert main in list(agent.transcripts(tmp_path))
    assert list(agent.companions(main)) == [main.parent / "ses_child.json"]
    follower = Follower(main)
    assert follower.texts() == [e.get("text", "") for e in read("recorded-session")]
    assert follower.texts() == []
    with agent.open_transcript(main.parent / "ses_child.json") as transcript:
        ((line, _),) = transcript.lines(final=True)
    assert json.loads(line or b"")["session"]["root"] == exported["info"]["id"]
    with pytest.raises(OSError, match="not JSON"), agent.open_transcript(main.parent / "broken.json"):
        pass


def test_an_archive_needs_none_of_the_usual_names(tmp_path: Path) -> None:
    """Exports and old storage are found below any folder; collections of requests begin alike and are not."""
    exported = export(tmp_path)
    info = {**exported["info"], "id": "old", "projectID": "p"}
    write(tmp_path / "a" / "any.json", exported)
    write(tmp_path / "kept" / "session" / "p" / "old.json", info)
    write(tmp_path / "kept" / "message" / "old" / "m.json", {"id": "m", "role": "user"})
    write(tmp_path / "session" / "p" / "lonely.json", info)
    write(tmp_path / "requests.json", {"info": {"_postman_id": "x", "name": "n"}, "item": [{"id": "y"}]})
    (tmp_path / "cut.json").write_text(json.dumps(exported)[:-9])
    found = [str(path.relative_to(tmp_path)) for path in agent.transcripts(tmp_path)]
    assert found == ["a/any.json", "kept/session/p/old.json"]
    with agent.open_transcript(tmp_path / found[1]) as transcript:
        assert transcript.size_bytes() == 1


def test_half_an_emoji_in_a_message_stops_nothing(tmp_path: Path) -> None:
    """What JavaScript cuts in two, and numbers beyond 64 bits, are read."""
    exported = export(tmp_path)
    exported["messages"][0]["parts"][0] |= {"text": "\ud83d", "huge": 1 << 80}
    path = tmp_path / "x.json"
    write(path, exported)
    with agent.open_transcript(path) as transcript:
        assert all(line for line, _ in transcript.lines(final=True))


def write(path: Path, value: Any) -> None:
    """Write a JSON file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value))


@given(
    value=st.recursive(
        st.none() | st.text(max_size=8) | st.integers(),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from(["info", "messages", "parts", "id", "time"]), inner, max_size=4)
        ),
    )
)
def test_no_json_file_makes_more_than_an_os_error(
    value: Any, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Whatever a `.json` file holds, it is a session or refused as one."""
    path = tmp_path_factory.mktemp("json") / "x.json"
    path.write_text(json.dumps(value))
    assert list(agent.transcripts(path)) in ([], [path])
    try:
        with agent.open_transcript(path) as transcript:
            for line, _ in transcript.lines(final=True):
                read_line(json.loads(line or b""), line=b"", state=ReaderState())
    except OSError:
        pass


# Wiring


def test_the_folders_follow_the_variables(tmp_path: Path) -> None:
    """OpenCode keeps to the places that the desktop's variables name."""
    env = {"XDG_CONFIG_HOME": str(tmp_path / "c"), "XDG_DATA_HOME": str(tmp_path / "d")}
    machine = Machine(home=tmp_path, env=env)
    assert install.config_file(machine) == tmp_path / "c" / "opencode" / "opencode.json"
    assert agent.default_root(machine) == tmp_path / "d" / "opencode"
    assert not agent.detect(machine)
    (tmp_path / "d" / "opencode").mkdir(parents=True)
    assert agent.detect(machine)


def test_a_server_moves_with_the_config(tmp_path: Path) -> None:
    """Of several config files one wins; an entry of ours in another one is taken out."""
    machine, wiring = Machine(home=tmp_path), fixtures.wiring(tmp_path, tmp_path / "data")
    folder = install.config_dir(machine)
    apply_changes(agent.plan_install(machine, wiring), backup_dir=tmp_path / "b")
    assert "hivemind" in json.loads((folder / "opencode.json").read_text())["mcp"]
    (folder / "opencode.jsonc").write_text("// new\n{}\n")
    assert not all(check.ok for check in agent.check_wiring(machine, wiring))
    apply_changes(agent.plan_install(machine, wiring), backup_dir=tmp_path / "b")
    assert not (folder / "opencode.json").exists()
    assert all(check.ok for check in agent.check_wiring(machine, wiring))
    apply_changes(agent.plan_uninstall(machine), backup_dir=tmp_path / "b")
    assert fixtures.files(folder) == {"opencode.jsonc": b"// new\n{}\n"}


def test_somebody_elses_plugin_and_server_are_left_alone(tmp_path: Path) -> None:
    """Files and entries of our name that are not ours are refused, and named by the checks."""
    machine, wiring = Machine(home=tmp_path), fixtures.wiring(tmp_path, tmp_path / "data")
    plugin = install.config_dir(machine) / "plugin" / "hivemind.js"
    plugin.parent.mkdir(parents=True)
    plugin.write_text("export const Mine = async () => ({})\n")
    with pytest.raises(HivemindError) as caught:
        agent.plan_install(machine, wiring)
    assert caught.value.slug == "own-file-foreign"
    assert agent.plan_uninstall(machine) == []
    plugin.unlink()
    config = install.config_dir(machine) / "opencode.json"
    config.write_text('{"mcp": {"hivemind": {"type": "remote", "url": "https://h.example.com"}}}')
    with pytest.raises(HivemindError) as caught:
        agent.plan_install(machine, wiring)
    assert caught.value.slug == "mcp-server-taken"
    assert agent.plan_uninstall(machine) == []
