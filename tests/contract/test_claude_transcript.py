"""What is particular to Claude Code's transcripts; the contract of every agent is tested beside it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import agent_fixtures as fixtures
import pytest

from hivemind.agents.claude import agent
from hivemind.agents.claude.transcript import companions, recognises
from hivemind.agents.transcript_file import transcripts
from hivemind.domain.events import EventKind, ResultStatus

FIXTURES = fixtures.folder(agent)


def read(path: Path) -> list[dict[str, Any]]:
    """Give all that the reader makes of a file."""
    return fixtures.read(agent, path)


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
