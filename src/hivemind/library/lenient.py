"""Read a stranger's SKILL.md as agents' own readers do, and say what had to be changed for it."""

import re
from dataclasses import dataclass, replace
from itertools import islice

from hivemind.domain.skills import Finding, SkillDocument
from hivemind.errors import HivemindError
from hivemind.library.document import KEYS, Node, Parsed, inspect, mapping, split
from hivemind.library.gates import markdown, spec
from hivemind.library.gates.base import shown
from hivemind.library.gates.spec import MAX_DESCRIPTION, MAX_KEY, MAX_NAME, NAME

#: Entries of metadata that are kept, however they were nested.
_MAX_ENTRIES = 50
_MAX_DEPTH = 12
_FIELD = re.compile(r"([A-Za-z][\w-]{0,60}):[ \t]+(\S.*)")
_BEGINS_FIELD = re.compile(r"[^\s#].{0,200}?:(?:\s|$)")
#: What begins a value that YAML reads in a way of its own.
_MARKED = "\"'[{|>&*!"


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """Hold a document that our own writer could have written, and what was changed to make it so."""

    parsed: Parsed
    notes: tuple[Finding, ...] = ()


def read(text: str, *, folder: str) -> Read:
    """Parse a SKILL.md that others wrote, in a folder of this name; raise HivemindError where no agent could.

    Values with an unquoted colon are read as text, nested metadata becomes strings, a name is brought into
    the specification's form, and a missing name or description comes from the folder or the first paragraph.
    """
    notes: list[str] = []
    try:
        parsed = inspect(text)
    except HivemindError as refusal:
        parsed = _mended(text, folder=folder, notes=notes, refusal=refusal)
    document = parsed.document
    if not NAME.fullmatch(document.name) and (better := _name(document.name) or _name(folder)):
        notes.append(
            f"The name {shown(document.name)} is not in the specification's form; it becomes {better}."
        )
        document = replace(document, name=better)
    found = tuple(Finding(gate=spec.name, message=note, blocking=False) for note in notes)
    return Read(parsed=replace(parsed, document=document), notes=found)


def _mended(text: str, *, folder: str, notes: list[str], refusal: HivemindError) -> Parsed:
    frontmatter, body = split(text)
    try:
        fields = mapping(frontmatter, max_depth=_MAX_DEPTH)
    except HivemindError:
        quoted = _quoted(frontmatter)
        if quoted == frontmatter:
            raise refusal from None
        fields = mapping(quoted, max_depth=_MAX_DEPTH)
        notes.append("The frontmatter has values with `: ` or ` #` without quotes, which few readers take.")
    document = SkillDocument(
        name=_text(fields, "name", notes) or _said(folder, "name", notes),
        description=_text(fields, "description", notes) or _said(_paragraph(body), "description", notes),
        body=body,
        license=_text(fields, "license", notes),
        compatibility=_text(fields, "compatibility", notes),
        allowed_tools=_tools(fields, notes),
        metadata=_metadata(fields, notes),
    )
    return Parsed(document=document, unknown_keys=tuple(key for key in fields if key not in KEYS))


def _quoted(frontmatter: str) -> str:
    """Put quotes around the values of top-level keys that YAML would not take for text."""
    lines = list[str]()
    waiting = frontmatter.split("\n")
    while waiting:
        line = waiting.pop(0)
        found = _FIELD.fullmatch(line.rstrip())
        if found and found[2][0] not in _MARKED:
            value = [found[2]]
            while waiting and waiting[0][:1].isspace() and not _is_field(waiting[0]):
                value.append(waiting.pop(0).strip())
            text = " ".join(value)
            if re.search(r":(?:\s|$)|\s#", text) or text[0] in "@`%":
                line = f"{found[1]}: '{text.replace(chr(39), chr(39) * 2)}'"
            else:
                line = f"{found[1]}: {text}"
        lines.append(line)
    return "\n".join(lines)


def _is_field(line: str) -> bool:
    # A nested map goes on with short keys; a sentence that happens to hold a colon has spaces before it.
    key = _BEGINS_FIELD.match(line.strip())
    return key is not None and " " not in key.group().strip()


def _text(fields: dict[str, Node], key: str, notes: list[str]) -> str:
    value = fields.get(key, "")
    if isinstance(value, str):
        return value
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        notes.append(f"The {key} is a list; it is read as one text.")
        return ", ".join(map(str, value))
    notes.append(f"The {key} is not text and was left out.")
    return ""


def _tools(fields: dict[str, Node], notes: list[str]) -> str:
    value = fields.get("allowed-tools", "")
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return " ".join(map(str, value))
    return _text(fields, "allowed-tools", notes)


def _metadata(fields: dict[str, Node], notes: list[str]) -> dict[str, str]:
    value = fields.get("metadata", {})
    if value == "":
        return {}
    if not isinstance(value, dict):
        notes.append("The metadata is not a map and was left out.")
        return {}
    flat = dict[str, str]()
    waiting: list[tuple[str, Node]] = [*value.items()][::-1]
    while waiting:
        key, item = waiting.pop()
        if isinstance(item, dict):
            waiting += [(f"{key}.{inner}", below) for inner, below in item.items()][::-1]
        elif isinstance(item, list) and not all(isinstance(one, str) for one in item):
            waiting += [(f"{key}.{number}", below) for number, below in enumerate(item, start=1)][::-1]
        elif key.strip() and len(key) <= MAX_KEY:
            flat[key] = item if isinstance(item, str) else ", ".join(map(str, item))
    if any(not isinstance(item, str) for item in value.values()):
        notes.append("The metadata is nested; its entries are read as texts, with dots in their names.")
    if len(flat) > _MAX_ENTRIES:
        notes.append(f"The metadata has {len(flat)} entries; the first {_MAX_ENTRIES} are kept.")
    return dict(islice(flat.items(), _MAX_ENTRIES))


def _said(value: str, key: str, notes: list[str]) -> str:
    if value:
        origin = "its folder's" if key == "name" else "the first paragraph"
        notes.append(f"There is no {key}; {origin} is taken.")
    return value


def _paragraph(body: str) -> str:
    found = list[str]()
    for kind, line in markdown.lines(body):
        is_text = kind is markdown.Kind.TEXT and bool(line.strip()) and not line.lstrip().startswith("#")
        if is_text:
            found.append(line.strip())
        elif found:
            break
    return " ".join(found)[:MAX_DESCRIPTION]


def _name(value: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", value.lower())[:MAX_NAME].strip("-")
