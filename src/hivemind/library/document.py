"""Parse and render SKILL.md: YAML frontmatter between two `---` lines, then Markdown."""

import hashlib
import io
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

from hivemind.domain.skills import SkillDocument
from hivemind.errors import HivemindError

#: Largest file and largest frontmatter that are read, in characters.
MAX_CHARACTERS = 1_048_576
MAX_FRONTMATTER_CHARACTERS = 32_768
#: Deepest nesting of YAML: a list in a map in the frontmatter.
_MAX_DEPTH = 4
#: The keys of the specification.
KEYS = ("name", "description", "license", "compatibility", "allowed-tools", "metadata")
#: A value that means the same string in every YAML reader without quotes.
_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_ ,.;()/'+-]*(?<! )")
_RESERVED = frozenset({"true", "false", "yes", "no", "on", "off", "y", "n", "null"})
_ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r"}

Node: TypeAlias = "str | list[Node] | dict[str, Node]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Parsed:
    """Hold a parsed SKILL.md and the top-level keys that it had beyond the specification's six."""

    document: SkillDocument
    unknown_keys: tuple[str, ...] = ()


def parse(text: str) -> SkillDocument:
    """Parse a SKILL.md; raise HivemindError where it is not one.

    Every scalar is a string as it was written (`version: 1.10` stays `1.10`); keys outside the
    specification are left out (see `inspect`). Anchors, tags and duplicate keys are refused.
    """
    return inspect(text).document


def inspect(text: str) -> Parsed:
    """Parse a SKILL.md as `parse` does, and say which keys were left out."""
    frontmatter, body = split(text)
    fields = mapping(frontmatter)
    document = SkillDocument(
        name=_required(fields, "name"),
        description=_required(fields, "description"),
        body=body,
        license=_string(fields, "license"),
        compatibility=_string(fields, "compatibility"),
        allowed_tools=_allowed_tools(fields),
        metadata=_metadata(fields),
    )
    return Parsed(document=document, unknown_keys=tuple(key for key in fields if key not in KEYS))


def render(document: SkillDocument) -> str:
    """Write a document as SKILL.md, always the same way; `parse` gives the document back."""
    lines = ["---", f"name: {_scalar(document.name)}", f"description: {_scalar(document.description)}"]
    optional = {
        "license": document.license,
        "compatibility": document.compatibility,
        "allowed-tools": document.allowed_tools,
    }
    lines += [f"{key}: {_scalar(value)}" for key, value in optional.items() if value]
    if document.metadata:
        lines.append("metadata:")
        lines += [f"  {_scalar(key)}: {_scalar(value)}" for key, value in sorted(document.metadata.items())]
    return "\n".join([*lines, "---", "", document.body, ""])


def content_hash(document: SkillDocument) -> str:
    """Give the sha256 of everything the document says, whatever way its file is formatted."""
    fields = [getattr(document, name) for name in SkillDocument.__dataclass_fields__]
    return hashlib.sha256(json.dumps(fields, sort_keys=True).encode("ascii")).hexdigest()


def split(text: str) -> tuple[str, str]:
    """Give the frontmatter and the body of a file; raise HivemindError where it has none."""
    if len(text) > MAX_CHARACTERS:
        raise _refused(f"it has {len(text):,} characters", hint=f"keep it below {MAX_CHARACTERS:,}")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise _refused("it has a character that no file can hold", hint="save it as UTF-8") from error
    text = text.removeprefix("\ufeff")
    first, _, rest = text.partition("\n")
    if first.endswith("\r"):
        first, rest = first[:-1], rest.replace("\r\n", "\n")
    if first.rstrip(" \t") != "---":
        raise _refused("its first line is not `---`", hint="begin with frontmatter between two `---` lines")
    closing = re.search(r"^---[ \t\r]*(?:\n|\Z)", rest, re.MULTILINE)
    if closing is None:
        raise _refused("its frontmatter does not end", hint="put a line `---` after the frontmatter")
    if closing.start() > MAX_FRONTMATTER_CHARACTERS:
        raise _refused(
            f"its frontmatter has {closing.start():,} characters",
            hint=f"keep it below {MAX_FRONTMATTER_CHARACTERS:,}",
        )
    # Exactly what `render` puts around a body, so that any body survives.
    return rest[: closing.start()], rest[closing.end() :].removeprefix("\n").removesuffix("\n")


def mapping(frontmatter: str, *, max_depth: int = _MAX_DEPTH) -> dict[str, Node]:
    """Parse frontmatter, every scalar as it was written; raise HivemindError where it is not plain YAML."""
    # 60 ms to import, and rendering needs none of it.
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError
    from ruamel.yaml.events import DocumentStartEvent, MappingStartEvent, StreamEndEvent

    try:
        events: Iterator[Any] = YAML(typ="base", pure=True).parse(io.StringIO(frontmatter))
        next(events)  # the stream's start
        start, first = next(events), next(events, None)
        if isinstance(start, DocumentStartEvent) and (start.version or start.tags):
            raise _refused("its frontmatter has YAML directives", hint="remove the lines that begin with `%`")
        if not isinstance(first, MappingStartEvent):
            raise _refused("its frontmatter is not a map", hint="write lines such as `name: my-skill`")
        node = _node(first, events, left=max_depth)
        next(events)  # the document's end
        if not isinstance(next(events), StreamEndEvent):
            raise _refused("its frontmatter holds several YAML documents", hint="keep one")
    except YAMLError as error:
        raise _refused(_yaml_problem(error), hint="quote values that hold `: ` or ` #`") from error
    except (ValueError, OverflowError) as error:  # an escape beyond Unicode
        raise _refused(f"its frontmatter is not valid YAML: {error}", hint="correct the escape") from error
    assert isinstance(node, dict)  # noqa: S101 - it began as a map
    return node


def _node(event: Any, events: Iterator[Any], *, left: int) -> Node:
    from ruamel.yaml.events import AliasEvent, MappingStartEvent, NodeEvent, ScalarEvent, SequenceStartEvent

    if isinstance(event, AliasEvent) or (isinstance(event, NodeEvent) and event.anchor):
        raise _refused("its frontmatter uses a YAML anchor or alias", hint="write the value out")
    if getattr(event, "tag", None) is not None:
        raise _refused("its frontmatter uses a YAML tag", hint="remove what begins with `!`")
    if left < 1:
        raise _refused("its frontmatter is nested too deeply", hint="use plain strings")
    if isinstance(event, ScalarEvent):
        event.value.encode()  # an escape can make half a surrogate pair, which no file can hold
        return str(event.value)
    if isinstance(event, SequenceStartEvent):
        return [_node(item, events, left=left - 1) for item in _until_end(events)]
    assert isinstance(event, MappingStartEvent)  # noqa: S101 - the only kind left
    found: dict[str, Node] = {}
    for item in _until_end(events):
        key = _node(item, events, left=left - 1)
        if not isinstance(key, str):
            raise _refused("its frontmatter has a key that is not a string", hint="use plain words as keys")
        if key in found:
            raise _refused(f"its frontmatter has the key {key[:80]!r} twice", hint="keep one of them")
        found[key] = _node(next(events), events, left=left - 1)
    return found


def _until_end(events: Iterator[Any]) -> Iterator[Any]:
    from ruamel.yaml.events import CollectionEndEvent

    for event in events:
        if isinstance(event, CollectionEndEvent):
            return
        yield event


def _yaml_problem(error: Any) -> str:
    # Where a quote opened or a key began says more than where the reader gave up.
    mark = getattr(error, "context_mark", None) or getattr(error, "problem_mark", None)
    # The frontmatter begins on the file's second line, and marks count from 0.
    where = f" on line {mark.line + 2}" if mark is not None else ""
    problem = getattr(error, "problem", None) or str(error).partition("\n")[0]
    return f"its frontmatter is not valid YAML{where}: {problem}"


def _required(fields: dict[str, Node], key: str) -> str:
    if key not in fields:
        raise _refused(f"its frontmatter has no {key}", hint=f"add a line `{key}: …`")
    return _string(fields, key)


def _string(fields: dict[str, Node], key: str) -> str:
    value = fields.get(key, "")
    if not isinstance(value, str):
        raise _refused(f"its {key} is not a string", hint=f"write `{key}` as one string")
    return value


def _allowed_tools(fields: dict[str, Node]) -> str:
    value = fields.get("allowed-tools", "")
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return " ".join(map(str, value))  # Claude Code also takes a list
    return _string(fields, "allowed-tools")


def _metadata(fields: dict[str, Node]) -> dict[str, str]:
    value = fields.get("metadata", {})
    if value == "":
        return {}
    if not isinstance(value, dict):
        raise _refused("its metadata is not a map", hint="write `metadata` as a map from strings to strings")
    found = {}
    for key, item in value.items():
        if not isinstance(item, str):
            raise _refused(f"its metadata {key[:80]!r} is not a string", hint="write it as one string")
        found[key] = item
    return found


def _scalar(value: str) -> str:
    if _PLAIN.fullmatch(value) and value.lower() not in _RESERVED and "---" not in value:
        return value
    escaped = "".join(map(_escape, value))
    # Some readers, skills-ref among them, take any `---` for the end of the frontmatter.
    return '"' + escaped.replace("---", "--\\x2d") + '"'


def _escape(character: str) -> str:
    if character in _ESCAPES:
        return _ESCAPES[character]
    if character.isprintable():
        return character
    code = ord(character)
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _refused(problem: str, *, hint: str) -> HivemindError:
    return HivemindError("skill-unparseable", f"this is not a SKILL.md: {problem}", hint=hint)
