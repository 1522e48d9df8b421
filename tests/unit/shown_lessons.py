"""Let stored sessions show a lesson, with the outcome that their work had."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hivemind.domain.events import Event, EventKind, ResultStatus, SessionFacts
from hivemind.domain.lessons import Occurrence
from hivemind.domain.outcomes import Outcome
from hivemind.domain.skills import Evidence
from hivemind.store import episodes, lessons, sessions
from hivemind.store.database import Workspace
from hivemind.store.episodes import Graded
from hivemind.store.sessions import ProjectFacts

START = datetime(2026, 11, 3, 10, tzinfo=UTC)
KEY = "pytest -> make test"
#: The lesson that each session shows.
LESSON = lessons.lesson_key("p1", "fix", KEY)
SUCCESS, FAILURE, UNKNOWN = Outcome


def shows(
    workspace: Workspace,
    session: str,
    *,
    outcome: Outcome = SUCCESS,
    failed_before: Outcome | None = None,
    explicit: bool = False,
    agent: str = "claude",
    agent_id: str = "",
    at: datetime = START,
) -> None:
    """Store a session in which `pytest` fails and `make test` works, and the grade of what it was for.

    Where `failed_before` is given, the failing call lies in an episode of its own before, graded so.
    """
    said = [
        (EventKind.PROMPT, "Run the tests.\nAll of them.", None),
        (EventKind.TOOL_CALL, "pytest", None),
        (EventKind.TOOL_RESULT, "No module named 'shop'\nexit code 2", ResultStatus.ERROR),
        (EventKind.PROMPT, "Another way?", None),
        (EventKind.TOOL_CALL, "make test", None),
        (EventKind.TOOL_RESULT, "12 passed", ResultStatus.OK),
    ]
    events = [
        Event(
            kind=kind,
            native_id=f"{session}-{number}",
            text=text,
            at=at + timedelta(minutes=number),
            agent_id=agent_id if number > 3 else "",
            tool_name="Bash" if kind in (EventKind.TOOL_CALL, EventKind.TOOL_RESULT) else "",
            tool_call_id=f"c{(number + 2) // 3}" if kind is not EventKind.PROMPT else "",
            status=status,
            data={"command": text} if kind is EventKind.TOOL_CALL else {},
        )
        for number, (kind, text, status) in enumerate(said)
    ]
    sessions.append(
        workspace,
        SessionFacts(session_id=session, agent=agent, title="Run the tests."),
        events=[sessions.RedactedEvent(event=event) for event in events],
        project=ProjectFacts(project_id="p1", name="shop", root="/home/dev/shop"),
    )
    stored = sessions.events_of(workspace, session)
    roles = ("request", "failed-call", "failure", None, "fix", "success")
    evidence = [
        Evidence(event_id=row.event_id, session_id=session, role=role, excerpt=row.text[:80])
        for row, role in zip(stored, roles, strict=True)
        if role
    ]
    occurrence = Occurrence(
        kind="fix", key=KEY, topic="test", evidence=tuple(evidence), explicit=explicit, at=at
    )
    row = next(s for s in sessions.recent(workspace, limit=1_000) if s.session_id == session)
    lessons.refresh(workspace, sorted(lessons.replace_occurrences(workspace, row, occurrences=[occurrence])))
    grade(workspace, session, outcome=outcome, failed_before=failed_before, at=at)


def grade(
    workspace: Workspace,
    session: str,
    *,
    outcome: Outcome,
    failed_before: Outcome | None = None,
    at: datetime = START,
) -> None:
    """Grade what a session was for, in one episode or in two."""
    spans = [(0, 5, outcome)] if failed_before is None else [(0, 2, failed_before), (3, 5, outcome)]
    graded = [
        Graded(
            episode_id=f"{session}-p{number}",
            number=number,
            first_seq=first,
            last_seq=last,
            started_at=at + timedelta(minutes=first),
            ended_at=at + timedelta(minutes=last),
            request="Run the tests.",
            prompts=1,
            tool_calls=1,
            tool_errors=0,
            graded_label=label.value,
            graded_value={SUCCESS: 0.9, FAILURE: 0.1}.get(label, 0.5),
            signals=[],
            fingerprint={},
        )
        for number, (first, last, label) in enumerate(spans, 1)
    ]
    episodes.replace(workspace, session, graded=graded, graded_seq=6, version=1)
