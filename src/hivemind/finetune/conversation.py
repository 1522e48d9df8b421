"""What a row of fine-tuning data says, whatever format it came in."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any


class Role(StrEnum):
    """Name who speaks; any other role of a row keeps its own name."""

    SYSTEM = "system"
    USER = "user"
    ASSISTANT = "assistant"
    TOOL = "tool"


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCall:
    """Hold one call of a tool; `arguments` is the text as it came where that is no JSON object."""

    name: str
    arguments: dict[str, Any] | str = field(default_factory=dict)
    call_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """Hold one turn."""

    role: str
    text: str = ""
    reasoning: str = ""  #: what the model thought before it spoke
    calls: tuple[ToolCall, ...] = ()
    call_id: str = ""  #: of a tool's answer: the call that it answers
    name: str = ""  #: of the speaker, or of the tool that answers
    weight: float | None = None  #: how much training weighs the turn; None where the row does not say
    left_out: tuple[str, ...] = ()  #: kinds of content that is no text, such as `image`

    @property
    def says_something(self) -> bool:
        """Say whether there is anything in the turn to learn from."""
        return bool(self.text.strip() or self.calls)


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversation:
    """Hold a dialogue to be imitated."""

    messages: tuple[Message, ...]
    tools: tuple[dict[str, Any], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """Hold two answers to one request, the first preferred."""

    prompt: tuple[Message, ...]
    chosen: tuple[Message, ...]
    rejected: tuple[Message, ...]
    tools: tuple[dict[str, Any], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Labelled:
    """Hold one answer with a thumb up or down."""

    prompt: tuple[Message, ...]
    completion: tuple[Message, ...]
    label: bool
    tools: tuple[dict[str, Any], ...] = ()


Example = Conversation | Pair | Labelled


class RefusedError(Exception):
    """Report why a row is not imported, in words that many rows share."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def checked(example: Example) -> Example:
    """Give an example that there is something to learn from; raise RefusedError for any other."""
    match example:
        case Conversation(messages=messages):
            if not _answers(messages):
                raise RefusedError("no answer of an assistant")
        case Pair(chosen=chosen, rejected=rejected):
            if not _answers(chosen) or not _answers(rejected):
                raise RefusedError("the chosen or the rejected answer is empty")
            if _bare(chosen) == _bare(rejected):
                raise RefusedError("the chosen and the rejected answer are the same")
        case Labelled(completion=completion):
            if not _answers(completion):
                raise RefusedError("no answer of an assistant")
    return example


def _answers(messages: Sequence[Message]) -> bool:
    return any(m.role == Role.ASSISTANT and m.says_something for m in messages)


def _bare(messages: Sequence[Message]) -> list[Message]:
    """Leave out what does not tell one answer from another."""
    return [replace(m, weight=None) for m in messages]


def last_answer(messages: Sequence[Message]) -> tuple[tuple[Message, ...], tuple[Message, ...]]:
    """Cut a dialogue into what leads up to its last answer, and that answer with its tool calls."""
    while messages and messages[-1].role == Role.USER:
        messages = messages[:-1]  # nobody answered any more
    asked = [n for n, m in enumerate(messages) if m.role == Role.USER]
    cut = asked[-1] + 1 if asked else 0
    if not asked:
        cut = next((n for n, m in enumerate(messages) if m.role == Role.ASSISTANT), len(messages))
    return tuple(messages[:cut]), tuple(messages[cut:])


def shared_beginning(
    one: Sequence[Message], other: Sequence[Message]
) -> tuple[tuple[Message, ...], tuple[Message, ...], tuple[Message, ...]]:
    """Cut two dialogues where they part, at an answer."""
    same = 0
    for a, b in zip(_bare(one), _bare(other), strict=False):
        if a != b:
            break
        same += 1
    # Both sides are to hold an answer: where one goes on after the other ended, the last answer is compared.
    while same and not (_answers(one[same:]) and _answers(other[same:])):
        same -= 1
    return tuple(one[:same]), tuple(one[same:]), tuple(other[same:])
