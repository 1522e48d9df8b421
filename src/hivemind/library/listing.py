"""Read the skills of a folder or a file as they are, without taking them in."""

import gzip
import json
import zlib
from collections.abc import Iterator
from pathlib import Path

from hivemind.domain.skills import SkillDocument
from hivemind.domain.text import storable
from hivemind.errors import HivemindError
from hivemind.library import lenient, skill_folders

_KEYS = ("id", "name", "description", "body")


def read(source: Path) -> tuple[dict[str, SkillDocument], int]:
    """Give the skills by their ids, and how many entries were none or had an id that was there before.

    A folder's are its SKILL.md files, a skill's id the place of its folder; a file has JSON lines of `id`,
    `name`, `description` and `body` (gzipped where it ends in .gz).
    Raises HivemindError where no skill is found.
    """
    found: dict[str, SkillDocument] = {}
    left_out = 0
    for entry in _below(source) if source.is_dir() else _lines(source):
        if entry is None or entry[0] in found:
            left_out += 1
        else:
            found[entry[0]] = entry[1]
    if not found:
        raise HivemindError(
            "library-unreadable",
            f"no skill could be read from {source}",
            hint="give a folder with SKILL.md files below it, or JSON lines with id, name and description",
        )
    return found, left_out


def _below(folder: Path) -> Iterator[tuple[str, SkillDocument] | None]:
    files, _ = skill_folders.skill_files(folder)
    for file in files:
        content = skill_folders.read(file)
        try:
            text = content.decode("utf-8") if isinstance(content, bytes) else ""
            document = lenient.read(text, folder=file.parent.name).parsed.document
        except (UnicodeDecodeError, HivemindError):
            yield None
            continue
        place = file.parent.relative_to(folder).as_posix()
        yield (document.name if place == "." else place, document)


def _lines(file: Path) -> Iterator[tuple[str, SkillDocument] | None]:
    opened = gzip.open if file.suffix == ".gz" else open
    try:
        with opened(file, "rt", encoding="utf-8", errors="replace") as lines:
            for line in lines:
                if line.strip():
                    yield _entry(line)
    except (OSError, EOFError, zlib.error) as error:
        raise HivemindError(
            "library-unreadable",
            f"{file} cannot be read: {error}",
            hint="is it whole, and what its name says?",
        ) from error


def _entry(line: str) -> tuple[str, SkillDocument] | None:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(row, dict):
        return None
    skill_id, name, description, body = (
        storable(row[key]) if isinstance(row.get(key), str) else "" for key in _KEYS
    )
    if not (skill_id or name) or not (description or body):
        return None
    return skill_id or name, SkillDocument(name=name or skill_id, description=description, body=body)
