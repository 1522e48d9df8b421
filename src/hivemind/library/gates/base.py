"""What a gate sees and what it is."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

from hivemind.domain.skills import Finding, SkillDocument

if TYPE_CHECKING:
    from hivemind.capture.redaction import Redactor

#: Findings that one gate reports at most; the rest are counted in one more.
MAX_FINDINGS = 10
_SHOWN = 80


@dataclass(frozen=True, slots=True, kw_only=True)
class OtherSkill:
    """Hold a candidate, trial or active skill of the same or of every project, to compare with."""

    skill_id: str
    name: str
    description: str
    body: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GateContext:
    """Hold what a document is judged against."""

    evidence_texts: tuple[str, ...] = ()  #: whole texts of the events that the skill cites, redacted
    others: tuple[OtherSkill, ...] = ()  #: never the skill itself
    imported: bool = False  #: others wrote it, so that no session here can show what it says
    person_authored: bool = False  #: a person need not prove by evidence what they know
    unknown_keys: tuple[str, ...] = ()  #: frontmatter keys that parsing left out
    redactor: "Redactor | None" = None  #: of the workspace; None: of this process


class Gate(Protocol):
    """Judge a document; one module a gate, deterministic and in linear time, whatever the document."""

    name: str

    def check(self, document: SkillDocument, context: GateContext) -> Iterable[Finding]:
        """Yield what is wrong; each finding is one sentence that names the value."""


class TextGate(Protocol):
    """Judge any text."""

    def __call__(self, text: str, *, where: str) -> Iterable[Finding]:
        """Yield what is wrong; `where` names the text in messages."""


def each_field(document: SkillDocument, judge: TextGate) -> Iterator[Finding]:
    """Judge every field of a document; a finding has a line where it is in the body."""
    for field in ("name", "description", "body", "license", "compatibility", "allowed_tools"):
        if text := getattr(document, field):
            for finding in judge(text, where=f"the {field.replace('_', '-')}"):
                yield finding if field == "body" else replace(finding, line=None)
    if document.metadata:
        text = "\n".join(f"{key}: {value}" for key, value in sorted(document.metadata.items()))
        for finding in judge(text, where="the metadata"):
            yield replace(finding, line=None)


def shown(value: str) -> str:
    """Quote a value of a hostile document for a message: one line, printable, 80 characters at most."""
    cut = value[:_SHOWN] + ("…" if len(value) > _SHOWN else "")
    return "`" + "".join(c if c.isprintable() else f"\\u{{{ord(c):x}}}" for c in cut) + "`"


def line_of(text: str, position: int) -> int:
    """Give the number of the line that a position is on, from 1."""
    return text.count("\n", 0, position) + 1
