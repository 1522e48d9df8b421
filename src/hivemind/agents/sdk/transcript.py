"""Read the transcripts that programs keep by the Python API: a line for each thing that they record."""

import json
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Any, Final

from hivemind.agents import values
from hivemind.agents.base import LineResult, ReaderState
from hivemind.agents.values import count, mapping, text
from hivemind.domain.events import Event, EventKind, ResultStatus, SessionFacts, Usage
from hivemind.domain.outcomes import CLEARED, Outcome, Report, of_reward

AGENT: Final = "sdk"
#: The first line's mark, and the version of the lines.
MARK: Final = "hivemind_api"
_LABELS = frozenset({Outcome.SUCCESS.value, Outcome.FAILURE.value, Outcome.UNKNOWN.value, CLEARED})


def recognises(first_lines: list[Any]) -> bool:
    """Say whether decoded lines are those of the Python API."""
    return any(isinstance(line, dict) and MARK in line for line in first_lines)


def read_line(record: Any, *, line: bytes, state: ReaderState) -> LineResult:
    """Turn one kept line into events; malformed ones yield none."""
    if not isinstance(record, dict) or MARK not in record:
        return LineResult()
    session_id, at = text(record.get("session")), values.epoch(record.get("at"))
    kind, said = text(record.get("kind")), mapping(record.get("said"))
    if kind == "start":
        if remote := text(said.get("project")):
            state.values["remote"] = f"hivemind://{remote}"
        facts = SessionFacts(
            session_id=session_id,
            agent=AGENT,
            agent_version=text(said.get("agent")),
            cwd=text(said.get("cwd")),
        )
        return LineResult(facts=facts if session_id else None)
    if kind == "outcome":
        report = _report(session_id, said, at)
        return LineResult(reports=(report,) if report else ())
    # A line has its time in it: each is another, and read twice it is the same.
    native = "~" + (text(record.get("id")) or blake2b(line, digest_size=12).hexdigest())
    event = _event(kind, said, native=native, at=at)
    return LineResult(events=(event,) if event else ())


def _event(kind: str, said: dict[str, Any], *, native: str, at: datetime | None) -> Event | None:
    model, agent_id, words = text(said.get("model")), text(said.get("subagent")), text(said.get("text"))
    common: dict[str, Any] = {"native_id": native, "at": at, "agent_id": agent_id}
    match kind:
        case "prompt" if words.strip():
            return Event(kind=EventKind.PROMPT, text=words, **common)
        case "assistant" if words.strip():
            return Event(kind=EventKind.ASSISTANT, text=words, request_model=model, **common)
        case "system" if words.strip():
            return Event(kind=EventKind.SYSTEM, text=words, data={"role": "system"}, **common)
        case "tool_call":
            given = mapping(said.get("input"))
            command = given.get("command")
            return Event(
                kind=EventKind.TOOL_CALL,
                text=command if isinstance(command, str) else json.dumps(given, ensure_ascii=False),
                tool_name=text(said.get("tool")),
                tool_call_id=text(said.get("call")),
                request_model=model,
                data=given,
                **common,
            )
        case "tool_result":
            return Event(
                kind=EventKind.TOOL_RESULT,
                text=words,
                tool_name=text(said.get("tool")),
                tool_call_id=text(said.get("call")),
                status=_status(said.get("status")),
                exit_code=values.exit_code(said.get("exit_code")),
                **common,
            )
        case "usage":
            names = ("input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens")
            usage = Usage(message_id=native, **{name: count(said.get(name)) for name in names})
            return Event(kind=EventKind.USAGE, request_model=model, usage=usage, **common)
    return None


def _status(value: Any) -> ResultStatus:
    try:
        return ResultStatus(value)
    except ValueError:
        return ResultStatus.UNKNOWN


def _report(session_id: str, said: dict[str, Any], at: datetime | None) -> Report | None:
    reward = said.get("reward")
    score = None
    if isinstance(reward, int | float) and not isinstance(reward, bool) and 0 <= reward <= 1:
        score = float(reward)
    label = text(said.get("label")) or (of_reward(score).value if score is not None else "")
    if not session_id or label not in _LABELS:
        return None
    return Report(
        session_id=session_id,
        label=label,
        score=score,
        actor=text(said.get("by"))[:100] or "program:api",
        at=at or datetime.now(UTC),
        note=text(said.get("note"))[:2_000],
    )
