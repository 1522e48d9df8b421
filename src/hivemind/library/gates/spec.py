"""The Agent Skills specification (agentskills.io): names, descriptions and the six keys."""

import re
from collections.abc import Iterator

from hivemind.domain.skills import Finding, SkillDocument
from hivemind.library.gates.base import GateContext, shown

name = "spec"

NAME = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
MAX_NAME = 64
MAX_DESCRIPTION = 1024
MAX_COMPATIBILITY = 500
MAX_KEY = 128
_TAG = re.compile(r"</?[A-Za-z!?][^<>]*>")
_WHEN = re.compile(r"\b(?:when|whenever|before|after|if|while|once|during)\b", re.IGNORECASE)


def check(document: SkillDocument, context: GateContext) -> Iterator[Finding]:
    """Report what skills-ref would refuse, and a description that does not say when."""
    yield from (_blocking(message) for message in _name(document.name))
    yield from (_blocking(message) for message in _description(document.description))
    if document.description.strip() and not _WHEN.search(document.description):
        yield Finding(
            gate=name,
            message="The description does not say when to use the skill; add a sentence “Use when …”.",
            blocking=False,
        )
    if not document.body.strip():
        yield _blocking("The body is empty; write what to do.")
    if len(document.compatibility) > MAX_COMPATIBILITY:
        yield _blocking(
            f"compatibility has {len(document.compatibility):,} characters; the limit is {MAX_COMPATIBILITY}."
        )
    yield from (_blocking(message) for message in _metadata(document.metadata))
    for key in context.unknown_keys:
        yield Finding(
            gate=name,
            message=f"The key {shown(key)} is not in the specification; put it under `metadata`.",
            blocking=not context.person_authored,
        )


def _name(value: str) -> Iterator[str]:
    if not NAME.fullmatch(value):
        yield f"The name {shown(value)} must be lower-case letters and digits, joined by single hyphens."
    if len(value) > MAX_NAME:
        yield f"The name has {len(value)} characters; the limit is {MAX_NAME}."


def _description(value: str) -> Iterator[str]:
    if not value.strip():
        yield "The description is empty; say what the skill does and when to use it."
    if len(value) > MAX_DESCRIPTION:
        yield f"The description has {len(value):,} characters; the limit is {MAX_DESCRIPTION:,}."
    tag = _TAG.search(value)
    if tag:
        yield f"The description has the tag {shown(tag.group())}, which agents may read as markup; remove it."


def _metadata(metadata: dict[str, str]) -> Iterator[str]:
    for key in metadata:
        if not key.strip() or len(key) > MAX_KEY:
            yield f"The metadata key {shown(key)} must have 1 to {MAX_KEY} characters."


def _blocking(message: str) -> Finding:
    return Finding(gate=name, message=message)
