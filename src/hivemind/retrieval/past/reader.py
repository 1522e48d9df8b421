"""Let a short-lived process search by meaning with the vectors that the worker made."""

import importlib.util
import threading
from collections.abc import Collection
from pathlib import Path

from hivemind.errors import how_to_install
from hivemind.retrieval.index import embedding
from hivemind.retrieval.past.meanings import MANIFEST, Embed, Meanings
from hivemind.retrieval.past.ranking import Nearness

#: Said where work is searched by its words alone, and why.
NOT_INSTALLED = (
    f"Only words were searched: with the extra `embeddings` ({how_to_install('embeddings')}) work "
    "that was said in other words is found, too."
)
NOT_MADE = "Only words were searched: the worker has not made all vectors yet that find other words, too."


def folder_of(data: Path, workspace_id: str) -> Path:
    """Give the folder of a workspace's vectors of past work."""
    return data / "index" / workspace_id / "past"


class Reader:
    """Load vectors and model when they are first needed, and the vectors again when they were replaced."""

    def __init__(self, folder: Path, *, workspace_id: str) -> None:
        self._folder = folder
        self._workspace_id = workspace_id
        self._lock = threading.Lock()
        self._meanings: Meanings | None = None
        self._embed: Embed | None = None
        self._read_at: tuple[int, int] | None = None
        self.note = ""  #: why the latest search was by words alone; empty where it was not

    def near(self, text: str, episode_ids: Collection[str]) -> Nearness:
        """Say how near episodes are to a text; nothing where there are no vectors, and `note` says why."""
        with self._lock:
            meanings = self._current()
        if meanings is None:
            return {}
        found: Nearness = meanings.near(text, episode_ids)
        self.note = "" if found or not episode_ids else NOT_MADE
        return found

    def _current(self) -> Meanings | None:
        try:
            status = (self._folder / MANIFEST).stat()
        except OSError:
            self.note = NOT_MADE if _is_installed(embedding.PACKAGE) else NOT_INSTALLED
            return None
        read_at = (status.st_mtime_ns, status.st_ino)
        if read_at != self._read_at:
            if self._embed is None:
                self._embed = embedding.load()
            if self._embed is None:
                self.note = NOT_INSTALLED
                return None
            self._meanings = Meanings.open(self._folder, workspace_id=self._workspace_id)
            self._meanings.use(self._embed, model=embedding.MODEL)
            self._read_at = read_at
        return self._meanings


def _is_installed(package: str) -> bool:
    return all(importlib.util.find_spec(name) is not None for name in (package, "onnxruntime"))
