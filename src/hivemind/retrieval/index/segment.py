"""Hold some thousands of skills as arrays: which skills have a word, and the words of a skill in their order.

A segment never changes: a skill's new version goes into another segment, and its old one is masked.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from hivemind.retrieval.index.words import numbers

Array: TypeAlias = npt.NDArray[np.float32]
Integers: TypeAlias = npt.NDArray[np.int64]

#: Skills of one segment, at most: what is built and searched at a time.
MAX_SKILLS = 8192
#: Of a body so many words are indexed.
MAX_BODY_WORDS = 800
NAME_WORDS, HEAD_WORDS = 32, 400
#: Saturation and length of BM25. Mean lengths are those of public skills, not of this library: so what a word
#: adds to a skill does not change as others come and go.
HEAD_K1, HEAD_B, HEAD_MEAN = 1.2, 0.6, 32.0
BODY_K1, BODY_B, BODY_MEAN = 1.5, 0.75, 560.0
#: What the body counts beside name, description and requests when candidates are collected.
BODY_SHARE = 0.6
#: What a word adds is kept in a byte.
IMPACT_STEP = (HEAD_K1 + 1 + BODY_SHARE * (BODY_K1 + 1)) / 255


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """Hold the texts of a live skill."""

    skill_id: str
    version: int
    project_id: str
    name: str
    description: str
    requests: str = ""
    body: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """Hold the arrays; `tokens` has the words of each skill: name, what it is for, body."""

    skill_ids: npt.NDArray[np.bytes_]
    versions: npt.NDArray[np.int32]
    project_ids: npt.NDArray[np.bytes_]
    starts: npt.NDArray[np.int64]  #: of each skill in `tokens`, and the end of the last
    name_words: npt.NDArray[np.uint8]
    head_words: npt.NDArray[np.uint16]  #: the name's included
    tokens: npt.NDArray[np.uint32]
    terms: npt.NDArray[np.uint32]  #: sorted
    term_starts: npt.NDArray[np.int64]
    postings: npt.NDArray[np.uint16]  #: places of the skills that have the term
    impacts: npt.NDArray[np.uint8]

    def __len__(self) -> int:
        return len(self.skill_ids)

    @property
    def nbytes(self) -> int:
        """Say how much memory or disk the arrays take."""
        return sum(getattr(self, one.name).nbytes for one in fields(self))

    def spans(self, numbers: Sequence[int]) -> npt.NDArray[np.int64]:
        """Give where the postings of each term begin and end; they end where they begin for what none has."""
        asked = np.array(numbers, dtype=np.uint32)
        if not len(self.terms):
            return np.zeros((len(asked), 2), dtype=np.int64)
        places = np.minimum(np.searchsorted(self.terms, asked), len(self.terms) - 1)
        starts, ends = self.term_starts[places], self.term_starts[places + 1]
        return np.stack([starts, np.where(self.terms[places] == asked, ends, starts)], axis=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokens:
    """Hold the words of one skill."""

    skill_id: bytes
    version: int
    project_id: bytes
    name_words: int
    head_words: int
    tokens: npt.NDArray[np.uint32]


def read(entry: Entry) -> Tokens:
    """Read a skill's words."""
    name = numbers(entry.name.replace("-", " "))[:NAME_WORDS]
    head = [*name, *numbers(f"{entry.description}\n{entry.requests}")][:HEAD_WORDS]
    body = numbers(entry.body)[:MAX_BODY_WORDS]
    return Tokens(
        skill_id=entry.skill_id.encode(),
        version=entry.version,
        project_id=entry.project_id.encode(),
        name_words=len(name),
        head_words=len(head),
        tokens=np.array([*head, *body], dtype=np.uint32),
    )


def read_again(segment: Segment, place: int) -> Tokens:
    """Give the words of a skill that is in a segment."""
    start, end = int(segment.starts[place]), int(segment.starts[place + 1])
    return Tokens(
        skill_id=bytes(segment.skill_ids[place]),
        version=int(segment.versions[place]),
        project_id=bytes(segment.project_ids[place]),
        name_words=int(segment.name_words[place]),
        head_words=int(segment.head_words[place]),
        tokens=np.array(segment.tokens[start:end]),
    )


def build(skills: Sequence[Tokens]) -> Segment:
    """Put skills into a segment."""
    lengths = np.array([len(one.tokens) for one in skills], dtype=np.int64)
    starts = np.concatenate(([0], np.cumsum(lengths)))
    heads = np.array([one.head_words for one in skills], dtype=np.int64)
    tokens = np.concatenate([one.tokens for one in skills]) if skills else np.zeros(0, np.uint32)
    owners = np.repeat(np.arange(len(skills), dtype=np.int64), lengths)
    in_head = np.arange(len(tokens)) - starts[owners] < heads[owners] if len(tokens) else np.zeros(0, bool)
    keys = (tokens.astype(np.uint64) << np.uint64(16)) | owners.astype(np.uint64)
    unique, where = np.unique(keys, return_inverse=True)
    head_counts = np.bincount(where[in_head], minlength=len(unique)).astype(np.float32)
    body_counts = np.bincount(where[~in_head], minlength=len(unique)).astype(np.float32)
    places = (unique & np.uint64(0xFFFF)).astype(np.int64)
    impacts = head_score(head_counts, heads[places]) + BODY_SHARE * body_score(
        body_counts, (lengths - heads)[places]
    )
    terms, first = np.unique((unique >> np.uint64(16)).astype(np.uint32), return_index=True)
    return Segment(
        skill_ids=np.array([one.skill_id for one in skills], dtype=np.bytes_),
        versions=np.array([one.version for one in skills], dtype=np.int32),
        project_ids=np.array([one.project_id for one in skills], dtype=np.bytes_),
        starts=starts,
        name_words=np.array([one.name_words for one in skills], dtype=np.uint8),
        head_words=heads.astype(np.uint16),
        tokens=tokens,
        terms=terms,
        term_starts=np.concatenate((first, [len(unique)])).astype(np.int64),
        postings=places.astype(np.uint16),
        impacts=np.maximum(1, np.rint(impacts / IMPACT_STEP)).astype(np.uint8),
    )


def head_score(counts: Array, lengths: Integers) -> Array:
    """Give BM25's share of a word that is so often in name, description and requests of such a length."""
    norm = HEAD_K1 * (1 - HEAD_B + HEAD_B * lengths / HEAD_MEAN)
    return np.asarray(counts * (HEAD_K1 + 1) / (counts + norm), dtype=np.float32)


def body_score(counts: Array, lengths: Integers) -> Array:
    """Give BM25's share of a word that is so often in a body of such a length."""
    norm = BODY_K1 * (1 - BODY_B + BODY_B * lengths / BODY_MEAN)
    return np.asarray(counts * (BODY_K1 + 1) / (counts + norm), dtype=np.float32)
