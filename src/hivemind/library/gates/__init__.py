"""The gates that every version of a skill passes before it is kept: deterministic, without a model."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import islice

from hivemind.capture import boundary
from hivemind.domain.skills import Finding, SkillDocument
from hivemind.library.gates import duplicate, grounding, injection, portability, secrets, size, spec
from hivemind.library.gates.base import MAX_FINDINGS, Gate, GateContext, OtherSkill, shown
from hivemind.library.gates.injection.signals import Role

__all__ = [
    "GATES",
    "Gate",
    "GateContext",
    "OtherSkill",
    "blocking",
    "check",
    "check_beside",
    "check_text",
    "shown",
]

_SCRIPTS = (".py", ".sh", ".js", ".ts", ".rb", ".ps1")
GATES: tuple[Gate, ...] = (spec, size, grounding, secrets, injection, portability, duplicate)


def check(document: SkillDocument, context: GateContext) -> tuple[Finding, ...]:
    """Run every gate; a document without blocking findings may become a candidate.

    Messages quote the document, so secrets are taken out of them.
    """
    found = [finding for gate in GATES for finding in _bounded(gate, document, context=context)]
    redactor = context.redactor or boundary.redactor()
    return tuple(replace(one, message=redactor.redact(one.message).text) for one in found)


def check_text(text: str, *, where: str) -> tuple[Finding, ...]:
    """Run the gates that judge any text, such as a script beside a SKILL.md; `where` names it in messages."""
    found = [
        finding
        for gate in (secrets, injection)
        for finding in _limited(gate.check_text(text, where=where), gate=gate.name)
    ]
    redactor = boundary.redactor()
    return tuple(replace(one, message=redactor.redact(one.message).text) for one in found)


def check_beside(texts: Iterable[tuple[str, str]]) -> Iterator[tuple[str, Finding]]:
    """Judge the files beside a SKILL.md, by their names: each for itself, and what scripts do together."""
    reads, sends = list[str](), list[str]()
    for where, text in texts:
        yield from ((where, finding) for finding in check_text(text, where=where))
        parts = injection.parts(text) if where.endswith(_SCRIPTS) else frozenset[Role]()
        reads += [where] if Role.SOURCE in parts else []
        sends += [where] if Role.SINK in parts else []
    if reads and sends and reads != sends:
        message = f"{shown(reads[0])} reads credentials and {shown(sends[0])} sends data to another machine."
        yield reads[0], Finding(gate=injection.name, message=message, blocking=False)


def blocking(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Give the findings that keep a document out of the library."""
    return tuple(finding for finding in findings if finding.blocking)


def _bounded(gate: Gate, document: SkillDocument, *, context: GateContext) -> list[Finding]:
    return _limited(gate.check(document, context), gate=gate.name)


def _limited(findings: Iterable[Finding], *, gate: str) -> list[Finding]:
    found = list(islice(findings, MAX_FINDINGS + 1))
    if len(found) <= MAX_FINDINGS:
        return found
    last = found.pop()
    return [
        *found,
        Finding(
            gate=gate,
            message=f"There are more than {MAX_FINDINGS} such findings; mend these and check again.",
            blocking=last.blocking,
        ),
    ]
