"""Read what hooks announced: one append-only file a session, read from where the last read stopped."""

import json
import os
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

#: A file is put aside when it is read to its end and nobody has written to it for so long, and deleted after
#: as long again, in seconds: far beyond the time a hook may hold it open for.
SETTLED_S = 60.0
#: A longer line is nothing that a hook wrote, in bytes.
MAX_LINE_BYTES = 1 << 20
#: So much of one file is read at a time; without one newline in it, it is nothing that hooks wrote, in bytes.
READ_BYTES = 16 << 20
#: A hook offers a few skills, whose ids are short.
MAX_OFFERS, MAX_SKILL_ID_CHARS = 40, 32
_LIVE, _ASIDE = ".jsonl", ".settled"


@dataclass(frozen=True, slots=True, kw_only=True)
class Announcement:
    """Hold what one hook call said."""

    agent: str
    session_id: str
    workspace_id: str
    moment: str  #: start, prompt, turn, subagent, compact, end; offers: what a hook decided by itself
    transcript: str = ""
    cwd: str = ""
    at: float = 0.0  #: when the hook ran, in seconds since 1970
    expects: int | None = None  #: checksum of the answer that the transcript must hold in the end
    #: What fitted the prompt, without a worker: skill, version, arm, share of sessions withheld from.
    offers: tuple[tuple[str, int, str, float], ...] = ()


@dataclass(slots=True)
class Spool:
    """Read a folder of spool files; what was read is remembered only here, and reading again does no harm."""

    folder: Path
    _offsets: dict[str, int] = field(default_factory=dict)

    def read(self) -> list[Announcement]:
        """Give what was announced since the last read; lines that are not ours are passed over."""
        said: list[Announcement] = []
        for path in self._files():
            try:
                said.extend(self._read(path))
            except OSError:
                continue
        return said

    def _read(self, path: Path) -> list[Announcement]:
        with path.open("rb") as stream:
            offset = self._offsets.get(path.name, 0)
            if os.fstat(stream.fileno()).st_size < offset:
                offset = 0  # another file of the same name
            stream.seek(offset)
            content = stream.read(READ_BYTES)
        end = content.rfind(b"\n") + 1
        if not end and len(content) == READ_BYTES:
            end = len(content)
        self._offsets[path.name] = offset + end
        return [a for line in content[:end].split(b"\n") if (a := parse(line)) is not None]

    def delete_settled(self) -> None:
        """Put quiet files aside, and delete the ones put aside before.

        A hook that opened a file just before it was put aside may write to it: it is read until deleted.
        """
        for path in self._files():
            try:
                status = path.stat()
                # The change time, which the renaming sets, and not the time of the last write.
                quiet = time.time() - max(status.st_mtime, status.st_ctime) >= SETTLED_S
                if not quiet or status.st_size > self._offsets.get(path.name, 0):
                    continue
                if path.suffix == _ASIDE:
                    path.unlink()
                    self._offsets.pop(path.name, None)
                elif not (aside := path.with_suffix(_ASIDE)).exists():
                    path.rename(aside)
                    self._offsets[aside.name] = self._offsets.pop(path.name, 0)
            except OSError:
                continue

    def pending_bytes(self) -> int:
        """Count the bytes that were not read yet."""
        pending = 0
        for path in self._files():
            with suppress(OSError):
                pending += max(0, path.stat().st_size - self._offsets.get(path.name, 0))
        return pending

    def _files(self) -> list[Path]:
        try:
            return sorted(p for p in self.folder.iterdir() if p.suffix in (_LIVE, _ASIDE) and p.is_file())
        except OSError:
            return []


def parse(line: bytes) -> Announcement | None:
    """Read one spool line; None for anything else than an announcement."""
    if not line.strip() or len(line) > MAX_LINE_BYTES:
        return None
    try:
        said = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(said, dict):
        return None
    texts = {k: _text(said.get(k)) for k in _TEXTS}
    if not texts["agent"] or not texts["session_id"]:
        return None
    at, expects = said.get("at"), said.get("expects")
    return Announcement(
        agent=texts["agent"],
        session_id=texts["session_id"],
        workspace_id=texts["workspace"] or "default",
        moment=texts["moment"],
        transcript=texts["transcript"],
        cwd=texts["cwd"],
        at=float(at) if isinstance(at, (int, float)) and 0 <= at < 1e12 else 0.0,
        expects=expects if isinstance(expects, int) else None,
        offers=_offers(said.get("offers")),
    )


def _offers(value: object) -> tuple[tuple[str, int, str, float], ...]:
    """Take what a hook offered; anything that it cannot have written is passed over."""
    found = []
    for offer in value[:MAX_OFFERS] if isinstance(value, list) else ():
        if not (isinstance(offer, list) and len(offer) == 4):
            continue
        skill_id, version, arm, share = offer
        if (
            isinstance(skill_id, str)
            and 0 < len(skill_id) <= MAX_SKILL_ID_CHARS
            and skill_id.isprintable()
            and type(version) is int
            and 0 < version < 1 << 31
            and arm in ("given", "withheld")
            and isinstance(share, (int, float))
            and 0 <= share <= 1
        ):
            found.append((skill_id, version, str(arm), float(share)))
    return tuple(found)


_TEXTS = ("agent", "session_id", "workspace", "moment", "transcript", "cwd")


def _text(value: object) -> str:
    return value if isinstance(value, str) and "\0" not in value else ""
