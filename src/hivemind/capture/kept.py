"""Transcripts that hooks keep for agents which write none: raw, so kept only until they are stored."""

import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from hivemind.capture import layout

#: A transcript that is stored to its end is deleted when nobody has written to it for so long, in seconds.
SETTLED_S = 86_400.0


def delete_stored(data: Path, *, offsets: Mapping[str, int]) -> list[Path]:
    """Delete what is stored; `offsets` says how far each path has been read, in bytes."""
    deleted = []
    for path in _files(data):
        with suppress(OSError):
            status = path.stat()
            quiet = time.time() - max(status.st_mtime, status.st_ctime) >= SETTLED_S
            if quiet and offsets.get(str(path), -1) >= status.st_size:
                path.unlink()
                deleted.append(path)
    return deleted


def delete_session(data: Path, session_id: str) -> None:
    """Delete what is kept of one session, whichever agent's it is."""
    name = layout.session_file(session_id) + ".jsonl"
    for path in _files(data):
        if path.name == name:
            path.unlink(missing_ok=True)


def _files(data: Path) -> list[Path]:
    # The folder above each agent's own.
    return sorted(Path(layout.kept_dir(str(data), "any")).parent.glob("*/*.jsonl"))
