"""Look at, write and remove skill files in agents' folders, never through a link out of the project."""

import contextlib
import errno
import hashlib
import os
import stat
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from hivemind.agents.editing.files import sync_folder
from hivemind.errors import HivemindError

#: Largest skill file that is read, in bytes; a larger one is left alone.
MAX_BYTES = 4 * 1_048_576
#: Keeps a skill that nobody approved out of the next commit.
IGNORE_FILE = (
    b"# Written by Hivemind: this skill is on trial. `hivemind skills approve` removes this file.\n*\n"
)
_TEMPORARY = ".SKILL.md.hivemind-new"
_NO_FOLLOW = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0)


class ChangedError(Exception):
    """Say that a file is not what it was when it was looked at."""


@dataclass(frozen=True, slots=True)
class Seen:
    """Hold what stands at a path: bytes, nothing, or something that is not to be touched."""

    data: bytes | None = None
    refusal: str = ""  #: why it is not to be touched

    @property
    def digest(self) -> str:
        """The sha256 of the bytes, empty where there is no file."""
        return digest(self.data) if self.data is not None else ""


def digest(data: bytes) -> str:
    """Give the sha256 of some bytes."""
    return hashlib.sha256(data).hexdigest()


def look(path: Path, *, root: Path) -> Seen:
    """Read a skill file without following links."""
    refusal = refuses(path.parent, root=root)
    if refusal:
        return Seen(refusal=refusal)
    try:
        descriptor = os.open(path, os.O_RDONLY | _NO_FOLLOW)
    except (FileNotFoundError, NotADirectoryError):
        return Seen()
    except OSError as error:
        linked = error.errno in (errno.ELOOP, errno.EMLINK)
        return Seen(refusal="it is a symbolic link" if linked else f"it cannot be read ({error.strerror})")
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            return Seen(refusal="it is not a regular file")
        if status.st_size > MAX_BYTES:
            return Seen(refusal=f"it has {status.st_size:,} bytes")
        return Seen(file.read(MAX_BYTES))


def refuses(folder: Path, *, root: Path) -> str:
    """Say why a skill's folder must not be used, if it must not: a link, or a way out of the project."""
    try:
        if folder.is_symlink():
            return "its folder is a symbolic link"
        if not folder.resolve().is_relative_to(root.resolve()):
            return "its folder leads out of the project"
    except (OSError, RuntimeError) as error:  # a loop of links
        return f"its folder cannot be followed ({error})"
    return ""


def claim(folder: Path) -> bool:
    """Make a skill's folder; False where something stands there already, which is somebody else's."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    try:
        folder.mkdir()
    except FileExistsError:
        return False
    return True


def write(path: Path, data: bytes, *, expected: str, root: Path) -> None:
    """Put a whole file in place at once; raise ChangedError unless the old one has the expected digest."""
    path.parent.mkdir(exist_ok=True)
    with _staged(path.parent, data) as temporary:
        _require(path, expected=expected, root=root)
        if expected:
            temporary.chmod(stat.S_IMODE(path.stat().st_mode))
        temporary.replace(path)
    sync_folder(path.parent)


def remove(path: Path, *, expected: str, root: Path) -> None:
    """Remove a file; raise ChangedError unless it has the expected digest."""
    _require(path, expected=expected, root=root)
    path.unlink()
    sync_folder(path.parent)


def clear(folder: Path) -> bool:
    """Remove what is ours in a skill's folder beside its file, and the folder itself if that empties it."""
    if folder.is_symlink():
        return False
    tidy(folder, ignored=False)
    try:
        folder.rmdir()
    except FileNotFoundError:
        return True
    except OSError:  # a person's own files are in it
        return False
    return True


def tidy(folder: Path, *, ignored: bool) -> None:
    """Put our .gitignore into a skill's folder or take it out, and remove what a crash left half written.

    A .gitignore that a person wrote or changed stays.
    """
    (folder / _TEMPORARY).unlink(missing_ok=True)
    path = folder / ".gitignore"
    if ignored and not path.exists() and not path.is_symlink():
        with _staged(folder, IGNORE_FILE) as temporary:
            temporary.replace(path)
    elif not ignored and not path.is_symlink() and path.is_file() and path.read_bytes() == IGNORE_FILE:
        path.unlink()


@contextlib.contextmanager
def only_one(
    lock: Path, *, wait_s: float, slug: str = "publish-busy", doing: str = "publishing skills"
) -> Iterator[None]:
    """Wait until no other process or thread publishes; the system ends the wait when the other one dies."""
    with lock.open("ab") as file:
        deadline = time.monotonic() + wait_s
        while not _locked(file.fileno()):
            if time.monotonic() > deadline:
                raise HivemindError(
                    slug,
                    f"another process has been {doing} for {wait_s:g} s",
                    hint="see `hivemind status`, and end the worker if it hangs",
                )
            time.sleep(0.02)
        yield


def _locked(descriptor: int) -> bool:
    if sys.platform == "win32":  # untested there, and without a lock
        return True
    import fcntl

    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _require(path: Path, *, expected: str, root: Path) -> None:
    seen = look(path, root=root)
    if seen.refusal or seen.digest != expected:
        raise ChangedError(path)


@contextlib.contextmanager
def _staged(folder: Path, data: bytes) -> Iterator[Path]:
    """Write a temporary file and force it to disk; it is gone afterwards, moved or not."""
    temporary = folder / _TEMPORARY
    temporary.unlink(missing_ok=True)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | _NO_FOLLOW
    try:
        with os.fdopen(os.open(temporary, flags, 0o666), "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        yield temporary
    finally:
        temporary.unlink(missing_ok=True)
