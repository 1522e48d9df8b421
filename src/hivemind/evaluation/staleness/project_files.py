"""Read what a project's own files define: scripts, targets, recipes, tasks; nothing is run."""

import json
import os
import re
import stat
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import cached_property
from pathlib import Path

#: How far below a project's folder is looked, and how much is read.
MAX_DEPTH = 4
MAX_ENTRIES = 20_000
MAX_FILES = 200
MAX_FILE_BYTES = 512 * 1024
MAX_TOTAL_BYTES = 8 * 1024 * 1024
#: A longer line of anything but JSON defines nothing.
MAX_LINE_CHARS = 500
#: Folders that hold what was installed or made.
MADE = frozenset(
    {"node_modules", "vendor", "venv", ".venv", "env", ".tox", ".nox", "target", "dist", "build", "out"}
    | {"coverage", "__pycache__", "tmp", "logs"}
)
_MAKEFILES = ("Makefile", "makefile", "GNUmakefile", "*.mk", "*.mak")
_JUSTFILES = ("justfile", "Justfile", ".justfile", "*.just")
_TASKFILES = ("Taskfile.yml", "Taskfile.yaml", "taskfile.yml", "taskfile.yaml", "Taskfile.dist.yml")
_PYTHON = ("tox.ini", "noxfile.py", "pyproject.toml", "setup.cfg")
#: What makes a makefile's targets more than its lines say.
_GENERATED = re.compile(r"\$\((?:eval|foreach|call)\b|^-?s?include\b", re.MULTILINE)
_WANTED = ("package.json", *_MAKEFILES, *_JUSTFILES, *_TASKFILES, *_PYTHON)


@dataclass
class ProjectFiles:
    """Hold the files of one project folder that say what can be run in it."""

    root: Path
    is_whole: bool = True  #: False where there was more than is looked at
    _left: int = field(default=MAX_TOTAL_BYTES)

    @cached_property
    def texts(self) -> dict[str, str]:
        """Give the files that define something, by their path below the folder."""
        found: dict[str, str] = {}
        for path in self.paths:
            name = path.rpartition("/")[2]
            if any(fnmatchcase(name, pattern) for pattern in _WANTED):
                text = self._read(self.root / path)
                if text is None or len(found) >= MAX_FILES:
                    self.is_whole = False
                elif name == "package.json":
                    found[path] = text
                else:
                    found[path] = "\n".join(line[:MAX_LINE_CHARS] for line in text.splitlines())
        return found

    @cached_property
    def paths(self) -> dict[str, None]:
        """Give what lies below the folder, the nearest first."""
        return dict.fromkeys(self._walk())

    @cached_property
    def ignored(self) -> tuple[str, ...]:
        """Give the simple patterns of the folder's .gitignore: what they match may come and go."""
        lines = (self._read(self.root / ".gitignore") or "").splitlines()
        return tuple(line.strip().strip("/") for line in lines if line.strip() and line[0] not in "#!")[:500]

    @cached_property
    def scripts(self) -> set[str] | None:
        """Give the scripts of every package.json; None where none is there or one cannot be read."""
        found: set[str] = set()
        texts = self._texts("package.json")
        for text in texts:
            try:
                value = json.loads(text)
                scripts = value.get("scripts", {})
                found |= {str(name) for name in scripts}
            except (ValueError, AttributeError, TypeError, RecursionError):
                return None
        return found if texts else None

    def has_script(self, name: str) -> bool | None:
        """Say whether a package.json has a script."""
        if self.scripts is None:
            return None
        return True if name in self.scripts else (False if self.is_whole else None)

    def has_target(self, name: str) -> bool | None:
        """Say whether a makefile has a target; one with patterns or generated rules may have any."""
        rule = re.compile(rf"^[^#\t=\n]*(?<![\w./-]){re.escape(name)}(?![\w./-])[^=\n]*:", re.MULTILINE)
        texts = self._texts(*_MAKEFILES)
        if any(fnmatchcase(name, word) for text in texts for word in _patterns(text)):
            return None
        found = self._defines(_MAKEFILES, rule, unless=_GENERATED)
        return True if found is False and self.has_path(name) else found

    def has_recipe(self, name: str) -> bool | None:
        """Say whether a justfile has a recipe or an alias."""
        rule = re.compile(rf"^(?:alias\s+)?@?{re.escape(name)}(?![\w-])[^\n]*:", re.MULTILINE)
        return self._defines(_JUSTFILES, rule, unless=re.compile(r"^(?:import|mod)\b", re.MULTILINE))

    def has_task(self, name: str) -> bool | None:
        """Say whether a Taskfile has a task."""
        rule = re.compile(rf"^\s+[\"']?{re.escape(name)}[\"']?\s*:", re.MULTILINE)
        return self._defines(_TASKFILES, rule, unless=re.compile(r"^includes:", re.MULTILINE))

    def names_environment(self, name: str) -> bool | None:
        """Say whether tox's or nox's files name an environment or a session."""
        return self._defines(_PYTHON, re.compile(rf"(?<![\w-]){re.escape(name)}(?![\w-])"))

    def has_path(self, path: str) -> bool | None:
        """Say whether a path is there; None where it may come and go, or lie outside."""
        parts = [part for part in path.split("/") if part not in ("", ".")]
        if not parts or ".." in parts or any(self._comes_and_goes(part) for part in parts):
            return None
        if any(fnmatchcase("/".join(parts[: n + 1]), one) for n in range(len(parts)) for one in self.ignored):
            return None
        try:
            if os.path.lexists(self.root.joinpath(*parts)):
                return True
        except (OSError, ValueError):
            return None
        # An agent may have been in a folder below when it named the path.
        below = "/" + "/".join(parts)
        return (
            True if any(path.endswith(below) for path in self.paths) else (False if self.is_whole else None)
        )

    def _comes_and_goes(self, part: str) -> bool:
        return part in MADE or any(fnmatchcase(part, pattern) for pattern in self.ignored)

    def _defines(
        self, files: tuple[str, ...], rule: re.Pattern[str], *, unless: re.Pattern[str] | None = None
    ) -> bool | None:
        texts = self._texts(*files)
        if any(rule.search(text) for text in texts):
            return True
        if not texts or not self.is_whole or (unless and any(unless.search(text) for text in texts)):
            return None
        return False

    def _texts(self, *patterns: str) -> list[str]:
        return [
            text
            for path, text in self.texts.items()
            if any(fnmatchcase(path.rpartition("/")[2], pattern) for pattern in patterns)
        ]

    def _walk(self) -> Iterator[str]:
        """Yield the paths below the folder; links to folders are not followed."""
        seen, waiting = 0, deque([("", 0)])
        while waiting:
            folder, depth = waiting.popleft()
            try:
                entries = sorted(os.scandir(self.root / folder), key=lambda entry: entry.name)
            except OSError:
                continue
            for entry in entries:
                seen += 1
                if seen > MAX_ENTRIES:
                    self.is_whole = False
                    return
                path = f"{folder}/{entry.name}" if folder else entry.name
                yield path
                is_hidden = entry.name in MADE or entry.name.startswith(".")
                if depth < MAX_DEPTH and not is_hidden and _is_folder(entry):
                    waiting.append((path, depth + 1))

    def _read(self, path: Path) -> str | None:
        """Read a regular file of a reasonable size that lies below the folder, links and all."""
        try:
            real = path.resolve(strict=True)
            if not real.is_relative_to(self.root.resolve()):
                return None
            found = real.stat()
            if not stat.S_ISREG(found.st_mode) or found.st_size > min(MAX_FILE_BYTES, self._left):
                return None
            with real.open("rb") as file:
                data = file.read(MAX_FILE_BYTES)
        except (OSError, RuntimeError, ValueError):
            return None
        self._left -= len(data)
        return data.decode("utf-8", "replace")


def _patterns(makefile: str) -> Iterator[str]:
    """Yield the targets of pattern rules, as patterns of names."""
    for line in makefile.splitlines():
        targets, colon, _ = line.partition(":")
        if colon and "%" in targets and not line.startswith(("\t", "#")):
            yield from (word.replace("%", "*") for word in targets.split() if "%" in word)


def _is_folder(entry: "os.DirEntry[str]") -> bool:
    try:
        return entry.is_dir(follow_symlinks=False)
    except OSError:
        return False
