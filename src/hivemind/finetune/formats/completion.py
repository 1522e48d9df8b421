"""Rows of a request and its answer under whatever names, such as `prompt` and `completion`."""

from typing import Any

from hivemind.finetune.conversation import Conversation, Example, Message, RefusedError, Role, checked
from hivemind.finetune.formats import transcript
from hivemind.finetune.formats.base import Format, first_key, has_key, text_of
from hivemind.finetune.formats.turns import dialogue, system_turn, tools_of, unwrapped_turns

PROMPTS = ("prompt", "question", "query", "input", "inputs", "text_input", "problem", "user", "human")
ANSWERS = (
    *("completion", "response", "answer", "output", "outputs", "targets", "target", "solution"),
    *("assistant", "gpt", "generation"),
)


def _detect(row: Any) -> bool:
    return bool(has_key(row, PROMPTS)) and bool(has_key(row, ANSWERS))


def side(value: Any, *, role: Role) -> tuple[Message, ...]:
    """Read one side of a row: a text, one turn or a list of turns."""
    value = unwrapped_turns(value)
    if isinstance(value, dict):
        turns = value.get("messages")
        return dialogue(turns if isinstance(turns, list) else [{"role": role.value, **value}])
    if isinstance(value, list):
        if value and all(isinstance(item, str) for item in value):
            return (Message(role=role.value, text=text_of(value)),)
        return dialogue(value) if value else ()
    text = text_of(value)
    return (Message(role=role.value, text=text),) if text.strip() else ()


def request(row: dict[str, Any]) -> tuple[Message, ...]:
    """Read what was asked, after a system prompt that stands beside it."""
    key = first_key(row, PROMPTS)
    value = row.get(key)
    if isinstance(value, str) and (turns := transcript.turns(value)):
        asked = turns
    else:
        asked = side(value, role=Role.USER)
    more = row.get("query") if key == "prompt" else None  # what LLaMA-Factory calls the input
    if isinstance(more, str) and more.strip() and asked:
        asked = (*asked[:-1], Message(role=asked[-1].role, text=f"{asked[-1].text}\n\n{more}"))
    return (*system_turn(row.get("system", row.get("system_prompt"))), *asked)


def _read(row: Any) -> Example:
    asked = request(row)
    if not asked:
        raise RefusedError("the prompt is empty")
    answer = side(row.get(first_key(row, ANSWERS)), role=Role.ASSISTANT)
    return checked(Conversation(messages=(*asked, *answer), tools=tools_of(row)))


COMPLETION = Format(name="completion", detect=_detect, read=_read)
