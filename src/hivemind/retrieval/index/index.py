"""Keep the index of a workspace: follow the database, answer searches, survive restarts."""

import contextlib
import json
import math
import sqlite3
import threading
import time
import uuid
from collections.abc import Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from hivemind.retrieval.candidates import candidates as load
from hivemind.retrieval.index import files, library, prior, scoring, segment, vectors
from hivemind.retrieval.index.prior import Prior
from hivemind.retrieval.index.searching import Hit, Part, search
from hivemind.retrieval.index.segment import Entry, Segment
from hivemind.retrieval.index.vectors import Vectors
from hivemind.retrieval.index.words import numbers, query
from hivemind.retrieval.rank import Candidate, project_threshold, shared_threshold

Array: TypeAlias = npt.NDArray[np.float32]

#: A change of how words are read or stored makes every index anew.
FORMAT = 2
MANIFEST = "manifest.json"
#: More small parts than this are put together.
MAX_SMALL_PARTS = 6
#: With vectors of fewer skills than this share of all, words alone decide.
LEAST_VECTORS = 0.95
#: A prompt's meaning is taken from its beginning: more costs milliseconds and finds no more.
MAX_ASKED_CHARS = 240
#: Of at most so many shared skills each is shown by the measure of `rank`, too.
FEW_SHARED = 300
#: Hits beyond those asked for that are looked at.
PRIOR_REACH = 5
#: Vectors that are made between two looks at the clock.
_EMBED_BATCH = 8


class Embed(Protocol):
    """Turn texts into vectors of length one."""

    def __call__(self, texts: Sequence[str], /) -> Array:
        """Give a row for each text."""


@dataclass(frozen=True, slots=True)
class _Snapshot:
    parts: tuple[Part, ...] = ()
    whole: bool = False  #: (nearly) every skill has a vector
    counts: dict[str, int] = field(default_factory=dict)  #: skills of each project that was asked for


class Index:
    """Search the live skills of a workspace; searches run in any thread while one other changes it."""

    def __init__(self, folder: Path | None, *, workspace_id: str) -> None:
        self._folder = folder
        self._workspace_id = workspace_id
        self._lock = threading.RLock()
        self._snapshot = _Snapshot()
        self._prior = Prior({})
        self._stamp: library.Stamp | None = None
        self._mark: library.Mark | None = None
        self._where: dict[str, tuple[int, str, str, int]] = {}  #: version, project, part and place of a skill
        self._embed: Embed | None = None
        #: A prompt's meaning is read while its words are searched.
        self._threads = ThreadPoolExecutor(max_workers=2, thread_name_prefix="hivemind-embed")
        self._model = ""
        self._saved: dict[str, dict[str, int]] = {}

    @classmethod
    def open(cls, folder: Path | None, *, workspace_id: str) -> "Index":
        """Load the index of a workspace from its folder, or begin an empty one where none is whole.

        Without a folder it lives in memory only.
        """
        index = cls(folder, workspace_id=workspace_id)
        if folder is not None:
            try:
                index._load(folder)
            except files.NOT_WHOLE:
                index = cls(folder, workspace_id=workspace_id)
        return index

    def __len__(self) -> int:
        return len(self._where)

    def use(self, embed: Embed, *, model: str) -> None:
        """Use an embedding model from now on; vectors of another model are dropped."""
        with self._lock:
            if self._model != model:
                self._publish([replace(part, vectors=None) for part in self._snapshot.parts])
                for saved in self._saved.values():
                    saved.pop("vectors", None)
            self._embed, self._model = embed, model
            self._publish(self._snapshot.parts)

    def search(
        self, prompt: str, *, project_id: str | None = None, k: int = 10, ignored_words: Collection[str] = ()
    ) -> list[Hit]:
        """Find the best skills for a prompt, relevant or not: the shared ones and those of a project.

        Without a project all are searched, with "" the shared ones. Words of the project's name tell nothing
        within it: `ignored_words`.
        """
        snapshot = self._snapshot
        asked = query(prompt)
        if not asked.numbers or not snapshot.parts:
            return []
        vector = None
        if self._embed is not None and snapshot.whole:
            vector = self._threads.submit(
                lambda embed, text: embed([text])[0], self._embed, _asked_text(prompt)
            ).result
        ignored = {number for word in ignored_words for number in numbers(word)}
        # A few more than asked for: what is known of a skill may bring it among the first.
        found = search(
            snapshot.parts, asked, project_id=project_id, k=k + PRIOR_REACH, vector=vector, ignored=ignored
        )
        return self._prior.applied(found, k=k)

    def candidates(self, connection: sqlite3.Connection, hits: Sequence[Hit]) -> list[Candidate]:
        """Load what was found, best first; its threshold says whether a candidate is worth showing.

        A skill that was learnt in a project is likely to be needed there: it is shown for less than a shared
        one, by the measure of `rank`. So is one of a few shared skills, whose order stays as it was fitted:
        confidence is that of large libraries.
        """
        # By the root: what is chosen beside the best is a share of its score, and confidences lie far apart.
        least = math.sqrt(self.threshold)
        measures: dict[str, float] = {}
        before = math.inf  #: the strength of the shared skill before this one
        found = []
        for hit in hits:
            if hit.project_id not in measures:
                measures[hit.project_id] = self._measure(hit.project_id)
            score = max(math.sqrt(hit.confidence), least * hit.worth / measures[hit.project_id])
            if not hit.project_id:
                score = before = min(before, score)
            found.append((hit.skill_id, hit.version, score, least))
        found.sort(key=lambda one: -one[2])
        return load(connection, self._workspace_id, found)

    def _measure(self, project_id: str) -> float:
        """Give the worth by which a skill of a project, or a shared one, is shown however sure it is."""
        count = self._count(project_id)
        if project_id:
            return project_threshold(count)
        return shared_threshold(count) if count <= FEW_SHARED else math.inf

    def _count(self, project_id: str) -> int:
        snapshot = self._snapshot
        if project_id not in snapshot.counts:
            snapshot.counts[project_id] = sum(int(part.of(project_id).sum()) for part in snapshot.parts)
        return snapshot.counts[project_id]

    @property
    def threshold(self) -> float:
        """Give the least confidence with which a skill is worth showing."""
        meaning = self._embed is not None and self._snapshot.whole
        return scoring.load(meaning=meaning).threshold

    @property
    def lacks_vectors(self) -> bool:
        """Say whether some skill has no vector of the model in use."""
        if self._embed is None:
            return False
        return any(bool((part.alive & ~_made(part)).any()) for part in self._snapshot.parts)

    def is_behind(self, connection: sqlite3.Connection) -> bool:
        """Say whether something was decided or written since the last refresh: a look-up, no scan."""
        return library.mark(connection) != self._mark

    def try_refresh(self, connection: sqlite3.Connection, *, at_most: int) -> bool:
        """Follow the database unless another thread is at it, or more than so many skills changed."""
        if not self._lock.acquire(blocking=False):
            return False
        try:
            gone, new = self._differing(library.live(connection, self._workspace_id))
            if len(gone) + len(new) > at_most:
                return False
            self.refresh(connection)
        finally:
            self._lock.release()
        return True

    def refresh(self, connection: sqlite3.Connection) -> int:
        """Follow the database, and give the number of skills that came, changed or went; cheap when none did.

        What came is found as soon as this returns.
        """
        with self._lock:
            self._mark = library.mark(connection)
            stamp = library.stamp(connection, self._workspace_id)
            if stamp == self._stamp:
                return 0
            gone, new = self._differing(library.live(connection, self._workspace_id))
            self._drop(gone)
            for start in range(0, len(new), segment.MAX_SKILLS):
                batch = new[start : start + segment.MAX_SKILLS]
                self._add(list(library.entries(connection, self._workspace_id, batch)))
            self._tidy()
            self._stamp = stamp
            return len(set(gone) | set(new))

    def _differing(self, live: library.Live) -> tuple[list[str], list[str]]:
        """Give the skills that are indexed and not as they are now, and those to index."""
        gone = [
            one for one, (version, project, *_) in self._where.items() if live.get(one) != (version, project)
        ]
        return gone, [one for one in live if self._where.get(one, (0, ""))[:2] != live[one]]

    def weigh_evidence(self, connection: sqlite3.Connection) -> None:
        """Read what skills did so far, which orders those that a prompt finds alike."""
        self._prior = prior.read(connection, self._workspace_id)

    def embed_pending(self, connection: sqlite3.Connection, *, at_most_s: float) -> int:
        """Make lacking vectors for about so long, and give the number of skills that still lack one."""
        until = time.monotonic() + at_most_s
        with self._lock:
            parts, embed = self._snapshot.parts, self._embed
        if embed is None:
            return 0
        lacking = 0
        for part in parts:
            missing = np.flatnonzero(part.alive & ~_made(part))
            done = 0
            made: dict[int, Array] = {}
            while done < len(missing) and time.monotonic() < until:
                places = missing[done : done + _EMBED_BATCH]
                done += len(places)
                made |= self._embedded(connection, part, places, embed)
            lacking += len(missing) - done
            if made:
                self._add_vectors(part.name, made)
        return lacking

    def save(self) -> None:
        """Write what is not on disk yet; another process reads either the old index or the new one."""
        with self._lock:
            if self._folder is None:
                return
            files.make_folder(self._folder)
            for part in self._snapshot.parts:
                self._save_part(part, self._folder)
            names = [part.name for part in self._snapshot.parts]
            head = {"format": FORMAT, "workspace": self._workspace_id, "model": self._model}
            files.replace_manifest(self._folder / MANIFEST, head, {name: self._saved[name] for name in names})
            self._saved = {name: self._saved[name] for name in names}

    def _load(self, folder: Path) -> None:
        manifest = json.loads((folder / MANIFEST).read_text("utf-8"))
        if manifest["format"] != FORMAT or manifest["workspace"] != self._workspace_id:
            return
        parts = []
        for saved in manifest["parts"]:
            name = str(saved["name"])
            loaded = Segment(**files.read(folder / f"{name}.words.arrays", saved["words"]))
            its_vectors = None
            if "vectors" in saved:
                # Vectors can be made again, and the words do without them.
                with contextlib.suppress(files.DamagedError, TypeError):
                    its_vectors = Vectors(**files.read(folder / f"{name}.vectors.arrays", saved["vectors"]))
            parts.append(
                Part(name=name, segment=loaded, alive=np.ones(len(loaded), dtype=bool), vectors=its_vectors)
            )
            self._saved[name] = {"words": saved["words"]} | (
                {"vectors": saved["vectors"]} if its_vectors is not None else {}
            )
        self._model = str(manifest["model"])
        self._publish(parts)
        # A later part has the newer version of what is in two.
        for part in parts:
            self._take_up(part)
        self._mask_doubles()

    def _save_part(self, part: Part, folder: Path) -> None:
        saved = self._saved.setdefault(part.name, {})
        if "words" not in saved:
            arrays = {one.name: getattr(part.segment, one.name) for one in fields(part.segment)}
            saved["words"] = files.write(folder / f"{part.name}.words.arrays", arrays)
        if "vectors" not in saved and part.vectors is not None:
            arrays = {one.name: getattr(part.vectors, one.name) for one in fields(part.vectors)}
            saved["vectors"] = files.write(folder / f"{part.name}.vectors.arrays", arrays)

    def _publish(self, parts: Sequence[Part]) -> None:
        alive = sum(int(part.alive.sum()) for part in parts)
        made = sum(int((part.alive & _made(part)).sum()) for part in parts)
        self._snapshot = _Snapshot(tuple(parts), alive > 0 and made >= LEAST_VECTORS * alive)

    def _take_up(self, part: Part) -> None:
        its = part.segment
        rows = zip(its.skill_ids.tolist(), its.versions.tolist(), its.project_ids.tolist(), strict=True)
        for place, (skill_id, version, project_id) in enumerate(rows):
            if part.alive[place]:
                self._where[skill_id.decode()] = (version, project_id.decode(), part.name, place)

    def _mask_doubles(self) -> None:
        masks = {part.name: np.zeros(len(part.segment), dtype=bool) for part in self._snapshot.parts}
        for _, _, name, place in self._where.values():
            masks[name][place] = True
        self._publish([replace(part, alive=masks[part.name]) for part in self._snapshot.parts])

    def _drop(self, skill_ids: Sequence[str]) -> None:
        places: dict[str, list[int]] = {}
        for skill_id in skill_ids:
            *_, name, place = self._where.pop(skill_id)
            places.setdefault(name, []).append(place)
        if not places:
            return
        parts = []
        for part in self._snapshot.parts:
            if part.name in places:
                alive = part.alive.copy()
                alive[places[part.name]] = False
                part = replace(part, alive=alive)
            if part.alive.any():
                parts.append(part)
        self._publish(parts)

    def _add(self, entries: Sequence[Entry]) -> None:
        if not entries:
            return
        built = segment.build([segment.read(entry) for entry in entries])
        self._append(Part(name=uuid.uuid4().hex, segment=built, alive=np.ones(len(built), dtype=bool)))

    def _append(self, part: Part, *, instead_of: Collection[str] = ()) -> None:
        kept = [one for one in self._snapshot.parts if one.name not in instead_of]
        self._publish([*kept, part])
        self._take_up(part)

    def _tidy(self) -> None:
        """Put small parts together, and those that are half empty."""
        small = [part for part in self._snapshot.parts if _is_small(part)]
        if len(small) <= MAX_SMALL_PARTS:
            return
        small.sort(key=lambda part: int(part.alive.sum()))
        merged, count = [], 0
        for part in small:
            count += int(part.alive.sum())
            if count > segment.MAX_SKILLS:
                break
            merged.append(part)
        alive = [np.flatnonzero(part.alive) for part in merged]
        built = segment.build(
            [
                segment.read_again(part.segment, int(place))
                for part, places in zip(merged, alive, strict=True)
                for place in places
            ]
        )
        its_vectors = vectors.join([part.vectors for part in merged], alive)
        self._append(
            Part(name=uuid.uuid4().hex, segment=built, alive=np.ones(len(built), bool), vectors=its_vectors),
            instead_of={part.name for part in merged},
        )

    def _embedded(
        self, connection: sqlite3.Connection, part: Part, places: npt.NDArray[np.int64], embed: Embed
    ) -> dict[int, Array]:
        ids = {bytes(part.segment.skill_ids[place]).decode(): int(place) for place in places}
        texts = {
            ids[entry.skill_id]: _skill_text(entry)
            for entry in library.entries(connection, self._workspace_id, list(ids))
            if entry.version == part.segment.versions[ids[entry.skill_id]]
        }
        return dict(zip(texts, embed(list(texts.values())), strict=True)) if texts else {}

    def _add_vectors(self, name: str, made: dict[int, Array]) -> None:
        with self._lock:
            parts = []
            for part in self._snapshot.parts:
                if part.name == name:
                    rows = vectors.pack(np.array(list(made.values()), dtype=np.float32))
                    old = part.vectors or vectors.pack(
                        np.zeros((len(part.segment), rows.values.shape[1]), np.float32)
                    )
                    places = list(made)
                    values, scales, marks = old.values.copy(), old.scales.copy(), old.signs.copy()
                    values[places], scales[places], marks[:, places] = rows.values, rows.scales, rows.signs
                    part = replace(part, vectors=Vectors(values=values, scales=scales, signs=marks))
                    self._saved.get(name, {}).pop("vectors", None)
                parts.append(part)
            self._publish(parts)


def _is_small(part: Part) -> bool:
    return int(part.alive.sum()) < segment.MAX_SKILLS // 2


def _made(part: Part) -> npt.NDArray[np.bool_]:
    return part.vectors.made if part.vectors is not None else np.zeros(len(part.segment), dtype=bool)


def _skill_text(entry: Entry) -> str:
    return f"{entry.name.replace('-', ' ')}. {entry.description} {entry.requests}".strip()


def _asked_text(prompt: str) -> str:
    return prompt.strip()[:MAX_ASKED_CHARS]
