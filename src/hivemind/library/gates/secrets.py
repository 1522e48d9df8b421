"""No credential leaves the store in a skill."""

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING

from hivemind.capture import boundary
from hivemind.domain.skills import Finding, SkillDocument
from hivemind.library.gates.base import GateContext, each_field, line_of

if TYPE_CHECKING:
    from hivemind.capture.redaction import Redactor

name = "secrets"


def check(document: SkillDocument, context: GateContext) -> Iterator[Finding]:
    """Report each credential by its rule and place, never by its value."""
    return each_field(document, partial(check_text, redactor=context.redactor))


def check_text(text: str, *, where: str, redactor: "Redactor | None" = None) -> Iterator[Finding]:
    """Report the credentials in any text, such as a script that lies beside a SKILL.md."""
    for found in (redactor or boundary.redactor()).findings(text):
        line = line_of(text, found.start)
        message = f"Line {line} of {where} holds a secret ({found.rule}); remove it."
        yield Finding(gate=name, message=message, line=line)
