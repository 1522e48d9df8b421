"""Read attempts with a known outcome (one JSON line each) as event rows, as a transcript reader would."""

import gzip
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from hivemind.distill import episodes
from hivemind.distill.episodes import Episode
from hivemind.domain.events import EventKind, ResultStatus

#: What a simulated person writes for the simulator alone.
_SIMULATOR = re.compile(r"#{2,}\s*\w+\s*#{2,}")
#: Agents without tool calls write what they run between such marks; all else is what they think and say.
_EMBEDDED = re.compile(r"<(execute|solution)>(.*?)(?:</\1>|\Z)", re.S)
_OBSERVED = "Observation:"
_FAILED = re.compile(
    r"^\s*(?:error\b|traceback)|^\w*(?:Error|Exception)\b|\bTraceback \(most recent", re.I | re.M
)


@dataclass(frozen=True, slots=True)
class Row:
    """Hold an event as the store gives it."""

    event_id: str
    seq: int
    kind: EventKind
    text: str
    tool_name: str = ""
    tool_call_id: str = ""
    data: dict[str, Any] | None = None
    status: ResultStatus | None = None
    exit_code: int | None = None
    agent_id: str = ""
    at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """Hold one attempt at a task, and whether it succeeded."""

    set_name: str
    task_id: str
    succeeded: bool
    episode: Episode


def read(folder: Path) -> dict[str, list[Attempt]]:
    """Read every set below a folder; attempts without a log of what was done are left out."""
    found: dict[str, list[Attempt]] = {}
    for path in sorted(folder.rglob("*.jsonl*")):
        open_text = gzip.open if path.suffix == ".gz" else open
        with open_text(path, "rt", encoding="utf-8") as lines:
            for number, line in enumerate(lines):
                record = json.loads(line)
                if not isinstance(record, dict) or "outcome" not in record or "task_id" not in record:
                    break
                attempts = found.setdefault(str(record.get("set") or path.parent.name), [])
                if isinstance(record.get("messages"), list):
                    rows = list(_rows(record["messages"])) or [Row("e0", 0, EventKind.SYSTEM, "")]
                    attempts.append(
                        Attempt(
                            set_name=str(record.get("set") or path.parent.name),
                            task_id=str(record["task_id"]),
                            succeeded=bool(int(record["outcome"])),
                            episode=episodes.whole(rows, session_id=f"{path.parent.name}-{number}"),
                        )
                    )
    return found


def _rows(messages: list[dict[str, Any]]) -> Iterator[Row]:
    waiting: list[str] = []
    seq = 0
    for message in messages:
        for row in _of_message(message, waiting, seq):
            seq += 1
            yield row


def _of_message(message: dict[str, Any], waiting: list[str], seq: int) -> Iterator[Row]:
    role, text = message.get("role"), str(message.get("content") or "")
    if role == "assistant" and _EMBEDDED.search(text):
        yield from _embedded(text, waiting, seq)
    elif role == "assistant":
        if text.strip():
            yield Row(f"e{seq}", seq, EventKind.ASSISTANT, text)
            seq += 1
        for call in message.get("tool_calls") or []:
            yield _call(call, seq, waiting)
            seq += 1
    elif role == "tool":
        # What a simulated person looks up is no call of the agent: its result has no call to go to.
        call_id = str(message.get("id") or message.get("tool_call_id") or "")
        if call_id in waiting:
            waiting.remove(call_id)
            yield _result(text, seq, call_id, failed=message.get("error") is True)
    elif role == "user" and text.lstrip().startswith(_OBSERVED):
        if waiting:
            yield _result(text.lstrip()[len(_OBSERVED) :], seq, waiting.pop(), failed=False)
        waiting.clear()
    elif role == "user" and not message.get("tool_calls"):
        text = _SIMULATOR.sub("", text).strip()
        if text:
            yield Row(f"e{seq}", seq, EventKind.PROMPT, text)


def _embedded(text: str, waiting: list[str], seq: int) -> Iterator[Row]:
    thought = _EMBEDDED.sub("", text).replace("Assistant:", "").strip()
    if thought:
        yield Row(f"e{seq}", seq, EventKind.ASSISTANT, re.sub(r"</?thought>", "", thought).strip())
        seq += 1
    waiting.clear()
    for match in _EMBEDDED.finditer(text):
        name = "execute" if match.group(1) == "execute" else "submit"
        waiting.append(f"c{seq}")
        body = match.group(2).strip()
        yield Row(f"e{seq}", seq, EventKind.TOOL_CALL, body, name, f"c{seq}", {"code": body})
        seq += 1


def _call(call: dict[str, Any], seq: int, waiting: list[str]) -> Row:
    given = call.get("function") or call
    arguments = given.get("arguments")
    if isinstance(arguments, str):
        try:
            arguments = json.loads(arguments)
        except ValueError:
            arguments = {"text": arguments}
    call_id = str(call.get("id") or f"c{seq}")
    waiting.append(call_id)
    data = arguments if isinstance(arguments, dict) else {}
    return Row(f"e{seq}", seq, EventKind.TOOL_CALL, json.dumps(data), str(given.get("name")), call_id, data)


def _result(text: str, seq: int, call_id: str, *, failed: bool) -> Row:
    failed = failed or bool(_FAILED.search(text[:2_000]))
    status = ResultStatus.ERROR if failed else ResultStatus.OK
    return Row(f"e{seq}", seq, EventKind.TOOL_RESULT, text, "", call_id, None, status)
