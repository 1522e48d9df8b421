"""Keep the index of each workspace warm beside the loop, so that a prompt is answered from memory."""

import sqlite3
import threading
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from hivemind.errors import HivemindError
from hivemind.retrieval.rank import Candidate, project_words
from hivemind.store.database import WORKSPACE_NAME, Database, read_only_uri

if TYPE_CHECKING:
    from hivemind.retrieval.index import Index
    from hivemind.retrieval.index.embedding import Embedder
    from hivemind.retrieval.past.meanings import Meanings

#: So few new skills of a library of at most so many are taken up while a prompt waits, others right after.
FEW_SKILLS, SMALL_LIBRARY = 20, 3_000
#: Vectors are made for so long, then the processor is the agent's for as long, in seconds.
SLICE_S = 0.4
#: While many vectors are being made they are saved this often, in seconds.
SAVE_S = 60.0
#: After a failure the next try waits so long, in seconds.
BACK_OFF_S = 30.0


class Indexes:
    """Rank skills for prompts, and bring the indexes up to date on a thread of their own."""

    def __init__(
        self,
        database: Database,
        *,
        folder: Path,
        uses_meaning: Callable[[], bool],
        failed: Callable[[BaseException], None],
    ) -> None:
        self._database = database
        self._folder = folder
        self._uses_meaning = uses_meaning
        self._failed = failed
        self._lock = threading.Lock()
        self._indexes: dict[str, Index] = {}
        self._wanted: set[str] = set()
        self._due, self._stopped = threading.Event(), threading.Event()
        self._past: dict[str, Meanings] = {}
        self._embedder: Embedder | None = None
        self._model_sought = False
        self._thread = threading.Thread(target=self._run, name="index", daemon=True)
        self._thread.start()

    def rank(
        self,
        connection: sqlite3.Connection,
        *,
        workspace_id: str,
        project_id: str,
        prompt: str,
        limit: int,
    ) -> list[Candidate] | None:
        """Rank the skills of a project and of every project, best first; None until an index is there."""
        with self._lock:
            index = self._indexes.get(workspace_id)
        if index is None:
            self.look(workspace_id)
            return None
        if index.is_behind(connection):
            if len(index) <= SMALL_LIBRARY:
                index.try_refresh(connection, at_most=FEW_SKILLS)
            # The rest follows within the second: larger changes, vectors, files.
            self.look(workspace_id)
        hits = index.search(
            prompt,
            project_id=project_id,
            k=limit,
            ignored_words=project_words(connection, workspace_id, project_id),
        )
        return index.candidates(connection, hits)

    def look(self, workspace_id: str) -> None:
        """Have a workspace's index brought up to date soon."""
        if WORKSPACE_NAME.fullmatch(workspace_id):
            with self._lock:
                self._wanted.add(workspace_id)
            self._due.set()

    def close(self) -> None:
        """Stop after the step at hand, and keep what was made."""
        self._stopped.set()
        self._due.set()
        self._thread.join(timeout=5)

    def _run(self) -> None:
        while True:
            self._due.wait()
            self._due.clear()
            if self._stopped.is_set():
                return
            with self._lock:
                wanted, self._wanted = sorted(self._wanted), set()
            for workspace_id in wanted:
                try:
                    self._bring_up_to_date(workspace_id)
                except Exception as error:  # noqa: BLE001 - the thread's boundary: recorded, and answered without
                    self._failed(error)
                    with self._lock:
                        self._indexes.pop(workspace_id, None)
                    self._stopped.wait(BACK_OFF_S)

    def _bring_up_to_date(self, workspace_id: str) -> None:
        # Imported here: a worker without a skill does without numpy.
        from hivemind.retrieval.index import Index

        with closing(sqlite3.connect(read_only_uri(self._database.path), uri=True)) as connection:
            with self._lock:
                index = self._indexes.get(workspace_id)
            if index is None:
                index = Index.open(self._folder / workspace_id, workspace_id=workspace_id)
            changed = index.refresh(connection)
            index.weigh_evidence(connection)
            with self._lock:
                self._indexes[workspace_id] = index
            if changed:
                self._save(index)
            if len(index) and self._uses_meaning() and (embed := self._model()):
                index.use(embed, model=embed.name)
                self._embed(index, connection)
        if self._uses_meaning() and self._embedder:
            self._read_past(workspace_id, self._embedder)

    def _model(self) -> "Embedder | None":
        if not self._model_sought:
            from hivemind.retrieval.index import embedding

            self._model_sought = True
            try:
                self._embedder = embedding.load()
            except HivemindError as error:
                self._failed(error)
        return self._embedder

    def _save(self, made: "Index | Meanings") -> None:
        """Write what was made; where that fails it is searched in memory all the same."""
        try:
            made.save()
        except OSError as error:
            self._failed(error)

    def _embed(self, index: "Index", connection: sqlite3.Connection) -> None:
        """Make the vectors that are lacking, in slices: the processor is there for the agent first."""
        saved = time.monotonic()
        while index.lacks_vectors and not self._stopped.is_set():
            lacking = index.embed_pending(connection, at_most_s=SLICE_S)
            if not lacking or time.monotonic() - saved > SAVE_S:
                self._save(index)
                saved = time.monotonic()
            if self._due.is_set():
                index.refresh(connection)
            self._stopped.wait(SLICE_S if lacking else 0)

    def _read_past(self, workspace_id: str, embed: "Embedder") -> None:
        """Make the vectors of past work that are lacking, once those of the skills are there."""
        from hivemind.retrieval.past import folder_of
        from hivemind.retrieval.past.meanings import Meanings

        meanings = self._past.get(workspace_id)
        if meanings is None:
            folder = folder_of(self._folder.parent, workspace_id)
            meanings = self._past[workspace_id] = Meanings.open(folder, workspace_id=workspace_id)
        meanings.use(embed, model=embed.name)
        saved = time.monotonic()
        with self._database.read(workspace_id) as workspace:
            lacking = made = meanings.refresh(workspace)
        while lacking and not self._stopped.is_set() and not self._due.is_set():
            # A transaction a slice: a long one would keep the database from tidying its log.
            with self._database.read(workspace_id) as workspace:
                lacking = meanings.embed_pending(workspace, at_most_s=SLICE_S)
            if time.monotonic() - saved > SAVE_S:
                self._save(meanings)
                saved = time.monotonic()
            self._stopped.wait(SLICE_S)
        if made:
            self._save(meanings)
        if lacking:
            self.look(workspace_id)
