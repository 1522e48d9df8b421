"""Keep vectors of what each episode was about, so that work is found that was said in other words.

An episode has one vector of its request and one of its closing message. They are derived: made in the
background in small slices, followed by episode, and made again where their files are lost or damaged.
"""

import contextlib
import json
import threading
import time
import uuid
import zlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from hivemind.retrieval.index import files, vectors
from hivemind.retrieval.index.vectors import Vectors
from hivemind.store import past
from hivemind.store.database import Workspace
from hivemind.store.past import Filter, Work

Array: TypeAlias = npt.NDArray[np.float32]

#: A change of what is read of an episode makes every vector anew.
FORMAT = 1
MANIFEST = "manifest.json"
#: Files with fewer episodes are put together with what is new.
SMALL_PART = 2_048
#: What is read of a question, a request and a closing message, in characters.
MAX_ASKED_CHARS, MAX_READ_CHARS = 240, 600
#: With vectors of a smaller share of all episodes words alone decide.
LEAST_SHARE = 0.9
#: Episodes whose vectors are made between two looks at the clock.
_BATCH = 2


class Embed(Protocol):
    """Turn texts into vectors of length one."""

    def __call__(self, texts: Sequence[str], /) -> Array:
        """Give a row for each text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Part:
    """Hold vectors as a file has them; `stamps` tell whether an episode has changed since."""

    name: str
    episode_ids: npt.NDArray[np.bytes_]
    stamps: npt.NDArray[np.uint64]
    requests: Vectors
    closings: Vectors


class Meanings:
    """Search the episodes of a workspace by meaning, in any thread while one other follows the database."""

    def __init__(self, folder: Path | None, *, workspace_id: str) -> None:
        self._folder = folder
        self._workspace_id = workspace_id
        self._lock = threading.RLock()
        self._embed: Embed | None = None
        self._model = ""
        self._parts: tuple[_Part, ...] = ()
        self._saved: dict[str, dict[str, int]] = {}  #: checksums of the files of a part
        self._where: dict[str, tuple[int, int, str]] = {}  #: stamp, row and part of an episode
        self._wanted: dict[str, Work] | None = None  #: the episodes of the database; None before it was read

    @classmethod
    def open(cls, folder: Path | None, *, workspace_id: str) -> "Meanings":
        """Load the vectors of a workspace, or begin with none where the files are not whole.

        Without a folder they live in memory only.
        """
        for _ in range(2):  # a second look: the worker may have just replaced what was to be read
            index = cls(folder, workspace_id=workspace_id)
            try:
                if folder is not None:
                    index._load(folder)
            except files.NOT_WHOLE:
                continue
            return index
        return cls(folder, workspace_id=workspace_id)

    def __len__(self) -> int:
        return len(self._where)

    @property
    def model(self) -> str:
        """Name the model that made the vectors."""
        return self._model

    def use(self, embed: Embed, *, model: str) -> None:
        """Use an embedding model from now on; vectors of another model are dropped."""
        with self._lock:
            if self._model != model:
                self._parts, self._where, self._saved = (), {}, {}
            self._embed, self._model = embed, model

    def refresh(self, workspace: Workspace) -> int:
        """Follow the database, and give the number of episodes that lack vectors; call it after grading."""
        with self._lock:
            works = past.work(workspace, Filter())
            self._wanted = {one.episode_id: one for one in works if one.episode_id}
            kept = {one: row for one, row in self._where.items() if one in self._wanted}
            gone = {row[2] for one, row in self._where.items() if one not in self._wanted}
            self._where = kept
            for part in [part for part in self._parts if part.name in gone]:
                self._replace([part], _join([part], kept))
            return len(self._lacking())

    def embed_pending(self, workspace: Workspace, *, at_most_s: float) -> int:
        """Make lacking vectors for about so long, and give the number of episodes that still lack them."""
        until = time.monotonic() + at_most_s
        if self._wanted is None:
            self.refresh(workspace)
        with self._lock:
            embed, lacking = self._embed, self._lacking()
        if embed is None:
            return len(lacking)
        made: list[tuple[Work, Array, Array]] = []
        while len(made) < len(lacking) and time.monotonic() < until:
            batch = lacking[len(made) : len(made) + _BATCH]
            made.extend((one, *_read(workspace, one, embed)) for one in batch)
        if made:
            self._add(made)
        return len(lacking) - len(made)

    def near(self, text: str, episode_ids: Collection[str]) -> dict[str, tuple[float, float]]:
        """Say how near the request and the closing message of episodes are to a text, as cosines.

        It compares with each of them, and gives nothing while too many episodes lack vectors.
        """
        with self._lock:
            embed, parts, where = self._embed, self._parts, self._where
        found = {one: where[one] for one in episode_ids if one in where}
        if embed is None or not text.strip() or len(found) < LEAST_SHARE * len(episode_ids):
            return {}
        asked = embed([text.strip()[:MAX_ASKED_CHARS]])[0]
        cosines: dict[str, tuple[float, float]] = {}
        for part in parts:
            here = [(one, row) for one, (_, row, name) in found.items() if name == part.name]
            rows = np.array([row for _, row in here], dtype=np.int64)
            requests, closings = part.requests.similar(asked, rows), part.closings.similar(asked, rows)
            for (one, _), request, last in zip(here, requests.tolist(), closings.tolist(), strict=True):
                cosines[one] = (request, last)
        return cosines

    def save(self) -> None:
        """Write what is not on disk yet; another process reads either the old vectors or the new ones."""
        with self._lock:
            if self._folder is None:
                return
            files.make_folder(self._folder)
            for part in self._parts:
                if part.name not in self._saved:
                    self._saved[part.name] = {
                        kind: files.write(self._folder / f"{part.name}.{kind}.arrays", arrays)
                        for kind, arrays in _arrays(part).items()
                    }
            names = [part.name for part in self._parts]
            self._saved = {name: self._saved[name] for name in names}
            head = {"format": FORMAT, "workspace": self._workspace_id, "model": self._model}
            files.replace_manifest(self._folder / MANIFEST, head, {name: self._saved[name] for name in names})

    def _load(self, folder: Path) -> None:
        try:
            manifest = json.loads((folder / MANIFEST).read_text("utf-8"))
        except FileNotFoundError:
            return
        if manifest["format"] != FORMAT or manifest["workspace"] != self._workspace_id:
            return
        parts = []
        for saved in manifest["parts"]:
            name = str(saved["name"])
            # A part that is damaged is made again, without the others.
            with contextlib.suppress(files.DamagedError):
                loaded = {kind: files.read(folder / f"{name}.{kind}.arrays", saved[kind]) for kind in _KINDS}
                parts.append(
                    _Part(
                        name=name,
                        episode_ids=loaded["episodes"]["episode_ids"],
                        stamps=loaded["episodes"]["stamps"],
                        requests=Vectors(**loaded["requests"]),
                        closings=Vectors(**loaded["closings"]),
                    )
                )
                self._saved[name] = {kind: int(saved[kind]) for kind in _KINDS}
        self._model = str(manifest["model"])
        self._parts = tuple(parts)
        for part in parts:
            self._where |= _rows(part)

    def _lacking(self) -> list[Work]:
        """Give the episodes without vectors of what they are now, the latest first."""
        wanted = self._wanted or {}
        lacking = [
            one
            for episode_id, one in wanted.items()
            if episode_id not in self._where or self._where[episode_id][0] != _stamp(one)
        ]
        return sorted(lacking, key=lambda one: (one.started_at is not None, one.started_at), reverse=True)

    def _add(self, made: Sequence[tuple[Work, Array, Array]]) -> None:
        """Take new vectors up, together with those of small parts."""
        new = _Part(
            name=uuid.uuid4().hex,
            episode_ids=np.array([one.episode_id for one, _, _ in made], dtype=np.bytes_),
            stamps=np.array([_stamp(one) for one, _, _ in made], dtype=np.uint64),
            requests=vectors.pack(np.array([request for _, request, _ in made], dtype=np.float32)),
            closings=vectors.pack(np.array([last for _, _, last in made], dtype=np.float32)),
        )
        with self._lock:
            where = {**self._where, **_rows(new)}
            small = [part for part in self._parts if len(_alive(part, where)) < SMALL_PART]
            self._where = where
            self._replace(small, _join([*small, new], where))

    def _replace(self, parts: Sequence[_Part], other: _Part) -> None:
        """Put a part in the place of some, of what is deleted nothing stays on disk."""
        gone = {part.name for part in parts}
        self._parts = (*(part for part in self._parts if part.name not in gone), other)
        # A dictionary of its own: searches go on with the one that they began with.
        self._where = {**self._where, **_rows(other)}


_KINDS = ("episodes", "requests", "closings")


def _arrays(part: _Part) -> dict[str, files.Arrays]:
    return {
        "episodes": {"episode_ids": part.episode_ids, "stamps": part.stamps},
        "requests": {one.name: getattr(part.requests, one.name) for one in fields(part.requests)},
        "closings": {one.name: getattr(part.closings, one.name) for one in fields(part.closings)},
    }


def _rows(part: _Part) -> dict[str, tuple[int, int, str]]:
    ids, stamps = part.episode_ids.tolist(), part.stamps.tolist()
    return {
        one.decode(): (stamp, row, part.name)
        for row, (one, stamp) in enumerate(zip(ids, stamps, strict=True))
    }


def _alive(part: _Part, where: dict[str, tuple[int, int, str]]) -> npt.NDArray[np.int64]:
    """Give the rows of a part that no later one replaces."""
    ids = part.episode_ids.tolist()
    rows = [
        row for row, one in enumerate(ids) if where.get(one.decode(), (0, -1, ""))[1:] == (row, part.name)
    ]
    return np.array(rows, dtype=np.int64)


def _join(parts: Sequence[_Part], where: dict[str, tuple[int, int, str]]) -> _Part:
    rows = [_alive(part, where) for part in parts]
    requests = vectors.join([part.requests for part in parts], rows)
    closings = vectors.join([part.closings for part in parts], rows)
    if requests is None or closings is None:
        raise ValueError("nothing to put together")
    return _Part(
        name=uuid.uuid4().hex,
        episode_ids=np.concatenate([part.episode_ids[its] for part, its in zip(parts, rows, strict=True)]),
        stamps=np.concatenate([part.stamps[its] for part, its in zip(parts, rows, strict=True)]),
        requests=requests,
        closings=closings,
    )


def _stamp(one: Work) -> int:
    """Give what changes with the texts of an episode."""
    return (zlib.crc32(one.request.encode("utf-8", "replace")) << 32) | (one.last_seq & 0xFFFF_FFFF)


def _read(workspace: Workspace, one: Work, embed: Embed) -> tuple[Array, Array]:
    asked, said = past.request(workspace, one), past.closing(workspace, one)
    request = _text(asked.text if asked is not None else one.request)
    closing = _text(said.text if said is not None else "")
    found = embed([request or "nothing", *([closing] if closing else [])])
    nothing = np.zeros_like(found[0])
    return (found[0] if request else nothing), (found[1] if closing else nothing)


def _text(text: str) -> str:
    return " ".join(text[: 4 * MAX_READ_CHARS].split())[:MAX_READ_CHARS]
