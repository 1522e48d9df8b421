"""The formats that rows are known in; a new one is a module and a line here."""

from typing import Any

from hivemind.finetune.conversation import Example, RefusedError
from hivemind.finetune.formats.alpaca import ALPACA
from hivemind.finetune.formats.base import Format
from hivemind.finetune.formats.completion import COMPLETION
from hivemind.finetune.formats.gemini import GEMINI
from hivemind.finetune.formats.kto import KTO
from hivemind.finetune.formats.messages import ANTHROPIC, BEDROCK, OPENAI
from hivemind.finetune.formats.preference import PREFERENCE
from hivemind.finetune.formats.sharegpt import SHAREGPT
from hivemind.finetune.formats.transcript import TEXT

#: In this order a row is asked after: what says more than another format comes first.
FORMATS: tuple[Format, ...] = (
    PREFERENCE,
    KTO,
    GEMINI,
    BEDROCK,
    ANTHROPIC,
    OPENAI,
    SHAREGPT,
    ALPACA,
    COMPLETION,
    TEXT,
)
#: Keys that a refusal names, at most.
_MAX_KEYS = 6


def read(row: Any) -> tuple[str, Example]:
    """Read a row of any format, known by what is in it; raise RefusedError with the reason otherwise."""
    if not isinstance(row, (dict, list)):
        raise RefusedError("the row is not an object")
    for form in FORMATS:
        if form.detect(row):
            return form.name, form.read(row)
    if isinstance(row, list):
        raise RefusedError("the row is a list, and not one of turns")
    names = ", ".join(sorted(str(key)[:30] for key in row)[:_MAX_KEYS])
    raise RefusedError(f"no known format has the keys {names}" if names else "the row is empty")
