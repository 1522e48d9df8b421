"""What a convention reads out of a span, in words that all of them share."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from enum import StrEnum
from typing import Any

from hivemind.otlp.spans import Span


class Work(StrEnum):
    """Name what a span is about."""

    CHAT = "chat"  #: one request to a model
    TOOL = "tool"  #: one tool that was run
    AGENT = "agent"  #: an agent or a chain, around the others
    ASIDE = "aside"  #: embedding, retrieval, guardrail and the like: kept, and no part of the conversation
    VERDICT = "verdict"  #: an evaluation or feedback, and nothing else


class Role(StrEnum):
    """Name who says a message."""

    SYSTEM = "system"
    USER = "user"
    ASSISTANT = "assistant"
    TOOL = "tool"


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """Hold a tool that a model asked for."""

    name: str
    arguments: Any  #: an object where the model wrote one, else what it wrote
    call_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """Hold one message of a conversation."""

    role: Role
    text: str = ""
    calls: tuple[Call, ...] = ()
    call_id: str = ""  #: of a tool's answer
    name: str = ""  #: of the tool


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolRun:
    """Hold one run of a tool."""

    name: str
    call_id: str = ""
    arguments: Any = None
    result: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Hold what an evaluation or a person said of the work."""

    name: str
    label: str = ""
    score: float | None = None
    note: str = ""
    by_person: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokens:
    """Count the tokens of one request; None where the span does not say."""

    input: int | None = None
    output: int | None = None
    cache_read: int | None = None
    cache_write: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """Hold what is known of one span; empty fields are not known."""

    work: Work | None = None
    conversation_id: str = ""
    model: str = ""
    provider: str = ""
    agent_name: str = ""
    response_id: str = ""
    said_once: str = ""  #: names its message where no other span or record repeats it
    inputs: tuple[Message, ...] = ()
    outputs: tuple[Message, ...] = ()
    asked: str = ""  #: the input of the whole, where no messages are known
    answered: str = ""
    tool: ToolRun | None = None
    tokens: Tokens | None = None
    tools: tuple[dict[str, Any], ...] = ()  #: descriptions of those on offer
    error: str = ""
    verdicts: tuple[Verdict, ...] = ()
    used: frozenset[str] = field(default_factory=frozenset)  #: attributes that were read

    def over(self, other: "Reading") -> "Reading":
        """Fill what is not known here from another convention's reading."""
        changes: dict[str, Any] = {
            f.name: getattr(other, f.name)
            for f in fields(self)
            if not getattr(self, f.name) and getattr(other, f.name)
        }
        if self.tool and other.tool:
            mine, theirs = self.tool, other.tool
            changes["tool"] = ToolRun(
                name=mine.name or theirs.name,
                call_id=mine.call_id or theirs.call_id,
                arguments=mine.arguments if mine.arguments is not None else theirs.arguments,
                result=mine.result or theirs.result,
            )
        changes["used"] = self.used | other.used
        return replace(self, **changes)


class Attributes:
    """Take values out of a span's attributes, and remember which were taken."""

    def __init__(self, span: Span) -> None:
        self.values = span.attributes
        self.used: set[str] = set()

    def take(self, *names: str) -> Any:
        """Give the first of some attributes that is there; all of them count as read."""
        found = None
        for name in names:
            value = self.values.get(name)
            if value is not None:
                self.used.add(name)
                found = value if found is None else found
        return found

    def text(self, *names: str) -> str:
        """Give the first of some attributes as text."""
        value = self.take(*names)
        if isinstance(value, str):
            return value
        return "" if value is None else as_text(value)

    def count(self, *names: str) -> int | None:
        """Give the first of some attributes as a number of things; None where there is none."""
        value = self.take(*names)
        is_count = isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 2**53
        return int(value) if is_count else None

    def number(self, *names: str) -> float | None:
        """Give the first of some attributes as a number."""
        value = self.take(*names)
        return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None

    def note(self, *names: str) -> None:
        """Count attributes as read that say nothing more."""
        self.used.update(name for name in names if name in self.values)

    def list(self, prefix: str) -> list[dict[str, Any]]:
        """Give the objects of a flattened list, such as `prefix.0.role` and `prefix.0.content`, in order."""
        found: dict[int, dict[str, Any]] = {}
        for name, value in self.values.items():
            if not name.startswith(prefix + "."):
                continue
            number, _, rest = name[len(prefix) + 1 :].partition(".")
            if not (number.isascii() and number.isdigit() and len(number) < 6):
                continue
            self.used.add(name)
            if rest:
                found.setdefault(int(number), {})[rest] = value
        return [found[number] for number in sorted(found)]


def sub_list(values: Mapping[str, Any], prefix: str) -> list[dict[str, Any]]:
    """Give the objects of a flattened list within such an object."""
    found: dict[int, dict[str, Any]] = {}
    for name, value in values.items():
        if name.startswith(prefix + "."):
            number, _, rest = name[len(prefix) + 1 :].partition(".")
            if number.isascii() and number.isdigit() and len(number) < 6 and rest:
                found.setdefault(int(number), {})[rest] = value
    return [found[number] for number in sorted(found)]


def decoded(value: Any) -> Any:
    """Give what a text holds as JSON, or the value itself where it is none."""
    if isinstance(value, str) and value[:1] in '{["':
        try:
            return json.loads(value)
        except (ValueError, RecursionError):
            return value
    return value


def as_text(value: Any) -> str:
    """Give a value as a person would read it."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    try:
        return json.dumps(value, ensure_ascii=False, default=str)
    except (ValueError, RecursionError):
        return ""


def mapping(value: Any) -> dict[str, Any]:
    """Give an object, empty for anything else."""
    return value if isinstance(value, dict) else {}


def items(value: Any) -> Iterator[Any]:
    """Yield a list's items, none for anything else."""
    yield from value if isinstance(value, list) else ()


def error_of(span: Span) -> str:
    """Give what a span says went wrong: its exception, else its status."""
    for event in span.events:
        if event.name == "exception":
            kind, said = event.attributes.get("exception.type"), event.attributes.get("exception.message")
            return ": ".join(part for part in (as_text(kind), as_text(said)) if part)
    return span.status_message
