"""Tell what happened in a session in a few words, as miners see it or as Claude Code writes it."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from hivemind.distill import miners, session_view
from hivemind.distill.session_view import SessionView
from hivemind.domain.events import EventKind, ResultStatus
from hivemind.domain.lessons import Lesson, Occurrence

ROOT = "/home/dev/shop"
START = datetime(2026, 11, 3, 10, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """Hold one thing that happened."""

    kind: str  #: ask, say or do
    text: str = ""
    tool: str = "Bash"
    given: dict[str, Any] = field(default_factory=dict)
    output: str = ""
    status: ResultStatus = ResultStatus.OK
    agent_id: str = ""


def ask(text: str) -> Moment:
    """A person writes."""
    return Moment(kind="ask", text=text)


def ran(
    command: str, output: str = "", *, status: ResultStatus = ResultStatus.OK, agent_id: str = ""
) -> Moment:
    """The agent runs a shell command, which works."""
    given = {"command": command}
    return Moment(kind="do", text=command, given=given, output=output, status=status, agent_id=agent_id)


def failed(command: str, output: str = "error: it went wrong", *, code: int = 1) -> Moment:
    """The agent runs a shell command, which fails."""
    return ran(command, f"Exit code {code}\n{output}", status=ResultStatus.ERROR)


def edited(path: str, *, root: str = ROOT) -> Moment:
    """The agent changes a file."""
    given = {"file_path": f"{root}/{path}", "old_string": "a", "new_string": "b"}
    return Moment(kind="do", tool="Edit", text=json.dumps(given), given=given, output="updated")


@dataclass(frozen=True, slots=True)
class _Row:
    event_id: str
    seq: int
    kind: EventKind
    agent_id: str
    text: str
    at: datetime
    tool_name: str = ""
    tool_call_id: str = ""
    data: dict[str, Any] | None = None
    status: ResultStatus | None = None
    exit_code: int | None = None


def view(*moments: Moment, session: str = "s1", root: str = ROOT) -> SessionView:
    """Show a story as miners see it."""
    rows: list[_Row] = []
    for number, m in enumerate(moments):
        at = START + timedelta(minutes=number)
        if m.kind == "ask":
            rows.append(_Row(f"{session}e{number}", len(rows), EventKind.PROMPT, "", m.text, at))
            continue
        call, event = f"c{number}", f"{session}e{number}"
        rows.append(
            _Row(event, len(rows), EventKind.TOOL_CALL, m.agent_id, m.text, at, m.tool, call, m.given)
        )
        ended = {"status": m.status, "exit_code": 0 if m.status is ResultStatus.OK else 1}
        answer = (f"{event}r", len(rows), EventKind.TOOL_RESULT, m.agent_id, m.output, at, m.tool, call)
        rows.append(_Row(*answer, **ended))  # type: ignore[arg-type]
    return session_view.build(rows, session_id=session, project_id="p1", project_name="shop", root=root)


def mined(kind: str, *moments: Moment, root: str = ROOT) -> list[Occurrence]:
    """Give what one miner finds in a story."""
    return list(miners.MINERS[kind](view(*moments, root=root)))


def keys(kind: str, *moments: Moment, root: str = ROOT) -> list[str]:
    """Give the keys of what one miner finds in a story."""
    return [occurrence.key for occurrence in mined(kind, *moments, root=root)]


def lesson(kind: str, key: str, *, sessions: int = 2, explicit: bool = False, **data: Any) -> Lesson:
    """Give a lesson with as many sessions behind it, told as its miner tells it."""
    from hivemind.domain.skills import Evidence

    topic = str(data.pop("topic", data.get("purpose", "test")))
    evidence = tuple(
        Evidence(event_id=f"e{key}{n}", session_id=f"s{n}", role="success") for n in range(sessions)
    )
    return Lesson(
        lesson_id=f"l{kind}{key}",
        project_id="p1",
        kind=kind,
        key=key,
        topic=topic,
        data=data,
        sessions=sessions,
        occurrences=sessions,
        explicit=explicit,
        evidence=evidence,
    )


def transcript(
    folder: Path, *moments: Moment, session: str = "", day: int = 3, cwd: str = ROOT, branch: str = "main"
) -> Path:
    """Write a story as Claude Code's transcript; the same story always gives the same file."""
    name = uuid.uuid5(uuid.NAMESPACE_URL, f"{cwd}/{session or folder}/{day}")
    path = folder / "projects" / cwd.replace("/", "-") / f"{name}.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    records = list(_records(moments, session_id=str(name), day=day, cwd=cwd, branch=branch))
    path.write_bytes(b"".join(json.dumps(r).encode() + b"\n" for r in records))
    return path


def _records(
    moments: Iterable[Moment], *, session_id: str, day: int, cwd: str, branch: str
) -> Iterable[dict[str, Any]]:
    for number, m in enumerate(moments):
        at = datetime(2026, 11, day, 10, tzinfo=UTC) + timedelta(minutes=number)
        common = {
            "sessionId": session_id,
            "timestamp": at.isoformat().replace("+00:00", "Z"),
            "cwd": cwd,
            "gitBranch": branch,
            "version": "2.1.330",
        }
        first, second = (str(uuid.uuid5(uuid.NAMESPACE_URL, f"{session_id}/{number}/{n}")) for n in (1, 2))
        if m.kind == "ask":
            yield {"type": "user", "uuid": first, "message": {"role": "user", "content": m.text}, **common}
            continue
        call = f"toolu_{first[:12]}"
        used = {"type": "tool_use", "id": call, "name": m.tool, "input": m.given}
        message = {"id": f"msg_{first[:12]}", "model": "claude-opus-5-5", "content": [used]}
        yield {
            "type": "assistant",
            "uuid": first,
            "message": message | {"usage": {"input_tokens": 3, "output_tokens": 7}},
            **common,
        }
        given = {"type": "tool_result", "tool_use_id": call, "content": m.output}
        given["is_error"] = m.status is not ResultStatus.OK
        yield {"type": "user", "uuid": second, "message": {"role": "user", "content": [given]}, **common}
