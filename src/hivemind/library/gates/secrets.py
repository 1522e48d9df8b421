"""No credential leaves the store in a skill."""

import functools
from collections.abc import Iterator

from hivemind.capture.redaction import Redactor
from hivemind.domain.skills import Finding, SkillDocument
from hivemind.library.gates.base import GateContext, line_of

name = "secrets"


def check(document: SkillDocument, context: GateContext) -> Iterator[Finding]:  # noqa: ARG001
    """Report each credential by its rule and place, never by its value."""
    for where, text in _texts(document):
        yield from check_text(text, where=f"the {where}")


def check_text(text: str, *, where: str) -> Iterator[Finding]:
    """Report the credentials in any text, such as a script that lies beside a SKILL.md."""
    for found in _redactor().findings(text):
        line = line_of(text, found.start)
        yield Finding(gate=name, message=f"Line {line} of {where} holds a secret ({found.rule}); remove it.")


@functools.cache
def _redactor() -> Redactor:
    return Redactor()


def _texts(document: SkillDocument) -> Iterator[tuple[str, str]]:
    for where in ("name", "description", "body", "license", "compatibility", "allowed_tools"):
        yield where.replace("_", "-"), getattr(document, where)
    yield "metadata", "\n".join(f"{key}: {value}" for key, value in document.metadata.items())
