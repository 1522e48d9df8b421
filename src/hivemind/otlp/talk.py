"""Names for what is said in a talk: by its words, and by how many equal words stand before it."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from hivemind.otlp.conventions.base import Call, Message, Role, as_text
from hivemind.otlp.conversation import digest


@dataclass(slots=True)
class Talk:
    """Count what was said in one talk, to tell equal messages apart."""

    scope: str
    counts: Counter[tuple[Role, str]] = field(default_factory=Counter)
    asked: list[tuple[str, str]] = field(default_factory=list)  #: calls, as (id, tool)
    answered: set[str] = field(default_factory=set)

    def native(self, role: Role, text: str) -> str:
        """Give the native id of the next message of these words."""
        name = digest(text.strip())
        number = self.counts[role, name]
        self.counts[role, name] += 1
        return native(self.scope, role, name, number)

    def unnamed(self, call: Call) -> str:
        """Name a call that has no id by its input."""
        name = digest(f"{call.name}\0{as_text(call.arguments)}")
        number = self.counts[Role.ASSISTANT, name]
        self.counts[Role.ASSISTANT, name] += 1
        return f"call.{name[:16]}.{number}" + (f".{self.scope[:8]}" if self.scope else "")

    def waiting(self, name: str) -> str:
        """Give the first call without an answer, of a tool where it is named."""
        open_calls = [(i, n) for i, n in self.asked if i not in self.answered and (not name or n == name)]
        return open_calls[0][0] if open_calls else ""


def opening(messages: Sequence[Message]) -> str:
    """Give the native id of what a request opened with, where it repeats nothing that was said before."""
    said, found = Talk(""), ""
    for message in messages:
        if message.role in (Role.ASSISTANT, Role.TOOL):
            return ""
        if message.role is Role.USER and message.text.strip():
            found = said.native(Role.USER, message.text)
    return found


def scoped(native_id: str, trace_id: str) -> str:
    """Give the native id that a message has where its trace asked again what was asked before."""
    return native_id.replace("~said..", f"~said.{trace_id}.", 1)


def native(scope: str, role: Role, name: str, number: int) -> str:
    """Give the native id of a message; `scope` is the trace that asked again, else empty."""
    return f"~said.{scope}.{role.value}.{name}.{number}"
