"""Plan edits of a settings file together with a receipt, so that uninstalling puts back what was there.

Whether `"hooks": {}` was the user's or ours cannot be told from the file. So each install leaves a receipt in
Hivemind's own folder: the edits it made and the hash of the file it left. While the file still has that hash,
uninstalling undoes the edits and every byte is as before. Once somebody else has changed the file, our
entries are removed by what they are, then the containers that we created, as far as they are empty.
"""

import hashlib
import json
import os
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Generic, Protocol, Self, TypeVar

from hivemind.agents.base import FileChange
from hivemind.agents.editing.edits import Document, Edit, KeyPath
from hivemind.agents.editing.files import read_bytes
from hivemind.errors import HivemindError

D = TypeVar("D", bound=Document)
D_co = TypeVar("D_co", bound=Document, covariant=True)


class Parser(Protocol[D_co]):
    """Read a file of one format."""

    def __call__(self, data: bytes, *, path: Path) -> D_co:
        """Parse it; raise HivemindError where it cannot be edited safely."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingsPart(Generic[D]):
    """Describe one file that an agent is wired through, and how to know our entries in it."""

    agent: str
    path: Path
    data_dirs: Callable[[Any], list[Path]]  #: the Hivemind folders that our entries name, for a decoded file
    strip: Callable[[D], D]  #: removes our entries and nothing else
    parse: Parser[D]  #: of the file's format; refuses what cannot be edited safely


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """Record what one install did to one file."""

    path: str
    digest: str  #: sha256 of the file as the install left it
    edits: tuple[Edit, ...]  #: in the order in which they were made
    created: tuple[KeyPath, ...]
    made_file: bool

    def encode(self) -> bytes:
        """Give the receipt's file content."""
        return json.dumps(asdict(self), indent=1).encode("ascii") + b"\n"

    @classmethod
    def decode(cls, data: bytes | None) -> Self | None:
        """Read a receipt; none for anything that is not one."""
        try:
            record = json.loads(data or b"null")
            return cls(
                path=str(record["path"]),
                digest=str(record["digest"]),
                edits=tuple(Edit(int(e["offset"]), str(e["old"]), str(e["new"])) for e in record["edits"]),
                created=tuple(tuple(map(str, keys)) for keys in record["created"]),
                made_file=record["made_file"] is True,
            )
        except (KeyError, TypeError, ValueError, RecursionError):
            return None

    def undo(self, data: bytes) -> bytes | None:
        """Give the file as it was before the install; none if there was none."""
        text = data.decode("utf-8")
        for edit in reversed(self.edits):
            text = edit.reverse().apply(text)
        return None if self.made_file and text == "" else text.encode("utf-8")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Stripped:
    """Hold a file without our entries, and what is still known about how they came there."""

    before: bytes | None
    after: bytes | None
    created: tuple[KeyPath, ...] = ()
    made_file: bool = False
    receipts: tuple[FileChange, ...] = ()  #: the removal of the receipts that were used up


def wired_agents(data_dir: Path) -> set[str]:
    """Name the agents that were wired to this data folder and not unwired since."""
    return {path.name.rpartition("-")[0] for path in (data_dir / "installs").glob("*-*.json")}


def receipt_path(data_dir: Path, *, agent: str, path: Path) -> Path:
    """Name the receipt for one file of an agent; an agent may have several configuration folders."""
    digest = hashlib.sha256(os.fsencode(path)).hexdigest()[:12]
    return data_dir / "installs" / f"{agent}-{digest}.json"


def plan_wire(
    part: SettingsPart[D],
    *,
    data_dir: Path,
    is_wired: Callable[[Any], bool],
    add: Callable[[D], D],
) -> list[FileChange]:
    """Plan to replace our entries, of whichever version, by those that `add` makes; empty if wired."""
    if is_wired(read_document(part).value):
        return []
    base = _strip(part)
    document = add(part.parse(base.after or b"", path=part.path))
    where = receipt_path(data_dir, agent=part.agent, path=part.path)
    still_there = {keys for keys in base.created if base.after is not None and document.has(keys)}
    receipt = Receipt(
        path=str(part.path),
        digest=_digest(document.encode()),
        edits=document.edits,
        created=tuple(sorted(still_there.union(document.created))),
        made_file=base.after is None or base.made_file,
    )
    return [
        # First, because a receipt without its entries does no harm, and entries without their receipt may.
        FileChange(path=where, before=read_bytes(where), after=receipt.encode(), internal=True),
        FileChange(path=part.path, before=base.before, after=document.encode()),
        *(change for change in base.receipts if change.path != where),
    ]


def plan_unwire(part: SettingsPart[D]) -> list[FileChange]:
    """Plan to take our entries out of a file, with everything that an install made to hold them."""
    base = _strip(part)
    if base.after == base.before:
        return []
    return [FileChange(path=part.path, before=base.before, after=base.after), *base.receipts]


def read_document(part: SettingsPart[D]) -> D:
    """Read a settings file as it is now; a missing one counts as empty."""
    return part.parse(read_bytes(part.path) or b"", path=part.path)


def _strip(part: SettingsPart[D]) -> _Stripped:
    before = read_bytes(part.path)
    if before is None:
        return _Stripped(before=None, after=None)
    document = part.parse(before, path=part.path)
    found = _receipts(part, document.value)
    removals = tuple(change for change, _ in found)
    receipts = [receipt for _, receipt in found]
    for receipt in receipts:
        if receipt.digest == _digest(before):
            after = receipt.undo(before)
            return _Stripped(
                before=before,
                after=after,
                created=receipt.created,
                made_file=receipt.made_file,
                receipts=removals,
            )
    stripped = part.strip(document)
    if stripped.text == document.text:
        return _Stripped(before=before, after=before)
    # Without a receipt, what our entries alone had kept from being empty counts as ours.
    created = {keys for receipt in receipts for keys in receipt.created} if receipts else _full(document)
    pruned = _prune(stripped, created)
    made_file = any(receipt.made_file for receipt in receipts)
    is_gone = made_file and "".join(pruned.text.split()) in ("", "{}")
    return _Stripped(
        before=before,
        after=None if is_gone else pruned.encode(),
        created=tuple(created) if receipts else (),
        made_file=made_file,
        receipts=removals,
    )


def _receipts(part: SettingsPart[D], value: Any) -> list[tuple[FileChange, Receipt]]:
    """Find the receipts for this file in the folders that our entries name, each with its removal."""
    found = []
    for data_dir in dict.fromkeys(part.data_dirs(value)):
        where = receipt_path(data_dir, agent=part.agent, path=part.path)
        try:
            data = read_bytes(where)
        except HivemindError:  # a folder that cannot be read is as good as a lost one
            continue
        receipt = Receipt.decode(data)
        if receipt is not None and receipt.path == str(part.path):
            found.append((FileChange(path=where, before=data, after=None, internal=True), receipt))
    return found


def _prune(document: D, created: Iterable[KeyPath]) -> D:
    """Remove the containers that are empty, the inner ones first."""
    for keys in sorted(created, key=len, reverse=True):
        if keys and document.is_bare(keys):
            document = document.drop(keys)
    return document


def _full(document: Document) -> set[KeyPath]:
    """List the key paths of the containers that are not empty."""
    paths: set[KeyPath] = set()
    pending: list[tuple[KeyPath, Any]] = [((), document.value)]
    while pending:
        keys, value = pending.pop()
        if value and isinstance(value, dict | list):
            paths.add(keys)
        if isinstance(value, dict):
            pending.extend(((*keys, key), child) for key, child in value.items())
    return paths


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
