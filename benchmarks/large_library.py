"""Make libraries larger than the corpus from it, by variation, with an index beside the database.

A copy of a skill has its paragraphs in another order, a share of its longer words exchanged for made-up ones
of which most are rare, and another name. So lengths, common words and vocabulary are those of a real library
of that size, and near-duplicates are many. Vectors of skills are turned from random topics, not embedded,
since 100,000 texts would take an hour; prompts are embedded.
"""

import random
import re
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.retrieval import CORPUS, WORKSPACE, records
from hivemind.domain.skills import SkillDocument
from hivemind.retrieval.index import Index, embedding, foreign
from hivemind.retrieval.index.embedding import DIMENSIONS
from hivemind.store.database import open_database

#: Of a copy's words longer than six letters, so many are exchanged.
EXCHANGED = 0.15
#: How far a copy's vector is turned: noise of this length is added.
TURNED = 0.6
#: Random topics that vectors are turned from.
TOPICS = 3_655
_LONG_WORD = re.compile(r"\b[a-z]{7,}\b")


def store(path: Path, data: Path, size: int) -> None:
    """Store so many skills of every project in a database, made where it is not there."""
    database = open_database(path)
    try:
        with database.write(WORKSPACE) as workspace:
            foreign.store(workspace, dict(varied(list(records(data / CORPUS)), size)))
    finally:
        database.close()


def index(path: Path, folder: Path) -> Index:
    """Index the words of the skills of a database."""
    with closing(sqlite3.connect(path)) as connection:
        made = Index.open(folder, workspace_id=WORKSPACE)
        made.refresh(connection)
    return made


def give_vectors(made: Index, path: Path, embed: embedding.Embedder) -> None:
    """Give an index turned vectors, under the name of the real model."""
    with closing(sqlite3.connect(path)) as connection:
        made.use(Turned(embed), model=embedding.MODEL)
        made.embed_pending(connection, at_most_s=3600)


def varied(skills: Sequence[dict[str, Any]], size: int) -> Iterator[tuple[str, SkillDocument]]:
    """Yield so many skills with their ids: those of the corpus, then copies of them."""
    draw = random.Random(0)
    for number in range(size):
        skill = skills[number % len(skills)]
        texts = {key: skill[key] for key in ("name", "description", "body")}
        if number < len(skills):
            yield skill["id"], SkillDocument(**texts)
            continue

        def exchange(text: str) -> str:
            return _LONG_WORD.sub(
                lambda found: _made_up(draw) if draw.random() < EXCHANGED else found.group(), text
            )

        paragraphs = texts["body"].split("\n\n")
        draw.shuffle(paragraphs)
        yield (
            f"v{number}",
            SkillDocument(
                name=f"{texts['name'][:50]}-{_made_up(draw)}",
                description=exchange(texts["description"]),
                body=exchange("\n\n".join(paragraphs)),
            ),
        )


def _made_up(draw: random.Random) -> str:
    # Some are common and most are rare, as words are.
    return f"w{int(draw.paretovariate(0.5)) % 400_000:x}q"


class Turned:
    """Embed prompts as they are, and skills (several at a time) by turning random vectors of topics."""

    def __init__(self, embed: embedding.Embedder) -> None:
        self._embed = embed
        self._draw = np.random.default_rng(0)
        self._topics = self._draw.standard_normal((TOPICS, DIMENSIONS)).astype(np.float32)

    def __call__(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """Give a vector of length one for each text."""
        if len(texts) == 1:
            return self._embed(texts)
        topics = self._topics[self._draw.integers(0, len(self._topics), len(texts))]
        noise = self._draw.standard_normal(topics.shape).astype(np.float32)
        found = topics + TURNED * noise
        return np.asarray(found / np.linalg.norm(found, axis=1, keepdims=True), dtype=np.float32)
