"""Read OpenCode's sessions from JSON: what `opencode export` writes, and the files of old clients.

Those without a database have a file a session, a message and a part: `storage/session/PROJECT/SESSION.json`,
`storage/message/SESSION/*.json` and `storage/part/MESSAGE/*.json`.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path
from typing import Any, Final

from hivemind.agents import json_document
from hivemind.agents.database_session import session_path
from hivemind.agents.values import count, elements, get, mapping, text

#: A longer chain of parents than a subagent can have is a mistake.
MAX_PARENTS: Final = 32
#: How what `opencode export` writes begins.
_EXPORT: Final = re.compile(rb'\s*\{\s*"info"\s*:\s*\{.*?"id"\s*:\s*"ses_', re.S)
_is_session = json_document.having("id", "projectID", "directory")


@dataclass(slots=True, kw_only=True)
class DocumentSession:
    """Give the messages of one session as records; the offset is how many there were."""

    about: dict[str, Any]
    messages: list[dict[str, Any]]  #: with their parts, where the document has them
    storage: Path | None = None  #: the folder that has the parts in files of their own
    problem: str = ""
    _loose: dict[str, list[dict[str, Any]]] | None = field(default=None)

    def size_bytes(self) -> int | None:
        """Give the number of messages."""
        return len(self.messages)

    def fingerprint(self, offset: int) -> str:
        """Hash which messages there are up to an offset, and which of them are finished."""
        digest = blake2b(digest_size=16)
        for message in self.messages[:offset]:
            info = mapping(message.get("info"))
            seen = f"{text(info.get('id'))} {get(info, 'time', 'completed') is not None}\n"
            digest.update(seen.encode("utf-8", "surrogatepass"))
        return digest.hexdigest()

    def lines(self, *, start: int = 0, final: bool) -> Iterator[tuple[bytes | None, int]]:  # noqa: ARG002
        """Yield each message as a line of JSON with the number of messages up to it."""
        for number, message in enumerate(self.messages[start:], start + 1):
            info = mapping(message.get("info"))
            parts = elements(message.get("parts")) if self.storage is None else self._parts(info)
            yield json_document.encode({"session": self.about, "info": info, "parts": parts}), number

    def _parts(self, info: dict[str, Any]) -> list[dict[str, Any]]:
        message_id = text(info.get("id"))
        folder = session_path(self.storage / "part", message_id) if self.storage else None
        if folder is not None and folder.is_dir():
            return [part for _, part in _documents(folder)]
        if self._loose is None:
            self._loose = {}
            for _, part in _documents(self.storage / "part") if self.storage else ():
                self._loose.setdefault(text(part.get("messageID")), []).append(part)
        return self._loose.get(message_id, [])


@contextmanager
def open_document(path: Path) -> Iterator[DocumentSession]:
    """Open a session's file; raise OSError where it is none."""
    document = _load(path)
    if is_export(document):
        info = mapping(document["info"])
        about = _about(info, root=text(info.get("parentID")))
        messages = [mapping(message) for message in document["messages"]]
        yield DocumentSession(about=about, messages=messages)
        return
    session_id, storage = text(document.get("id")), path.parent.parent.parent
    folder = session_path(storage / "message", session_id)
    if folder is None or path.parent.parent.name != "session":
        raise OSError(f"{path} is no session of OpenCode's")
    infos = sorted((info for _, info in _documents(folder)), key=_order)
    about = _about(document, root=_root(path.parent, text(document.get("parentID"))))
    yield DocumentSession(about=about, messages=[{"info": info} for info in infos], storage=storage)


def is_export(document: Any) -> bool:
    """Say whether a decoded file is what `opencode export` writes."""
    return isinstance(get(document, "messages"), list) and isinstance(get(document, "info", "id"), str)


def session_files(root: Path) -> Iterator[Path]:
    """Yield the sessions' files of a data folder; below any other, exports and what lies as there."""
    if (root / "storage").is_dir() or any(root.glob("opencode*.db")):
        yield from sorted(path for path in root.glob("storage/session/*/*.json") if not path.is_symlink())
        return
    for path in json_document.find(root, lambda edges: _EXPORT.match(edges) or _is_session(edges)):
        with suppress(OSError):
            if _is_placed(path) or is_export(_load(path)):
                yield path


def _is_placed(path: Path) -> bool:
    return path.parent.parent.name == "session" and (path.parent.parent.parent / "message").is_dir()


def subagents(path: Path) -> Iterator[Path]:
    """Yield the files of a session's subagents, which lie beside its own."""
    if path.parent.parent.name != "session":
        return
    parents = {file: text(session.get("parentID")) for file, session in _documents(path.parent)}
    below = {path.stem}
    for _ in range(MAX_PARENTS):
        found = {file.stem for file, parent in parents.items() if parent in below}
        if found <= below:
            break
        below |= found
    yield from (file for file in parents if file.stem in below and file.stem != path.stem)


def _about(session: dict[str, Any], *, root: str) -> dict[str, Any]:
    return {
        "id": text(session.get("id")),
        "root": root or text(session.get("id")),
        "directory": session.get("directory"),
        "version": session.get("version"),
        "created": get(session, "time", "created"),
    }


def _root(folder: Path, parent: str) -> str:
    root = parent
    for _ in range(MAX_PARENTS):
        where = session_path(folder, f"{parent}.json") if parent else None
        if where is None or not where.is_file():
            break
        root = parent
        try:
            parent = text(_load(where).get("parentID"))
        except OSError:
            break
    return root


def _order(info: dict[str, Any]) -> tuple[int, str]:
    return count(get(info, "time", "created")), text(info.get("id"))


def _documents(folder: Path) -> Iterator[tuple[Path, dict[str, Any]]]:
    for path in sorted(folder.glob("*.json")):
        with suppress(OSError):
            if not path.is_symlink():
                yield path, _load(path)


def _load(path: Path) -> dict[str, Any]:
    return mapping(json_document.load(path))
