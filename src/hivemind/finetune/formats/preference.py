"""Rows of two answers to one request, one of them preferred: DPO and its many spellings."""

from typing import Any

from hivemind.finetune.conversation import (
    Example,
    Message,
    Pair,
    RefusedError,
    Role,
    checked,
    shared_beginning,
)
from hivemind.finetune.formats import alpaca, completion, transcript
from hivemind.finetune.formats.base import Format, first_key, text_of
from hivemind.finetune.formats.turns import DIALOGUES, dialogue, system_turn, tools_of, unwrapped_turns

_SIDES = (
    ("chosen", "rejected"),
    ("chosen_messages", "rejected_messages"),
    ("chosen_conversations", "rejected_conversations"),
    ("chosen_response", "rejected_response"),
    ("response_chosen", "response_rejected"),
    ("preferred_output", "non_preferred_output"),
    ("preferred", "dispreferred"),
    ("preferred", "rejected"),
    ("accepted", "rejected"),
    ("response_j", "response_k"),
    ("better", "worse"),
)
#: Two answers by number, and which of them is the better one, counted from 0 or 1.
_NUMBERED = (
    ("response_0", "response_1", "better_response_id", 0),
    ("output_1", "output_2", "preference", 1),
    ("response_a", "response_b", "winner", 0),
)
_LETTERS = {"a": 0, "b": 1, "model_a": 0, "model_b": 1}


def _sides(row: Any) -> tuple[Any, Any] | None:
    if not isinstance(row, dict):
        return None
    for good, bad in _SIDES:
        if good in row and bad in row:
            return row[good], row[bad]
    for one, other, which, first in _NUMBERED:
        if one in row and other in row and which in row:
            chosen = row[which]
            number = _LETTERS.get(chosen.lower()) if isinstance(chosen, str) else chosen
            if isinstance(number, int) and not isinstance(number, bool):
                place = number - (0 if isinstance(chosen, str) else first)
                if place in (0, 1):
                    return (row[one], row[other])[:: 1 if place == 0 else -1]
    return None


def _detect(row: Any) -> bool:
    return _sides(row) is not None


def _read(row: Any) -> Example:
    sides = _sides(row)
    if sides is None:
        raise RefusedError("there are no two answers")
    chosen, rejected = (_answer(side) for side in sides)
    beginning, chosen, rejected = shared_beginning(chosen, rejected)
    return checked(
        Pair(
            prompt=_prompt(row, beginning),
            chosen=chosen,
            rejected=rejected,
            tools=tools_of(row) or tools_of(row.get("input")),
        )
    )


def _answer(value: Any) -> tuple[Message, ...]:
    value = unwrapped_turns(value)
    if isinstance(value, str) and (turns := transcript.turns(value)):
        return turns
    return completion.side(value, role=Role.ASSISTANT)


def _prompt(row: dict[str, Any], beginning: tuple[Message, ...]) -> tuple[Message, ...]:
    """Give what was asked: as the row says it, unless both answers begin with it."""
    system = tuple(system_turn(row.get("system", row.get("system_prompt"))))
    if any(m.role == Role.USER for m in beginning):
        known = any(m.role == Role.SYSTEM for m in beginning)
        return beginning if known else (*system, *beginning)
    if key := first_key(row, DIALOGUES):
        raw = unwrapped_turns(row[key])
        if isinstance(raw, list) and raw and all(isinstance(turn, (dict, str)) for turn in raw):
            return (*dialogue(raw, system=row.get("system")), *beginning)
    given = row.get("input")
    if isinstance(given, dict):
        return (*dialogue(given.get("messages")), *beginning)
    if isinstance(row.get("instruction"), str) and text_of(row["instruction"]).strip():
        return (*alpaca.request(row), *beginning)
    return (*completion.request(row), *beginning) if first_key(row, completion.PROMPTS) else beginning


PREFERENCE = Format(name="preference", detect=_detect, read=_read)
