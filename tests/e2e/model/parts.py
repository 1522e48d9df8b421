"""What the wire formats have in common: what a request holds, and what a reply holds."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

JSON = dict[str, Any]

Role = Literal["system", "user", "note", "model", "result"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """Hold one piece of a conversation; a `note` is a user message that certainly no person wrote."""

    role: Role
    blocks: tuple[str, ...] = ()
    place: str = ""
    """The field of the request that it stands in, such as `messages: user`."""

    @property
    def text(self) -> str:
        return "\n".join(block for block in self.blocks if block)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool:
    """Describe a tool on offer."""

    name: str
    schema: Mapping[str, Any] = field(default_factory=dict)
    kind: str = "function"
    namespace: str = ""

    @property
    def properties(self) -> Mapping[str, Any]:
        return self.schema.get("properties") or {}

    @property
    def required(self) -> tuple[str, ...]:
        return tuple(self.schema.get("required") or ())


@dataclass(frozen=True, slots=True, kw_only=True)
class Invocation:
    """Hold one call of a tool, as the client is to see it."""

    tool: Tool
    args: JSON
    call_id: str = field(default_factory=lambda: new_id(""))


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """Hold one turn of the model."""

    text: str
    calls: tuple[Invocation, ...]
    model: str
    turn: int


class Wire(Protocol):
    """Translate one API; a module satisfies it."""

    def serves(self, endpoint: str) -> bool:
        """Say whether a path without query and `/v1` asks the model to speak in this format."""

    def items(self, body: JSON) -> Iterator[Item]:
        """Yield what the model was given, in order."""

    def tools(self, body: JSON) -> Iterator[Tool]:
        """Yield the tools on offer."""

    def answer(self, body: JSON, reply: Reply) -> JSON:
        """Return the whole answer, as it is sent without streaming."""

    def events(self, answer: JSON) -> Iterator[tuple[str, JSON | str]]:
        """Yield the same answer as server-sent events: a name, which may be empty, and the data."""


def new_id(prefix: str) -> str:
    """Return an id that no other reply has."""
    return prefix + uuid.uuid4().hex[:24]


def tokens(value: object) -> int:
    """Estimate how many tokens a JSON value has."""
    return len(json.dumps(value)) // 4 + 1


def flatten(content: Any) -> str:
    """Return the text of a message's content, of a block or of a tool's result."""
    return "\n".join(filter(None, texts(content)))


def texts(content: Any) -> tuple[str, ...]:
    """Return the texts of a message's content, block by block."""
    if isinstance(content, str):
        return (content,)
    if isinstance(content, dict):
        return texts(content.get("text") or content.get("content"))
    if isinstance(content, list):
        return tuple(flatten(block) for block in content)
    return ()
