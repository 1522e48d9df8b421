"""Read, compare and write the files that belong to the user: whole, atomically, and never by surprise."""

import contextlib
import difflib
import hashlib
import os
import re
import stat
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from hivemind.agents.base import FileChange
from hivemind.errors import HivemindError

_OWNER_ONLY: Final = 0o600  # settings hold tokens
_LINE: Final = re.compile(r"[^\n]*\n|[^\n]+")


def read_bytes(path: Path) -> bytes | None:
    """Read a file, following links; none when there is none. Anything but a regular file is refused."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise _unreadable(path, "it is not a regular file")
        return path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise _unreadable(path, error.strerror or str(error)) from error


def apply_changes(changes: list[FileChange], *, backup_dir: Path) -> None:
    """Write planned changes, all of them staged on disk before the first takes effect.

    Refuses when a file is no longer what the plan was made from. The user's own version of each file is kept
    in `backup_dir`, one for each path, replaced by the next change.
    """
    with contextlib.ExitStack() as stack:
        staged = [_stage(change, stack) for change in changes]
        for change in changes:
            _back_up(change, backup_dir)
        for change in changes:
            _require_unchanged(change)
        for item in staged:
            item.commit()


def diff(changes: list[FileChange]) -> str:
    """Show the changes to the user's files as a unified diff."""
    return "".join(line for change in changes if not change.internal for line in _diff_lines(change))


def backup_path(path: Path, *, backup_dir: Path) -> Path:
    """Name the backup of a file; files of the same name in different folders differ."""
    digest = hashlib.sha256(os.fsencode(path)).hexdigest()[:8]
    return backup_dir / f"{path.name}.{digest}.hivemind-backup"


@dataclass(frozen=True, slots=True)
class _Staged:
    """Hold the new content, complete and on disk, beside the file that it will replace."""

    path: Path
    target: Path  #: the file itself, where `path` is a link
    content: Path | None  #: none: remove the file

    def commit(self) -> None:
        with _reported(self.path):
            if self.content is None:
                self.target.unlink(missing_ok=True)
            else:
                self.content.replace(self.target)
            sync_folder(self.target.parent)


def _stage(change: FileChange, stack: contextlib.ExitStack) -> _Staged:
    with _reported(change.path):
        target = _target(change.path)
        if target.exists() and not target.stat().st_mode & stat.S_IWUSR:
            raise _unwritable(change.path, "it is read-only")  # as a managed file is; replacing it would work
        if change.after is None:
            return _Staged(change.path, target, None)
        target.parent.mkdir(parents=True, exist_ok=True)
        content = _write_beside(target, change.after, stack)
        return _Staged(change.path, target, content)


def _write_beside(target: Path, data: bytes, stack: contextlib.ExitStack) -> Path:
    """Write a temporary file in the target's folder, with its mode and owner, and force it to disk."""
    descriptor, name = tempfile.mkstemp(
        prefix=f".{target.name[:64]}.", suffix=".hivemind-new", dir=target.parent
    )
    temporary = Path(name)
    stack.callback(temporary.unlink, missing_ok=True)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        _copy_access(target, file.fileno())
        file.flush()
        os.fsync(file.fileno())
    return temporary


def _copy_access(target: Path, descriptor: int) -> None:
    try:
        status = target.stat()
    except FileNotFoundError:
        os.fchmod(descriptor, _OWNER_ONLY)
        return
    if (status.st_uid, status.st_gid) != (os.geteuid(), os.getegid()):
        # Only root may give files away; an owner who cannot keeps the content right, which matters more.
        with contextlib.suppress(PermissionError):
            os.fchown(descriptor, status.st_uid, status.st_gid)
    os.fchmod(descriptor, stat.S_IMODE(status.st_mode))


def _back_up(change: FileChange, backup_dir: Path) -> None:
    if change.internal or change.before is None:
        return
    path = backup_path(change.path, backup_dir=backup_dir)
    with _reported(path), contextlib.ExitStack() as stack:
        backup_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        content = _write_beside(path, change.before, stack)
        content.chmod(_OWNER_ONLY)
        content.replace(path)


def _require_unchanged(change: FileChange) -> None:
    if read_bytes(change.path) != change.before:
        raise HivemindError(
            "settings-changed",
            f"{change.path} was changed by another program while the change was prepared",
            hint="Run the command again; nothing was written.",
        )


def _target(path: Path) -> Path:
    try:
        return path.resolve()
    except RuntimeError as error:  # a loop of links, on Python before 3.13
        raise _unwritable(path, "its symbolic links go round in a circle") from error


def sync_folder(folder: Path) -> None:
    """Force a folder's entries to disk, so that a rename in it outlives a power cut."""
    # Some file systems cannot sync a folder; the rename is atomic all the same.
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


@contextlib.contextmanager
def _reported(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise _unwritable(path, error.strerror or str(error)) from error


def _unreadable(path: Path, reason: str) -> HivemindError:
    return HivemindError(
        "settings-unreadable", f"{path} cannot be read: {reason}", hint="Check the file and its permissions."
    )


def _unwritable(path: Path, reason: str) -> HivemindError:
    return HivemindError(
        "settings-unwritable",
        f"{path} cannot be written: {reason}",
        hint="Check the permissions and the free space of its folder, and run the command again.",
    )


def _diff_lines(change: FileChange) -> Iterator[str]:
    old = "/dev/null" if change.before is None else str(change.path)
    new = "/dev/null" if change.after is None else str(change.path)
    lines = difflib.unified_diff(_lines(change.before), _lines(change.after), old, new)
    for line in lines:
        yield line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n"


def _lines(data: bytes | None) -> list[str]:
    return _LINE.findall((data or b"").decode("utf-8", errors="replace"))
