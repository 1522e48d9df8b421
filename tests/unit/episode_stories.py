"""Tell a session as event rows, with what the agent said and where it was stopped."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from stories import START, Moment

from hivemind.distill import episodes, grading
from hivemind.distill.episodes import Episode
from hivemind.domain.events import EventKind, ResultStatus
from hivemind.domain.outcomes import Grade


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """Hold an event as the store gives it."""

    event_id: str
    seq: int
    kind: str
    text: str = ""
    agent_id: str = ""
    at: datetime | None = None
    tool_name: str = ""
    tool_call_id: str = ""
    data: dict[str, Any] | None = None
    status: str | None = None
    exit_code: int | None = None


def said(text: str) -> Moment:
    """The agent answers."""
    return Moment(kind="say", text=text)


def stopped() -> Moment:
    """A person stops the agent."""
    return Moment(kind="stop")


def used(tool: str, output: str = "ok", *, works: bool = True, **given: Any) -> Moment:
    """The agent calls a tool that is no shell."""
    status = ResultStatus.OK if works else ResultStatus.ERROR
    return Moment(kind="do", tool=tool, given=given, output=output, status=status)


def rows(*moments: Moment, session: str = "s1") -> list[Row]:
    """Give the rows of a story, a minute apart."""
    found: list[Row] = []

    def add(kind: EventKind, text: str, at: datetime, **more: Any) -> None:
        found.append(
            Row(event_id=f"{session}e{len(found)}", seq=len(found), kind=kind.value, text=text, at=at, **more)
        )

    kinds = {"ask": EventKind.PROMPT, "say": EventKind.ASSISTANT, "stop": EventKind.INTERRUPT}
    for number, m in enumerate(moments):
        at = START + timedelta(minutes=number)
        if m.kind in kinds:
            add(kinds[m.kind], m.text, at)
            continue
        common = {"agent_id": m.agent_id, "tool_name": m.tool, "tool_call_id": f"c{number}"}
        add(EventKind.TOOL_CALL, m.text, at, data=m.given, **common)
        add(EventKind.TOOL_RESULT, m.output, at, status=m.status.value, **common)
    return found


def cut(*moments: Moment) -> list[Episode]:
    """Give the episodes of a story."""
    return episodes.cut(rows(*moments), session_id="s1")


def graded(*moments: Moment) -> Grade:
    """Grade the first episode of a story."""
    return grading.grade(cut(*moments)[0])


def names(grade: Grade) -> dict[str, str]:
    """Give what each signal of a grade points to."""
    return {signal.name: signal.points_to.value for signal in grade.signals}
