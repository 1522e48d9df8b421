"""Rows of `messages`: OpenAI's with tools or functions, Anthropic's, Bedrock's and their kin.

One reader takes them all; which vendor wrote a row shows in its parts, and only names it.
"""

from typing import Any

from hivemind.finetune.conversation import Conversation, checked
from hivemind.finetune.formats.base import Format
from hivemind.finetune.formats.turns import dialogue, tools_of, unwrapped_turns

_BEDROCK = frozenset({"toolUse", "toolResult", "reasoningContent", "cachePoint"})
_ANTHROPIC = frozenset({"tool_use", "tool_result", "thinking", "redacted_thinking"})


def _turns(row: Any) -> list[Any]:
    raw = unwrapped_turns(row.get("messages")) if isinstance(row, dict) else row
    return [unwrapped_turns(item) for item in raw[:50]] if isinstance(raw, list) else []


def _is_turns(row: Any) -> bool:
    turns = _turns(row)
    return bool(turns) and all(isinstance(turn, dict) for turn in turns) and any("role" in t for t in turns)


def _parts(row: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for turn in _turns(row):
        content = turn.get("content") if isinstance(turn, dict) else None
        found += [part for part in content if isinstance(part, dict)] if isinstance(content, list) else []
    return found


def _is_bedrock(row: Any) -> bool:
    if not isinstance(row, dict) or not _is_turns(row):
        return False
    if str(row.get("schemaVersion", "")).startswith("bedrock") or "toolConfig" in row:
        return True
    parts = _parts(row)
    return bool(parts) and all("type" not in part for part in parts)


def _is_anthropic(row: Any) -> bool:
    if not isinstance(row, dict) or not _is_turns(row):
        return False
    if "system" in row and not any(t.get("role") == "system" for t in _turns(row)):
        return True
    return any(part.get("type") in _ANTHROPIC for part in _parts(row))


def _is_openai(row: Any) -> bool:
    return _is_turns(row)


def _read(row: Any) -> Conversation:
    if isinstance(row, list):
        row = {"messages": row}
    messages = dialogue(row.get("messages"), system=row.get("system"))
    found = checked(Conversation(messages=messages, tools=tools_of(row)))
    assert isinstance(found, Conversation)  # noqa: S101 - what went in
    return found


BEDROCK = Format(name="bedrock", detect=_is_bedrock, read=_read)
ANTHROPIC = Format(name="anthropic", detect=_is_anthropic, read=_read)
OPENAI = Format(name="openai", detect=_is_openai, read=_read)
