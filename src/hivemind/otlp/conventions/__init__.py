"""Read a span by every convention that it follows; a new one is a module and a line here."""

from collections.abc import Callable
from dataclasses import replace
from types import ModuleType

from hivemind.otlp.conventions import claude_code, frameworks, genai, openinference
from hivemind.otlp.conventions.base import Reading, Work, error_of
from hivemind.otlp.spans import Span, SpanStatus

#: The first that knows something is believed.
_CONVENTIONS: tuple[ModuleType, ...] = (genai, openinference, frameworks)


def read(span: Span) -> Reading | None:
    """Give what a span says of an agent's work; None where it says nothing."""
    # Of its spans with their GenAI attributes nothing is to be taken up beside what its records say.
    found = claude_code.read(span)
    for convention in () if found else _CONVENTIONS:
        one_of: Callable[[Span], Reading | None] = convention.read
        reading = one_of(span)
        if reading is not None:
            found = found.over(reading) if found else reading
    if found is None:
        return None
    if found.work is None and found.verdicts:
        found = replace(found, work=Work.VERDICT)
    if span.status is SpanStatus.ERROR:
        found = replace(found, error=error_of(span) or "error")
    return found
