"""Claude Code's transcripts: recorded and reduced records give golden events, and none makes reading raise.

`HIVEMIND_UPDATE_GOLDEN=1 pytest tests/contract/test_claude_transcript.py` writes the golden files anew; read
the difference before you keep it.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hivemind.agents.base import ReaderState
from hivemind.agents.claude import payload
from hivemind.agents.claude.transcript import companions, read_line, recognises
from hivemind.agents.transcript_file import transcripts
from hivemind.domain.events import EventKind, ResultStatus

FIXTURES = Path(__file__).parent / "fixtures" / "claude"
UPDATE = "HIVEMIND_UPDATE_GOLDEN"
_UPDATING = bool(os.environ.get(UPDATE))  # read at import: tests see none of the HIVEMIND_ variables


def read(path: Path) -> list[dict[str, Any]]:
    """Give all that the reader makes of a file: each line's events and facts, without what is empty."""
    state, found = ReaderState(), []
    for line in path.read_bytes().splitlines():
        result = read_line(json.loads(line), line=line, state=state)
        for event in result.events:
            values = {k: v for k, v in asdict(event).items() if v not in ("", None, {}, [])}
            found.append(json.loads(json.dumps(values, default=str)))
        if result.facts is not None and asdict(result.facts) not in [f.get("facts") for f in found]:
            found.append({"facts": asdict(result.facts)})
    return [*found, {"state": state.values}]


@pytest.mark.parametrize("path", sorted(FIXTURES.glob("*.jsonl")), ids=lambda p: p.stem)
def test_records_give_the_golden_events(path: Path) -> None:
    """Each fixture gives exactly the events that were looked over by a person."""
    found = read(path)
    golden = path.with_suffix(".golden.json")
    if _UPDATING:
        golden.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n")
    assert found == json.loads(golden.read_text())


def test_what_a_message_cost_is_told_by_its_last_record() -> None:
    """Each record of a message repeats its usage, under the message's id, by which it is counted once."""
    events = [e for e in read(FIXTURES / "usage.jsonl") if e.get("kind") == "usage"]
    assert [(e["native_id"], e["usage"]["output_tokens"]) for e in events] == [
        ("msg_u1", 3),
        ("msg_u1", 8),
        ("msg_u1", 41),
        ("msg_u1", 8),
        ("msg_u2", 2),
    ]


@pytest.mark.parametrize(
    ("fixture", "statuses"),
    [
        ("interrupt", [ResultStatus.DENIED]),
        ("denied", [ResultStatus.DENIED, ResultStatus.DENIED]),
        ("cancelled-sibling", [ResultStatus.ERROR, ResultStatus.CANCELLED]),
    ],
)
def test_a_call_that_did_not_succeed_says_how(fixture: str, statuses: list[ResultStatus]) -> None:
    """Denied and cancelled calls are told from failed ones."""
    found = [e["status"] for e in read(FIXTURES / f"{fixture}.jsonl") if e.get("kind") == "tool_result"]
    assert found == statuses


def test_a_subagents_task_is_no_persons_request() -> None:
    """A subagent's events carry its id, in its own file and in an old client's progress records."""
    for fixture in ("recorded-subagent", "agent-progress"):
        events = [e for e in read(FIXTURES / f"{fixture}.jsonl") if e.get("agent_id")]
        assert events
        assert fixture == "recorded-subagent" or all(e["kind"] != EventKind.PROMPT for e in events)


def test_a_password_in_a_pushed_url_is_not_remembered() -> None:
    """The reader's state is stored, so a remote enters it without its user and password."""
    state = read(FIXTURES / "pushed.jsonl")[-1]["state"]
    assert state["remote"] == "https://github.com/acme/shop-api"
    assert "t0ken" not in json.dumps(state)


def test_the_state_stays_small_whatever_is_never_answered() -> None:
    """Calls without results, with ids as long as one likes, do not grow the state."""
    state = ReaderState()
    for n in range(2_000):
        part = {"type": "tool_use", "id": f"{n}" * 1_000, "name": "B" * 10_000, "input": {}}
        read_line({"type": "assistant", "message": {"content": [part]}}, line=b"", state=state)
    assert len(json.dumps(state.values)) < 200_000


_WORDS = st.sampled_from(
    [
        *(
            "user",
            "assistant",
            "system",
            "attachment",
            "progress",
            "pr-link",
            "text",
            "tool_use",
            "tool_result",
        ),
        *(
            "image",
            "queued_command",
            "agent_progress",
            "compact_boundary",
            "api_error",
            "Bash",
            "<synthetic>",
        ),
        *(
            "Exit code 99999999999999999999",
            "<command-name>/x</command-name>",
            "[Request interrupted by user]",
        ),
        *(
            "2026-11-03T10:00:00Z",
            "0001-01-01T00:00:00+14:00",
            "9999-12-31T23:59:59-14:00",
            "\0",
            "\ud83d",
            "",
        ),
    ]
)
_SCALARS = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | _WORDS | st.just(10**400)
)
_NAMES = st.sampled_from(
    [
        *(
            "type",
            "subtype",
            "message",
            "content",
            "id",
            "uuid",
            "sessionId",
            "timestamp",
            "cwd",
            "gitBranch",
        ),
        *(
            "version",
            "usage",
            "input_tokens",
            "output_tokens",
            "model",
            "text",
            "name",
            "input",
            "tool_use_id",
        ),
        *("is_error", "isMeta", "isCompactSummary", "isSidechain", "agentId", "attachment", "prompt", "data"),
        *("command", "file_path", "prRepository", "isApiErrorMessage"),
    ]
)
_JSON = st.recursive(
    _SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(_NAMES | st.text(max_size=8), inner, max_size=8)
    ),
    max_leaves=40,
)
_PART = st.fixed_dictionaries(
    {"type": _WORDS | _JSON}, optional=dict.fromkeys(("text", "id", "name", "input"), _JSON)
)
_RECORD = st.fixed_dictionaries(
    {"type": _WORDS | _JSON},
    optional={
        "message": st.fixed_dictionaries({"content": st.lists(_PART | _JSON, max_size=4) | _JSON}) | _JSON,
        "attachment": st.fixed_dictionaries({"type": _WORDS}, optional={"prompt": _JSON}),
        "data": st.fixed_dictionaries({"type": _WORDS, "message": _JSON}),
        **dict.fromkeys(("uuid", "sessionId", "timestamp", "agentId", "cwd", "subtype", "isMeta"), _JSON),
    },
)


@given(records=st.lists(_RECORD | _JSON, max_size=6))
def test_no_json_value_makes_the_reader_raise(records: list[Any]) -> None:
    """Whatever the records are, they yield events with sane fields and a state that JSON can hold."""
    state = ReaderState()
    for record in records:
        result = read_line(record, line=b"x", state=state)
        for event in result.events:
            assert all(
                type(v) is str for v in (event.text, event.tool_name, event.tool_call_id, event.agent_id)
            )
            assert event.at is None or 2000 <= event.at.year < 2200
            assert isinstance(event.data, dict)
            assert event.exit_code is None or abs(event.exit_code) < 2**63
            assert event.usage is None or event.usage.output_tokens < 2**63
    json.dumps(state.values)
    recognises(records)


@given(body=st.dictionaries(_NAMES, _JSON, max_size=6), event=st.sampled_from([*payload.MOMENTS, "Other"]))
def test_no_payload_makes_the_hooks_adapter_raise(body: dict[str, Any], event: str) -> None:
    """Whatever is in a payload, the announcement and the prompt are made of it without an error."""
    said = payload.announcement(event, body, "")
    assert ("cursor_version" in body) == (said is None)
    assert said is None or said["moment"] == payload.MOMENTS.get(event, "")
    assert isinstance(payload.prompt(body), str)


def test_claudes_transcripts_are_told_by_content() -> None:
    """A file is recognised by its records, and other JSON lines are not."""
    for path in (FIXTURES / "recorded-session.jsonl", FIXTURES / "recorded-subagent.jsonl"):
        assert recognises([json.loads(line) for line in path.read_text().splitlines()[:16]])
    assert not recognises(
        [{"role": "user", "content": "hi"}, {"type": "session_meta", "payload": {}}, [], None]
    )


def test_subagents_are_found_beside_their_session_and_after_it(tmp_path: Path) -> None:
    """A session's own file comes first, whose folder names the project."""
    session = tmp_path / "p" / "abc.jsonl"
    agent = tmp_path / "p" / "abc" / "subagents" / "agent-1.jsonl"
    agent.parent.mkdir(parents=True)
    for path in (session, agent, agent.with_suffix(".meta.json"), tmp_path / "p" / "old.jsonl.gz"):
        path.write_text("")
    assert list(transcripts(tmp_path)) == [session, tmp_path / "p" / "old.jsonl.gz", agent]
    assert list(companions(session)) == [agent]
