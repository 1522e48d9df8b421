"""Dialogues that were written into one text: HH's, Guanaco's, ChatML and Llama's brackets."""

import re
from typing import Any

from hivemind.finetune.conversation import Conversation, Example, Message, RefusedError, Role, checked
from hivemind.finetune.formats.base import Format
from hivemind.finetune.formats.turns import role_of

_SPEAKER = re.compile(
    r"(?:(?:^|\n)[ \t]*(?:#{2,3}[ \t]*)?|#{3}[ \t]*)"
    r"(Human|User|Assistant|System|Instruction|Response|Input)[ \t]*:[ \t]?"
)
_CHATML = re.compile(r"<\|im_start\|>[ \t]*(\w+)[ \t]*\n(.*?)(?:<\|im_end\|>|\Z)", re.DOTALL)
_BRACKETS = re.compile(r"\[INST\](.*?)\[/INST\](.*?)(?=(?:</s>|<s>|\[INST\])|\Z)", re.DOTALL)
_SYSTEM = re.compile(r"<<SYS>>(.*?)<</SYS>>", re.DOTALL)
_SAYS = {"instruction": Role.USER.value, "input": Role.USER.value, "response": Role.ASSISTANT.value}


def turns(text: str) -> tuple[Message, ...]:
    """Give the turns that a text marks as such; none where it is one text of one speaker."""
    if "<|im_start|>" in text:
        return tuple(
            Message(role=role_of(found[1]), text=found[2].strip()) for found in _CHATML.finditer(text)
        )
    if "[/INST]" in text:
        return _bracketed(text)
    marks = list(_SPEAKER.finditer(text))
    spoken = [mark[1].lower() for mark in marks]
    if not marks or text[: marks[0].start()].strip() or spoken[0] in ("assistant", "response"):
        return ()
    if not {"human", "user", "instruction"} & {*spoken} or not {"assistant", "response"} & {*spoken}:
        return ()
    ends = [*(mark.start() for mark in marks[1:]), len(text)]
    found = []
    for mark, end in zip(marks, ends, strict=True):
        word = mark[1].lower()
        found.append(Message(role=_SAYS.get(word) or role_of(word), text=text[mark.end() : end].strip()))
    # What a prompt ends with for the model to go on is no turn.
    return tuple(found[:-1] if not found[-1].text else found)


def _bracketed(text: str) -> tuple[Message, ...]:
    found = []
    for match in _BRACKETS.finditer(text):
        asked, answer = match[1], match[2].strip()
        if system := _SYSTEM.search(asked):
            found.append(Message(role=Role.SYSTEM.value, text=system[1].strip()))
            asked = _SYSTEM.sub("", asked)
        found.append(Message(role=Role.USER.value, text=asked.strip()))
        if answer:
            found.append(Message(role=Role.ASSISTANT.value, text=answer))
    return tuple(found)


def _detect(row: Any) -> bool:
    return isinstance(row, dict) and isinstance(row.get("text"), str)


def _read(row: Any) -> Example:
    found = turns(row["text"])
    if not found:
        raise RefusedError("plain text that marks no turns")
    return checked(Conversation(messages=found))


TEXT = Format(name="text", detect=_detect, read=_read)
