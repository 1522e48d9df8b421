"""Plan to write and to remove files that are wholly ours: an extension, a plugin, a file of hooks.

A marker in the content tells our file, of whichever version, from somebody else's of the same name.
"""

import hashlib
from collections.abc import Iterable
from pathlib import Path

from hivemind.agents.base import FileChange
from hivemind.agents.editing.files import read_bytes
from hivemind.agents.editing.receipts import Receipt, receipt_path
from hivemind.errors import HivemindError


def plan_write(
    path: Path,
    content: bytes,
    *,
    agent: str,
    data_dir: Path,
    marker: bytes,
    data_dirs_before: Iterable[Path] = (),
) -> list[FileChange]:
    """Plan to write our file; empty when it is there already, refused when somebody else's is.

    `content` has the marker in it. `data_dirs_before` are the Hivemind folders that the file names so far,
    whose receipts go.
    """
    if marker not in content:
        raise ValueError("the content lacks the marker that it is to be known by")
    before = read_bytes(path)
    if before == content:
        return []
    if before is not None and marker not in before:
        raise HivemindError(
            "own-file-foreign",
            f"{path} exists and is not Hivemind's",
            hint="Move or rename it, and run the command again.",
        )
    where = receipt_path(data_dir, agent=agent, path=path)
    receipt = Receipt(
        path=str(path), digest=hashlib.sha256(content).hexdigest(), edits=(), created=(), made_file=True
    )
    stale = [folder for folder in data_dirs_before if folder != data_dir]
    return [
        FileChange(path=where, before=read_bytes(where), after=receipt.encode(), internal=True),
        FileChange(path=path, before=before, after=content),
        *_receipt_removals(path, agent=agent, data_dirs=stale),
    ]


def plan_remove(path: Path, *, agent: str, data_dirs: Iterable[Path], marker: bytes) -> list[FileChange]:
    """Plan to remove our file and its receipts; somebody else's file stays, and so does the folder."""
    before = read_bytes(path)
    receipts = _receipt_removals(path, agent=agent, data_dirs=data_dirs)
    if before is None or marker not in before:
        return receipts
    return [FileChange(path=path, before=before, after=None), *receipts]


def _receipt_removals(path: Path, *, agent: str, data_dirs: Iterable[Path]) -> list[FileChange]:
    removals = []
    for data_dir in dict.fromkeys(data_dirs):
        where = receipt_path(data_dir, agent=agent, path=path)
        try:
            before = read_bytes(where)
        except HivemindError:  # a folder that cannot be read is as good as a lost one
            continue
        if before is not None:
            removals.append(FileChange(path=where, before=before, after=None, internal=True))
    return removals
