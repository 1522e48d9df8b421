"""Hermes' snapshots: sessions as JSON documents, from before its database and beside it."""

from __future__ import annotations

import json
import shutil
import sqlite3
from pathlib import Path
from typing import Any

import agent_fixtures as fixtures
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hivemind.agents.base import ReaderState
from hivemind.agents.hermes import agent
from hivemind.agents.transcript_file import decode
from hivemind.domain.events import Event, EventKind, ResultStatus, SessionFacts

#: Recorded with Hermes 0.19 and `sessions.write_json_snapshots`; what is long is cut out.
RECORDED = fixtures.FIXTURES / "hermes" / "session_20261122_172724_efcc28.json"


def read(path: Path) -> tuple[list[Event], SessionFacts | None]:
    """Give a session's events and what is known of it."""
    events: list[Event] = []
    state, facts = ReaderState(), None
    with agent.open_transcript(path) as transcript:
        for line, _ in transcript.lines(final=True):
            result = agent.read_line(decode(line or b""), line=line or b"", state=state)
            events += result.events
            facts = result.facts or facts
    return events, facts


def write(path: Path, document: Any) -> Path:
    """Write a document."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document))
    return path


def changed(**members: Any) -> dict[str, Any]:
    """Give the recorded snapshot with other members."""
    recorded: dict[str, Any] = json.loads(RECORDED.read_text())
    return {**recorded, **members}


def test_a_recorded_snapshot_is_read() -> None:
    """Prompts, calls and how each call ended; the folder is known from what the model was told."""
    events, facts = read(RECORDED)
    assert facts is not None
    assert (facts.session_id, facts.cwd) == ("20261122_172724_efcc28", "/tmp/h/acme/shop")
    prompts = [e.text for e in events if e.kind is EventKind.PROMPT]
    assert prompts == ["Check the shop.", "And again."]
    assert len([e for e in events if e.kind is EventKind.TOOL_CALL]) == 5
    ended = [(e.tool_name, e.status, e.exit_code) for e in events if e.kind is EventKind.TOOL_RESULT]
    assert ended == [
        ("terminal", ResultStatus.ERROR, 3),
        ("terminal", ResultStatus.OK, 0),
        ("read_file", ResultStatus.ERROR, None),
        ("write_file", ResultStatus.OK, None),
        ("terminal", ResultStatus.OK, 0),
    ]
    assert all(e.at for e in events)


def test_a_snapshot_and_the_database_name_messages_alike(tmp_path: Path) -> None:
    """Whoever has both stores nothing twice, and is not even shown the second."""
    document = changed()
    database = sqlite3.connect(tmp_path / "state.db", isolation_level=None)
    database.execute("CREATE TABLE sessions (id, source, started_at, cwd)")
    database.execute(
        "CREATE TABLE messages (id, session_id, role, content, tool_call_id, tool_calls, timestamp)"
    )
    began_s = 1_795_368_444.0
    row = (document["session_id"], "cli", began_s, "/tmp/h/acme/shop")
    database.execute("INSERT INTO sessions VALUES (?, ?, ?, ?)", row)
    for number, said in enumerate(document["messages"], 1):
        calls = json.dumps(said["tool_calls"]) if "tool_calls" in said else None
        values = (number, document["session_id"], said["role"], said["content"], said.get("tool_call_id"))
        database.execute(
            "INSERT INTO messages VALUES (?, ?, ?, ?, ?, ?, ?)", (*values, calls, began_s + number)
        )
    database.close()
    shutil.copy(RECORDED, write(tmp_path / "sessions" / RECORDED.name, {}))
    [path] = agent.transcripts(tmp_path)
    assert path == tmp_path / "state.db" / document["session_id"]
    from_rows, from_snapshot = read(path)[0], read(RECORDED)[0]
    assert [(e.native_id, e.kind, e.text) for e in from_rows] == [
        (e.native_id, e.kind, e.text) for e in from_snapshot
    ]


def test_a_snapshot_that_grew_or_got_times_keeps_its_names(tmp_path: Path) -> None:
    """Hermes writes the whole anew, and the times of messages only when it has read them back."""
    whole = changed()
    without_times = [
        {key: value for key, value in said.items() if key != "timestamp"} for said in whole["messages"][:9]
    ]
    first = read(write(tmp_path / "first.json", changed(messages=without_times)))[0]
    names = [e.native_id for e in read(RECORDED)[0]]
    assert [e.native_id for e in first] == names[: len(first)]
    assert {e.at for e in first} == {first[0].at}
    assert first[0].at is not None


def test_hermes_own_folder_is_not_searched_beyond_its_sessions(tmp_path: Path) -> None:
    """In its own folder a snapshot has its place; in any other it may lie anywhere."""
    write(tmp_path / "sessions" / "session_a.json", changed(session_id="a"))
    write(tmp_path / "sessions" / "sessions.json", {"main": {"session_id": "a", "model": "m"}})
    write(tmp_path / "sessions" / "request_dump_a_1.json", {"session_id": "a", "request": {}})
    write(tmp_path / "skills" / "x" / "example.json", changed(session_id="b"))
    assert {p.name for p in agent.transcripts(tmp_path)} == {"session_a.json", "example.json"}
    (tmp_path / "config.yaml").write_text("model: {}\n")
    assert [p.name for p in agent.transcripts(tmp_path)] == ["session_a.json"]


@pytest.mark.parametrize(
    ("said", "status"),
    [
        ({"tool_name": "terminal", "content": "done"}, ResultStatus.UNKNOWN),
        ({"name": "terminal", "content": '{"output": "", "exit_code": 2}'}, ResultStatus.ERROR),
        ({"tool_call_id": "c", "content": "done"}, ResultStatus.UNKNOWN),
        ({"tool_name": "memory", "content": "none", "finish_reason": "error"}, ResultStatus.ERROR),
        ({"tool_name": "memory", "content": [{"type": "text", "text": "Error: no"}]}, ResultStatus.ERROR),
        ({"tool_name": "memory", "content": "none"}, ResultStatus.OK),
    ],
)
def test_a_command_that_does_not_say_how_it_ended_is_no_success(
    said: dict[str, Any], status: ResultStatus, tmp_path: Path
) -> None:
    """What a field does not say stays unknown, wherever the tool's name stands."""
    call = {"id": "c", "function": {"name": "terminal", "arguments": '{"command": "make"}'}}
    messages = [{"role": "assistant", "tool_calls": [call]}, {"role": "tool", **said}]
    events, _ = read(write(tmp_path / "s.json", changed(messages=messages)))
    assert [e.status for e in events if e.kind is EventKind.TOOL_RESULT] == [status]


def test_a_subagents_task_is_no_request_of_a_person(tmp_path: Path) -> None:
    """A subagent's snapshot says that it is one, if not whose."""
    events, _ = read(write(tmp_path / "s.json", changed(platform="subagent")))
    assert EventKind.PROMPT not in {e.kind for e in events}
    assert {e.agent_id for e in events} == {"20261122_172724_efcc28"}


_MEMBERS = (
    "session_id",
    "messages",
    "role",
    "content",
    "tool_calls",
    "function",
    "model_config",
    "timestamp",
)
_WORDS = ("user", "tool", "assistant", "\ud83d", "[1", "terminal")


@given(
    value=st.recursive(
        st.none() | st.sampled_from(_WORDS) | st.floats() | st.integers(),
        lambda inner: (
            st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(_MEMBERS), inner, max_size=5)
        ),
    ),
    inside=st.sampled_from(["", "messages", "model_config", "session_start"]),
)
def test_no_json_file_makes_more_than_an_os_error(
    value: Any, inside: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Whatever a `.json` file holds, it is a session or refused as one."""
    path = tmp_path_factory.mktemp("json") / "x.json"
    path.write_text(json.dumps(changed(**{inside: value}) if inside else value))
    try:
        read(path)
    except OSError:
        pass


def test_what_is_too_deep_for_one_parser_is_read_or_left_out(tmp_path: Path) -> None:
    """Nesting stops neither the session nor the process."""
    path = tmp_path / "s.json"
    deep = "[" * 900 + "]" * 900
    path.write_text(
        '{"session_id": "s", "messages": [{"role": "user", "content": '
        + deep
        + '}, {"role": "user", "content": "Hello"}]}'
    )
    assert "Hello" in [e.text for e in read(path)[0]]
