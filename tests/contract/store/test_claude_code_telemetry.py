"""What the real Claude Code sends by itself: its records tell a session, its spans add nothing twice."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from hivemind.capture.redaction import Redactor
from hivemind.distill.grading.sweep import grade_new
from hivemind.domain.events import SessionFacts
from hivemind.otlp import receiver
from hivemind.otlp.reading import JSON, Signal
from hivemind.store import episodes, problems, sessions
from hivemind.store.database import Database

RECORDED = Path(__file__).parents[2] / "fixtures" / "otlp_claude_code"
SIGNALS = {"/v1/logs": Signal.LOGS, "/v1/traces": Signal.TRACES}
TURN = [
    ("prompt", "", None),
    ("tool_call", "pytest -q", None),
    ("tool_result", "ShellError: Shell command failed", "error"),
    ("tool_call", "make test", None),
    ("tool_result", "", "ok"),
    ("assistant", "All 12 tests pass.", None),
]


def recorded(name: str) -> list[dict[str, Any]]:
    """Give the requests that it sent, in order."""
    return list(json.loads((RECORDED / f"{name}.json").read_text("utf-8")))


def send(database: Database, requests: Iterable[dict[str, Any]]) -> None:
    """Send requests as they were sent."""
    for request in requests:
        answer = receiver.receive(
            database,
            workspace_id="default",
            body=json.dumps(request["body"]).encode(),
            content_type=JSON,
            signal=SIGNALS[request["path"]],
            redactor=Redactor(),
        )
        assert (answer.status, answer.body) == (200, b"{}")


def told(database: Database) -> list[list[tuple[str, str, str | None]]]:
    """Give what each session's events say, usage and asides left out."""
    found = []
    with database.read() as workspace:
        for session in sessions.recent(workspace, limit=9):
            rows = sessions.events_of(workspace, session.session_id)
            found.append(
                [
                    (row.kind, "" if row.kind == "prompt" else row.text, row.status)
                    for row in rows
                    if row.kind not in ("usage", "system")
                ]
            )
    return found


@pytest.mark.parametrize("name", ["with_spans", "records_only"])
def test_a_session_is_told_by_its_records(database: Database, name: str) -> None:
    """Prompt, calls with their input, failures and the answer, of the project that was named; tokens once."""
    send(database, recorded(name))
    turns = 1 if name == "with_spans" else 2
    with database.read() as workspace:
        usage = [
            row.input_tokens
            for session in sessions.recent(workspace, limit=9)
            for row in sessions.events_of(workspace, session.session_id)
            if row.kind == "usage"
        ]
        remotes = {session.git_remote for session in sessions.recent(workspace, limit=9)}
        (unmapped,) = problems.recent(workspace)
    assert sorted(itertools.chain.from_iterable(told(database))) == sorted(TURN * turns), told(database)
    assert len(usage) == 3 * turns
    assert remotes == {"github.com/acme/shop"}
    assert "com.anthropic.claude_code.events" in unmapped.message


def test_an_error_is_learnt_from(database: Database) -> None:
    """The grading sees the failing call."""
    send(database, recorded("records_only"))
    grade_new(database, "default")
    with database.read() as workspace:
        graded = [
            one
            for session in sessions.recent(workspace, limit=9)
            for one in episodes.of_session(workspace, session.session_id)
        ]
    assert [(one.tool_calls, one.tool_errors) for one in graded] == [(4, 2)]


def test_what_comes_twice_or_in_another_order_is_the_same(database: Database) -> None:
    """Spans before the records, and all of it again."""
    requests = recorded("with_spans")
    send(database, reversed(requests))
    first = told(database)
    send(database, requests)
    assert told(database) == first
    assert sorted(first[0]) == sorted(TURN)


def test_what_its_transcript_tells_is_not_told_again(database: Database) -> None:
    """Where hooks captured the session, its telemetry is known already."""
    requests = recorded("with_spans")
    attributes = requests[0]["body"]["resourceLogs"][0]["scopeLogs"][0]["logRecords"][0]["attributes"]
    (session_id,) = (one["value"]["stringValue"] for one in attributes if one["key"] == "session.id")
    with database.write() as workspace:
        sessions.append(workspace, SessionFacts(session_id=session_id, agent="claude"), events=[])
    send(database, requests)
    with database.read() as workspace:
        assert [one.session_id for one in sessions.recent(workspace, limit=9)] == [session_id]
        assert sessions.events_of(workspace, session_id) == []


def test_a_prompt_that_is_kept_back_is_none(database: Database) -> None:
    """Without OTEL_LOG_USER_PROMPTS the words are replaced: calls and failures are there, and no prompt."""
    text = json.dumps(recorded("records_only")[:3])
    prompt = "Run the tests. [[play: "
    assert prompt in text
    requests = json.loads(text)
    for record in requests[0]["body"]["resourceLogs"][0]["scopeLogs"][0]["logRecords"]:
        for one in record["attributes"]:
            if one["key"] in ("prompt", "prompt_text"):
                one["value"] = {"stringValue": "<REDACTED>"}
    send(database, requests)
    assert sorted(itertools.chain.from_iterable(told(database))) == sorted(TURN[1:])
