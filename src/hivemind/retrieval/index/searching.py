"""Search a snapshot of the index: collect candidates by words and by meaning, then weigh them closely."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from hivemind.retrieval.index import scoring
from hivemind.retrieval.index.copies import originals
from hivemind.retrieval.index.features import NAMES, features
from hivemind.retrieval.index.segment import IMPACT_STEP, Segment
from hivemind.retrieval.index.vectors import Vectors, signs
from hivemind.retrieval.index.words import Query

Array: TypeAlias = npt.NDArray[np.float32]
Places = list[npt.NDArray[np.int64]]

#: Candidates by words and by meaning that are weighed closely.
BY_WORDS, BY_MEANING = 100, 30
#: Skills whose vectors are compared exactly, of those whose signs are nearest.
BY_SIGNS = 300
#: The best candidates are looked at for near copies of each other.
COMPARED = 40
#: Postings that are added up for a prompt, the rarest words first; the others count in the close look.
MAX_POSTINGS = 150_000
#: Projects for which it is kept which skills they may be shown.
MAX_PROJECTS = 16
_MEANING = NAMES.index("meaning")


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Hold a segment as a snapshot shows it."""

    name: str
    segment: Segment
    alive: npt.NDArray[np.bool_]
    vectors: Vectors | None = None
    #: Which skills each of the latest projects may be shown; another snapshot begins without any.
    _allowed: dict[str, npt.NDArray[np.bool_]] = field(default_factory=dict, init=False, repr=False)

    def of(self, project_id: str) -> npt.NDArray[np.bool_]:
        """Say which skills are of a project, or with "" of every one."""
        return np.asarray(self.alive & (self.segment.project_ids == project_id.encode()))

    def allowed(self, project_id: str | None) -> npt.NDArray[np.bool_]:
        """Say which skills a project may be shown: its own and those of every one; None: all."""
        if project_id is None:
            return self.alive
        found = self._allowed.get(project_id)
        if found is None:
            found = self.of("") | self.of(project_id)
            if len(self._allowed) >= MAX_PROJECTS:
                self._allowed.clear()
            self._allowed[project_id] = found
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """Hold what was found: `score` orders the hits, `confidence` is the probability that one is right."""

    skill_id: str
    version: int
    project_id: str
    score: float
    confidence: float
    worth: float = 0.0  #: its score by the measure of `rank`
    figures: dict[str, float] = field(default_factory=dict)  #: what each figure adds to the score


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """Hold what a close look at the candidates of a prompt saw: a row of figures for each."""

    query: Query
    weights: Array  #: of the prompt's words
    figures: Array
    owners: list[tuple[Segment, int]]

    def tokens(self, row: int) -> npt.NDArray[np.uint32]:
        """Give the words of a candidate."""
        segment, place = self.owners[row]
        return segment.tokens[segment.starts[place] : segment.starts[place + 1]]

    def told(self, rows: npt.NDArray[np.int64]) -> Array:
        """Give the figures of some rows as if the prompt had its most telling words only."""
        if len(self.weights) <= scoring.TELLING_WORDS:
            return self.figures[rows]
        return self._again(rows, scoring.telling(self.weights))

    def worth(self, rows: npt.NDArray[np.int64]) -> Array:
        """Score some rows as `rank` does, which knows when a project's own skills are worth showing."""
        weights = np.where(self.weights > 0, scoring.world_weights(self.query), 0).astype(np.float32)
        telling = scoring.telling(weights)
        figures = self._again(rows, telling)
        head, share = figures[:, NAMES.index("head_share")], figures[:, NAMES.index("share")]
        of_all = share * telling.sum() / max(float(weights.sum()), 1e-6)
        return np.asarray((head + share) / 2 * telling.sum() * np.sqrt(of_all))

    def _again(self, rows: npt.NDArray[np.int64], weights: Array) -> Array:
        together: dict[int, tuple[Segment, list[int]]] = {}
        ordered = []
        for at, row in sorted(enumerate(rows), key=lambda one: one[1]):
            segment, place = self.owners[row]
            together.setdefault(id(segment), (segment, []))[1].append(place)
            ordered.append(at)
        pairs = [(segment, np.array(places, dtype=np.int64)) for segment, places in together.values()]
        found = features(self.query, weights, pairs)
        return np.asarray(found[np.argsort(ordered)])


def search(
    parts: Sequence[Part],
    query: Query,
    *,
    project_id: str | None,
    k: int,
    vector: Callable[[], Array] | None = None,
    ignored: Collection[int] = (),
) -> list[Hit]:
    """Find the best `k` skills, shared and of a project (None: of all); `ignored` are words."""
    seen = look(parts, query, project_id=project_id, vector=vector, ignored=ignored)
    if seen is None:
        return []
    fitted = scoring.load(meaning=vector is not None)
    scores = seen.figures @ fitted.order
    best = np.argsort(-scores, kind="stable")[:k]
    confidence = _confidence(seen, scores, best, fitted)
    worth = seen.worth(best)
    return [
        _hit(
            seen.owners[row],
            scores[row],
            sureness,
            worth=float(its_worth),
            shares=seen.figures[row] * fitted.order,
        )
        for row, sureness, its_worth in zip(best, confidence, worth, strict=True)
    ]


def _confidence(seen: Look, scores: Array, best: npt.NDArray[np.int64], fitted: scoring.Weights) -> Array:
    """Give how sure the best are: near copies of one are no rivals to it, and are as sure as it is."""
    order = np.argsort(-scores, kind="stable")
    first = order[: max(len(best), COMPARED)]
    original = first[originals([seen.tokens(row) for row in first])]
    kept = np.ones(len(scores), dtype=bool)
    kept[first[original != first]] = False
    rows = np.flatnonzero(kept)
    of = original[: len(best)]
    sure = scoring.sure_figures(
        seen.figures[rows], scores[rows], np.searchsorted(rows, of), weights=seen.weights, told=seen.told(of)
    )
    return scoring.confidence(sure, fitted, strange=scoring.is_strange(seen.query))


def look(
    parts: Sequence[Part],
    query: Query,
    *,
    project_id: str | None = None,
    vector: Callable[[], Array] | None = None,
    ignored: Collection[int] = (),
) -> Look | None:
    """Collect the candidates for a prompt and look at them closely; None where there is none.

    `vector` is asked for the prompt's meaning when its words were searched: it may be in the making.
    """
    skills = sum(int(np.count_nonzero(part.alive)) for part in parts)
    spans = [part.segment.spans(query.numbers) for part in parts]
    counts = np.sum([its[:, 1] - its[:, 0] for its in spans], axis=0)
    weights = scoring.word_weights(query, counts, skills)
    weights[[number in ignored for number in query.numbers]] = 0.0
    allowed = [part.allowed(project_id) for part in parts]
    found = _by_words(parts, weights, spans=spans, counts=counts, allowed=allowed)
    figures = features(query, weights, _pairs(parts, found))
    asked = vector() if vector is not None else None
    if asked is not None:
        near = _by_meaning(parts, asked, allowed)
        others = [its[(its[:, None] != known).all(axis=1)] for its, known in zip(near, found, strict=True)]
        more = features(query, weights, _pairs(parts, others))
        found, order = _together(found, others)
        figures = np.concatenate([figures, more])[order]
    pairs = _pairs(parts, found)
    if not pairs:
        return None
    if asked is not None:
        figures[:, _MEANING] = _meanings(parts, found, asked)
    owners = [(segment, int(place)) for segment, places in pairs for place in places]
    return Look(query=query, weights=weights, figures=figures, owners=owners)


def _pairs(parts: Sequence[Part], places: Places) -> list[tuple[Segment, npt.NDArray[np.int64]]]:
    return [(part.segment, its) for part, its in zip(parts, places, strict=True) if len(its)]


def _together(these: Places, those: Places) -> tuple[Places, npt.NDArray[np.int64]]:
    """Put the places of both in order, and say for each where it was, those of all parts behind these."""
    owners = [np.repeat(np.arange(len(places)), [len(its) for its in places]) for places in (these, those)]
    every, owner = np.concatenate([*these, *those]), np.concatenate(owners)
    order = np.lexsort((every, owner))
    ends = np.cumsum(np.bincount(owner, minlength=len(these)))
    return np.split(every[order], ends[:-1]), order


def _hit(owner: tuple[Segment, int], score: float, confidence: float, *, worth: float, shares: Array) -> Hit:
    segment, place = owner
    return Hit(
        skill_id=bytes(segment.skill_ids[place]).decode(),
        version=int(segment.versions[place]),
        project_id=bytes(segment.project_ids[place]).decode(),
        score=float(score),
        confidence=float(confidence),
        worth=float(worth),
        figures={name: round(float(share), 4) for name, share in zip(NAMES, shares, strict=True)},
    )


def _by_words(
    parts: Sequence[Part],
    weights: Array,
    *,
    spans: Sequence[npt.NDArray[np.int64]],
    counts: npt.NDArray[np.int64],
    allowed: Sequence[npt.NDArray[np.bool_]],
) -> Places:
    words, postings = [], 0
    for place in np.argsort(counts, kind="stable").tolist():
        if not counts[place] or weights[place] <= 0:
            continue
        words.append((place, float(weights[place]) * IMPACT_STEP))
        postings += int(counts[place])
        if postings > MAX_POSTINGS:
            break
    weighed = np.array([weight for _, weight in words])
    chosen = [place for place, _ in words]
    scores = []
    for part, its_spans, its_allowed in zip(parts, spans, allowed, strict=True):
        its = its_spans[chosen]
        scores.append(_added_up(part.segment, its, weighed) * its_allowed)
    return _best(scores, BY_WORDS)


def _added_up(segment: Segment, spans: npt.NDArray[np.int64], weights: npt.NDArray[np.float64]) -> Array:
    """Add up for each skill what the words add to it whose postings lie in some spans."""
    lengths = spans[:, 1] - spans[:, 0]
    if not lengths.any():
        return np.zeros(len(segment), dtype=np.float32)
    slices = [slice(start, end) for start, end in spans.tolist() if end > start]
    places = np.concatenate([segment.postings[one] for one in slices])
    impacts = np.concatenate([segment.impacts[one] for one in slices]) * np.repeat(weights, lengths)
    return np.bincount(places, weights=impacts, minlength=len(segment)).astype(np.float32)


def _by_meaning(parts: Sequence[Part], vector: Array, allowed: Sequence[npt.NDArray[np.bool_]]) -> Places:
    asked = signs(vector[None, :])
    nearness = [
        part.vectors.alike(asked) * its_allowed
        if part.vectors is not None
        else np.zeros(len(part.segment), dtype=np.int16)
        for part, its_allowed in zip(parts, allowed, strict=True)
    ]
    places = _best(nearness, BY_SIGNS)
    similar = [
        part.vectors.similar(vector, chosen) if part.vectors is not None else np.zeros(0, dtype=np.float32)
        for part, chosen in zip(parts, places, strict=True)
    ]
    return [chosen[best] for chosen, best in zip(places, _best(similar, BY_MEANING), strict=True)]


def _meanings(parts: Sequence[Part], found: Places, vector: Array) -> Array:
    """Give how near candidates are to the prompt; those whose vectors are not made yet, like the others."""
    near = [
        part.vectors.similar(vector, places)
        if part.vectors is not None
        else np.zeros(len(places), np.float32)
        for part, places in zip(parts, found, strict=True)
        if len(places)
    ]
    made = [
        part.vectors.made[places] if part.vectors is not None else np.zeros(len(places), bool)
        for part, places in zip(parts, found, strict=True)
        if len(places)
    ]
    values, known = np.concatenate(near), np.concatenate(made)
    if not known.all() and known.any():
        values[~known] = values[known].mean()
    return values


def _best(scores: Sequence[npt.NDArray[np.number]], most: int) -> Places:
    """Give the places of the best scores above zero, over all parts together."""
    together = np.concatenate(scores)
    least = np.partition(together, len(together) - most)[len(together) - most] if len(together) > most else 0
    found = []
    left = most
    for its in scores:
        chosen = np.flatnonzero(its >= least) if least > 0 else np.flatnonzero(its > 0)
        # Many skills of one score: the first ones do.
        found.append(chosen[:left] if len(together) > most and least <= 0 else chosen)
        left = max(0, left - len(found[-1]))
    return found
