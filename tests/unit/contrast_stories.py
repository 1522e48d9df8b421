"""Tell attempts of an agent with tools of its own, as episodes."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from hivemind.distill import episodes
from hivemind.distill.contrast import patterns
from hivemind.distill.contrast.families import Asked
from hivemind.distill.contrast.mine import Attempt
from hivemind.distill.contrast.project import Graded
from hivemind.distill.episodes import Episode
from hivemind.domain.events import EventKind, ResultStatus

START = datetime(2026, 11, 3, 10, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Row:
    """Hold an event as the store gives it."""

    event_id: str
    seq: int
    kind: EventKind
    text: str
    at: datetime
    tool_name: str = ""
    tool_call_id: str = ""
    data: dict[str, Any] | None = None
    status: ResultStatus | None = None
    exit_code: int | None = None
    agent_id: str = ""


@dataclass(frozen=True, slots=True)
class Did:
    """Hold a call of a tool."""

    tool: str
    given: dict[str, Any]
    output: str = "done"
    failed: bool = False


def did(tool: str, *, output: str = "done", failed: bool = False, **given: Any) -> Did:
    """The agent calls a tool."""
    return Did(tool, given, output, failed)


def episode(*told: str | Did, session: str = "s1") -> Episode:
    """Tell an episode: words are a person's, all else is the agent's."""
    rows: list[Row] = []
    for number, item in enumerate(told):
        event, at = f"{session}e{number}", START + timedelta(minutes=number)
        if isinstance(item, str):
            rows.append(Row(event, len(rows), EventKind.PROMPT, item, at))
            continue
        call = f"c{number}"
        text = json.dumps(item.given)
        if item.tool == "Bash":
            text = str(item.given["command"])
        rows.append(Row(event, len(rows), EventKind.TOOL_CALL, text, at, item.tool, call, item.given))
        status = ResultStatus.ERROR if item.failed else ResultStatus.OK
        result = Row(
            f"{event}r", len(rows), EventKind.TOOL_RESULT, item.output, at, item.tool, call, None, status
        )
        rows.append(result)
    return episodes.whole(rows, session_id=session)


def attempt(*told: str | Did, worked: bool, session: str, family: str = "f") -> Attempt:
    """Tell an attempt with its outcome."""
    found = patterns.found(episode(*told, session=session))
    return Attempt(session_id=session, family=family, succeeded=worked, patterns=found)


def graded(told: Episode, *, worked: bool, own_tools: bool = True, rests_on: tuple[str, ...] = ()) -> Graded:
    """Give an episode's grade."""
    asked = Asked(
        episode_id=told.episode_id,
        request=told.prompts[0].text,
        at=str(told.started_at),
        agent="shop-bot",
        own_tools=own_tools,
    )
    return Graded(asked=asked, session_id=told.session_id, succeeded=worked, rests_on=frozenset(rests_on))
