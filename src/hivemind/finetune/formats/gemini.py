"""Gemini's rows: `contents` of `parts`, with the system prompt beside them."""

from typing import Any

from hivemind.finetune.conversation import Conversation, Example, checked
from hivemind.finetune.formats.base import Format
from hivemind.finetune.formats.turns import dialogue, tools_of


def _detect(row: Any) -> bool:
    contents = row.get("contents") if isinstance(row, dict) else None
    return isinstance(contents, list) and any(isinstance(c, dict) and "parts" in c for c in contents)


def _read(row: Any) -> Example:
    beside = row.get("systemInstruction", row.get("system_instruction"))
    system = beside.get("parts") if isinstance(beside, dict) else beside
    return checked(Conversation(messages=dialogue(row["contents"], system=system), tools=tools_of(row)))


GEMINI = Format(name="gemini", detect=_detect, read=_read)
