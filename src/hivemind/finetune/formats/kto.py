"""Rows of one answer with a thumb up or down: KTO's `label` and LLaMA-Factory's `kto_tag`."""

from typing import Any

from hivemind.finetune.conversation import (
    Conversation,
    Example,
    Labelled,
    RefusedError,
    checked,
    last_answer,
)
from hivemind.finetune.formats import messages
from hivemind.finetune.formats.alpaca import ALPACA
from hivemind.finetune.formats.base import Format, has_key
from hivemind.finetune.formats.completion import COMPLETION, request
from hivemind.finetune.formats.gemini import GEMINI
from hivemind.finetune.formats.sharegpt import SHAREGPT

_LABELS = ("label", "kto_tag", "is_desirable", "desirable", "thumbs_up")
_UP_WORDS = "true desirable chosen good yes 1 +1 up thumbs_up positive"
_DOWN_WORDS = "false undesirable rejected bad no 0 -1 down thumbs_down negative"
_UP, _DOWN = frozenset(_UP_WORDS.split()), frozenset(_DOWN_WORDS.split())
_UNDER = (messages.BEDROCK, messages.ANTHROPIC, messages.OPENAI, GEMINI, SHAREGPT, ALPACA, COMPLETION)


def _label(row: Any) -> bool | None:
    value = row.get(has_key(row, _LABELS)) if isinstance(row, dict) else None
    if isinstance(value, bool):
        return value
    if isinstance(value, (int, float)) and value in (0, 1, -1):
        return value > 0
    word = value.strip().lower() if isinstance(value, str) else ""
    return True if word in _UP else False if word in _DOWN else None


def _detect(row: Any) -> bool:
    return _label(row) is not None and any(form.detect(row) for form in _UNDER)


def _read(row: Any) -> Example:
    form = next(form for form in _UNDER if form.detect(row))
    found, label = form.read(row), _label(row)
    if not isinstance(found, Conversation) or label is None:
        raise RefusedError("the label is neither true nor false")
    if form is COMPLETION:  # the row says itself where the answer begins
        asked = len(request(row))
        prompt, completion = found.messages[:asked], found.messages[asked:]
    else:
        prompt, completion = last_answer(found.messages)
    return checked(Labelled(prompt=prompt, completion=completion, label=label, tools=found.tools))


KTO = Format(name="kto", detect=_detect, read=_read)
