"""Read skills of strangers from disk: bounded, never through a link, never anything but regular files."""

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

#: Largest file that is read, in bytes; a SKILL.md of more is refused by its size alone.
MAX_SKILL_BYTES = 4_194_304
MAX_BUNDLED_BYTES = 262_144
#: Files beside one SKILL.md that are read, entries of a tree that are looked at, and how deep.
MAX_BUNDLED = 200
MAX_ENTRIES = 50_000
MAX_DEPTH = 24
#: Folders that hold what others wrote, or no files of the skill's own.
_PASSED_OVER = frozenset({".git", ".hg", ".svn", "node_modules", "__pycache__", ".venv"})
_PROGRAMS = (b"\x7fELF", b"MZ", b"\xcf\xfa\xed\xfe", b"\xfe\xed\xfa\xcf", b"\xca\xfe\xba\xbe")


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """Say why a file or a folder cannot be judged as it is."""

    path: Path
    message: str
    blocking: bool = True


def skill_files(root: Path) -> tuple[list[Path], list[Problem]]:
    """Find every SKILL.md below a folder without following links."""
    problems: list[Problem] = []
    entries = list(_entries(root, problems))
    for entry in entries:
        if entry.is_symlink() and not _is_inside(entry.path, root):
            message = "it is a link to a place outside the folder, which was not looked at"
            problem = Problem(path=Path(entry.path), message=message, blocking=entry.name == "SKILL.md")
            problems.append(problem)
    found = [Path(entry.path) for entry in entries if entry.name == "SKILL.md" and not entry.is_symlink()]
    return sorted(found), problems


def bundled(folder: Path) -> tuple[list[tuple[Path, str]], list[Problem]]:
    """Read the texts that lie beside a SKILL.md, up to the next skill's folder."""
    texts: list[tuple[Path, str]] = []
    problems: list[Problem] = []
    for entry in _entries(folder, problems, inside_one_skill=True):
        path = Path(entry.path)
        if entry.is_symlink():
            if not _is_inside(entry.path, folder):
                message = "it is a link to a place outside the skill's folder"
                problems.append(Problem(path=path, message=message))
            continue
        if entry.name == "SKILL.md" and path.parent == folder:
            continue
        if len(texts) >= MAX_BUNDLED:
            message = f"there are more than {MAX_BUNDLED} files beside it; the rest was not looked at"
            problems.append(Problem(path=folder, message=message, blocking=False))
            break
        data = read(path, limit=MAX_BUNDLED_BYTES)
        if isinstance(data, Problem):
            problems.append(Problem(path=path, message=data.message, blocking=False))
        elif data.startswith(_PROGRAMS):
            message = "it is a program that nobody can read"
            problems.append(Problem(path=path, message=message, blocking=False))
        elif b"\0" not in data[:8_192]:
            texts.append((path, data.decode("utf-8", "replace")))
    return texts, problems


def read(path: Path, *, limit: int = MAX_SKILL_BYTES) -> bytes | Problem:
    """Read a regular file; anything else, or more than the limit, is a problem."""
    try:
        # A pipe would block for ever, and a link may lead anywhere.
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        reason = "it is a link" if path.is_symlink() else f"it cannot be read ({error.strerror})"
        return Problem(path=path, message=reason)
    try:
        status = os.fstat(handle)
        if not stat.S_ISREG(status.st_mode):
            return Problem(path=path, message="it is not a regular file")
        if status.st_size > limit:
            return Problem(path=path, message=f"it has {status.st_size:,} bytes; at most {limit:,} are read")
        with os.fdopen(os.dup(handle), "rb") as file:
            return file.read(limit)
    except OSError as error:
        return Problem(path=path, message=f"it cannot be read ({error.strerror})")
    finally:
        os.close(handle)


def _is_inside(path: str, folder: Path) -> bool:
    # Unlike Path.resolve, realpath gives an answer for a link that leads to itself.
    return Path(os.path.realpath(path)).is_relative_to(os.path.realpath(folder))


def _entries(
    root: Path, problems: list[Problem], *, inside_one_skill: bool = False
) -> "Iterator[os.DirEntry[str]]":
    pending, seen = [(root, 0)], 0
    while pending:
        folder, depth = pending.pop()
        try:
            entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
        except OSError as error:
            problems.append(
                Problem(path=folder, message=f"it cannot be read ({error.strerror})", blocking=False)
            )
            continue
        if inside_one_skill and depth and any(entry.name == "SKILL.md" for entry in entries):
            continue
        for entry in entries:
            seen += 1
            if seen > MAX_ENTRIES:
                message = f"it has more than {MAX_ENTRIES:,} files; the rest was not looked at"
                problems.append(Problem(path=root, message=message))
                return
            if not entry.is_dir(follow_symlinks=False):
                yield entry
            elif entry.name in _PASSED_OVER:
                continue
            elif depth >= MAX_DEPTH:
                message = f"it is more than {MAX_DEPTH} folders deep and was not looked at"
                problems.append(Problem(path=Path(entry.path), message=message))
            else:
                pending.append((Path(entry.path), depth + 1))
