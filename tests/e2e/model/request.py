"""One request of a client, whatever its wire format, and what a script asks about it."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import cast

from . import chat, gemini, messages, responses
from .parts import JSON, Item, Tool, Wire

WIRES = cast("tuple[Wire, ...]", (messages, responses, chat, gemini))

# What stands in a tag of several words (system-reminder, hook_context, hivemind-skills, …) is the client's.
_CLIENT_BLOCK = re.compile(r"<([a-z]+(?:[-_][a-z]+)+)\b[^>]*>.*?</\1>", re.DOTALL)
_CLIENT_OPENINGS = (
    "Base directory for this skill",
    "Stop hook feedback",
    "[Request interrupted",
    "# AGENTS.md instructions",
    "<skill>",
)
_MODEL_IN_PATH = re.compile(r"/models/([^/:]+):")


@dataclass(frozen=True)
class Request:
    """One request as the server saw it."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: JSON

    @property
    def endpoint(self) -> str:
        return self.path.split("?")[0].rstrip("/").removeprefix("/v1")

    @property
    def wire(self) -> Wire | None:
        """The format in which the model was asked to speak; None where it was asked something else."""
        return next((wire for wire in WIRES if self.method == "POST" and wire.serves(self.endpoint)), None)

    @property
    def streams(self) -> bool:
        return bool(self.body.get("stream")) or self.endpoint.endswith(":streamGenerateContent")

    @property
    def model(self) -> str:
        named = _MODEL_IN_PATH.search(self.path)
        return str(self.body.get("model") or (named[1] if named else "scripted-1"))

    @cached_property
    def items(self) -> list[Item]:
        return list(self.wire.items(self.body)) if self.wire else []

    @cached_property
    def tools(self) -> Mapping[str, Tool]:
        return {tool.name: tool for tool in self.wire.tools(self.body)} if self.wire else {}

    @property
    def text(self) -> str:
        """Everything that the model was given to read: system prompt, messages, tool results."""
        return "\n".join(item.text for item in self.items if item.text)

    @property
    def prompt(self) -> str:
        """What the person said last."""
        return human_text(self.items[self._anchor]) if self.items else ""

    @property
    def turn(self) -> int:
        """How often the model has spoken since then."""
        return model_turns(self.items[self._anchor :])

    @property
    def last_result(self) -> str:
        """The text of the newest tool result."""
        results = [item.text for item in self.items if item.role == "result"]
        return results[-1] if results else ""

    def found(self, text: str) -> list[Item]:
        """Return the pieces of the request that hold a text."""
        return [item for item in self.items if text in item.text]

    @property
    def _anchor(self) -> int:
        human = [index for index, item in enumerate(self.items) if human_text(item)]
        return human[-1] if human else 0


def human_text(item: Item) -> str:
    """Return what a person wrote of a piece: nothing where the client wrote all of it."""
    if item.role != "user":
        return ""
    blocks = (_CLIENT_BLOCK.sub("", block).strip() for block in item.blocks)
    return "\n".join(text for text in blocks if text and not text.startswith(_CLIENT_OPENINGS))


def model_turns(items: Iterable[Item]) -> int:
    """Count the model's turns; one reply may be stored as several pieces, and a run of them is one turn."""
    roles = ["", *(item.role for item in items if item.role != "system")]
    return sum(role == "model" != before for before, role in itertools.pairwise(roles))
