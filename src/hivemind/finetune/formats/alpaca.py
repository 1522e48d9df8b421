"""Alpaca's rows: `instruction`, `input`, `output`, with earlier turns in `history` (also Dolly's names)."""

from typing import Any

from hivemind.finetune.conversation import Conversation, Example, Message, RefusedError, Role, checked
from hivemind.finetune.formats.base import Format, first_key, has_key, text_of
from hivemind.finetune.formats.turns import system_turn, tools_of

INPUTS = ("input", "context", "query")
OUTPUTS = ("output", "response", "completion", "answer", "target")


def _detect(row: Any) -> bool:
    return isinstance(row, dict) and isinstance(row.get("instruction"), str) and bool(has_key(row, OUTPUTS))


def request(row: dict[str, Any]) -> tuple[Message, ...]:
    """Read what was asked: the system prompt, earlier turns, the instruction and its input."""
    turns = list(system_turn(row.get("system", row.get("system_prompt"))))
    history = row.get("history")
    for earlier in history if isinstance(history, list) else []:
        if isinstance(earlier, list) and len(earlier) == 2:
            turns.append(Message(role=Role.USER.value, text=text_of(earlier[0])))
            turns.append(Message(role=Role.ASSISTANT.value, text=text_of(earlier[1])))
    given = text_of(row.get(first_key(row, INPUTS)))
    text = "\n\n".join(filter(None, [text_of(row.get("instruction")), given]))
    if not text.strip():
        raise RefusedError("the instruction is empty")
    return (*turns, Message(role=Role.USER.value, text=text))


def _read(row: Any) -> Example:
    answer = Message(role=Role.ASSISTANT.value, text=text_of(row.get(first_key(row, OUTPUTS))))
    return checked(Conversation(messages=(*request(row), answer), tools=tools_of(row)))


ALPACA = Format(name="alpaca", detect=_detect, read=_read)
