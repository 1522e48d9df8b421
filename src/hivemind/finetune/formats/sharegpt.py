"""ShareGPT's rows: `conversations` of `from` and `value`, and the names that others gave to the same."""

from typing import Any

from hivemind.finetune.conversation import Conversation, Example, checked
from hivemind.finetune.formats.base import Format, first_key
from hivemind.finetune.formats.turns import DIALOGUES, dialogue, tools_of, unwrapped_turns

_WHERE = (*DIALOGUES, "data", "items")


def _turns(row: Any) -> Any:
    return unwrapped_turns(row.get(first_key(row, _WHERE))) if isinstance(row, dict) else row


def _detect(row: Any) -> bool:
    turns = _turns(row)
    if not isinstance(turns, list) or not turns:
        return False
    if isinstance(turns[0], str):
        return len(turns) > 1 and isinstance(row, dict) and all(isinstance(t, str) for t in turns)
    first = unwrapped_turns(turns[0])
    return isinstance(first, dict) and any(key in first for key in ("from", "role", "speaker", "author"))


def _read(row: Any) -> Example:
    system = row.get("system", row.get("system_prompt")) if isinstance(row, dict) else None
    return checked(Conversation(messages=dialogue(_turns(row), system=system), tools=tools_of(row)))


SHAREGPT = Format(name="sharegpt", detect=_detect, read=_read)
