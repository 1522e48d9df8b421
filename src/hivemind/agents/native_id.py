"""Name events by the ids that agents gave them."""

import re
from typing import Any

from hivemind.agents.values import text

_UUID = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}", re.I)


def native(value: Any) -> str:
    """Give a record's id: a uuid as it is, any other as unique in its session only; empty for none."""
    found = text(value)
    return found if not found or _UUID.fullmatch(found) else f"~{found}"
