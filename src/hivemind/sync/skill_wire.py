"""Skills as they go over the wire: down with a signature, and up as what a person proposes."""

import re
from dataclasses import dataclass
from typing import Any

from hivemind.domain.accounts import Scope
from hivemind.domain.skills import SkillDocument, SkillState
from hivemind.library.document import MAX_CHARACTERS
from hivemind.sync import reading, wire

MAX_REQUESTS_CHARS = 20_000
MAX_SKILLS = 200
_HASH = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class SentSkill:
    """Hold a skill as a server says it; where nobody may load it, without what it says."""

    workspace: str
    scope: Scope
    skill_id: str
    state: SkillState
    version: int
    content_hash: str
    remote: str = ""  #: of its project; empty: every project
    topic: str = ""
    author: str = ""
    requests: str = ""
    document: SkillDocument | None = None
    signature: str = ""

    def signed(self) -> bytes:
        """Give what the signature is over: all of it, the document by its hash."""
        values = {name: getattr(self, name) for name in _SKILL_SIGNED}
        return wire.canonical(values | {"scope": self.scope.value, "state": self.state.value})

    def as_json(self) -> dict[str, Any]:
        """Give it as JSON."""
        values = {name: getattr(self, name) for name in (*_SKILL_SIGNED, "signature")}
        values |= {"scope": self.scope.value, "state": self.state.value}
        return values | {"document": document_json(self.document) if self.document else None}


_SKILL_SIGNED = (
    "workspace", "skill_id", "version", "content_hash", "remote", "topic", "author", "requests"
)  # fmt: skip


def document_json(document: SkillDocument) -> dict[str, Any]:
    """Give a document as JSON."""
    return {name: getattr(document, name) for name in SkillDocument.__dataclass_fields__}


def read_document(value: Any) -> SkillDocument:
    """Read a document."""
    source = reading.mapping(value, "document")
    metadata = reading.plain(source, "metadata")
    if not all(isinstance(v, str) and len(v) <= wire.MAX_FOLDER_CHARS for v in metadata.values()):
        reading.refuse("metadata", "holds something else than texts")
    texts = {
        name: reading.text(source, name, most=MAX_CHARACTERS)
        for name in SkillDocument.__dataclass_fields__
        if name != "metadata"
    }
    return SkillDocument(**texts, metadata=metadata)


def read_skill(value: Any) -> SentSkill:
    """Read a skill."""
    source = reading.mapping(value, "a skill")
    document = source.get("document")
    return SentSkill(
        workspace=reading.text(source, "workspace", most=wire.MAX_NAME_CHARS, default=None),
        scope=wire.one_of(source, "scope", Scope),
        skill_id=wire.named(source, "skill_id", wire.SKILL_ID),
        state=wire.one_of(source, "state", SkillState),
        version=reading.integer(source, "version"),
        content_hash=wire.named(source, "content_hash", _HASH),
        remote=wire.remote_in(source, may_be_empty=True),
        topic=reading.text(source, "topic", most=wire.MAX_FOLDER_CHARS),
        author=reading.text(source, "author", most=wire.MAX_NAME_CHARS),
        requests=reading.text(source, "requests", most=MAX_REQUESTS_CHARS),
        document=read_document(document) if document is not None else None,
        signature=reading.text(source, "signature", most=wire.MAX_NAME_CHARS),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Hold skills that changed, up to a place in the order of changes."""

    cursor: str
    has_more: bool = False
    anew: tuple[Scope, ...] = ()  #: scopes of which every skill comes
    skills: tuple[SentSkill, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Give it as JSON."""
        return {
            "cursor": self.cursor,
            "has_more": self.has_more,
            "anew": [scope.value for scope in self.anew],
            "skills": [skill.as_json() for skill in self.skills],
        }


def read_page(value: Any) -> Page:
    """Read a page."""
    source = reading.mapping(value, "a page")
    anew = reading.items(source, "anew", most=3)
    return Page(
        cursor=reading.text(source, "cursor", most=wire.MAX_NAME_CHARS),
        has_more=source.get("has_more") is True,
        anew=tuple(wire.one_of({"anew": scope}, "anew", Scope) for scope in anew),
        skills=tuple(map(read_skill, reading.items(source, "skills", most=MAX_SKILLS))),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Shared:
    """Hold a skill that a person proposes to a team."""

    skill_id: str
    remote: str = ""
    topic: str = ""
    requests: str = ""
    base_hash: str = ""  #: of the server's version that it was made from; empty: of none
    document: SkillDocument

    def as_json(self) -> dict[str, Any]:
        """Give it as JSON."""
        texts = {
            name: getattr(self, name) for name in ("skill_id", "remote", "topic", "requests", "base_hash")
        }
        return texts | {"document": document_json(self.document)}


def read_shared(value: Any) -> Shared:
    """Read a proposed skill."""
    source = reading.mapping(value, "a skill")
    return Shared(
        skill_id=wire.named(source, "skill_id", wire.SKILL_ID),
        remote=wire.remote_in(source, may_be_empty=True),
        topic=reading.text(source, "topic", most=wire.MAX_FOLDER_CHARS),
        requests=reading.text(source, "requests", most=MAX_REQUESTS_CHARS),
        base_hash=wire.named(source, "base_hash", _HASH) if source.get("base_hash") else "",
        document=read_document(source.get("document")),
    )
