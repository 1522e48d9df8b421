"""Order episodes by what speaks for them: their words, and where there are vectors, their meaning.

Measured by benchmarks/past.py; the figures are in docs/search.md.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

from hivemind.retrieval.past import lexical
from hivemind.retrieval.past import words as reading
from hivemind.retrieval.past.lexical import Found, Key, Looked, Scope
from hivemind.retrieval.past.words import Question
from hivemind.store import past
from hivemind.store.database import Workspace
from hivemind.store.past import Filter, Term, Work

#: Episodes that are candidates by their meaning alone, and how near they must be: some are always nearest.
BY_MEANING, LEAST_NEARNESS = 30, 0.3

#: How near an episode's request and its closing message are to the question.
Nearness = Mapping[str, tuple[float, float]]
#: Gives the nearness of the episodes of these ids, as far as they have vectors.
Near = Callable[[str, Collection[str]], Nearness]


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """Hold what speaks for an episode."""

    best: float  #: its best event, as a share of what the question's words could be worth
    asked: float  #: the share of the question's weight that the request has
    request: float = 0.0  #: how near the request is
    closing: float = 0.0  #: how near the closing message is


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """Hold what figures are worth."""

    best: float
    asked: float
    nearer: float = 0.0  #: the nearer of request and closing message
    request: float = 0.0  #: the request's nearness once more

    def score(self, its: Figures) -> float:
        """Add the figures up."""
        nearer = self.nearer * max(0.0, its.request, its.closing)
        return self.best * its.best + self.asked * its.asked + nearer + self.request * max(0.0, its.request)


WORDS = Weights(best=1.5, asked=0.5)
#: Words that the request has are near in meaning, too: beside it they count less.
WORDS_AND_MEANING = Weights(best=1.5, asked=0.2, nearer=0.7, request=0.2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranked:
    """Hold a candidate: `score` orders the candidates of one question."""

    work: Work
    score: float
    figures: Figures
    found: Found | None  #: its events with words of the question


def rank(
    workspace: Workspace, text: str, *, chosen: Filter, limit: int, near: Near | None = None
) -> tuple[list[Ranked], Looked]:
    """Give the best episodes that a filter allows, the best first, and what was looked up."""
    question = reading.read(text)
    scope = Scope(past.work(workspace, chosen))
    looked = lexical.look(workspace, question, scope)
    nearness: Nearness = {}
    if near is not None and question.words and scope.allowed:
        nearness = near(text, [one.episode_id for one in scope.allowed if one.episode_id])
    weights = WORDS_AND_MEANING if nearness else WORDS
    candidates = _candidates(scope, looked, nearness, question)
    rows = [
        Ranked(work=work, score=score, figures=its, found=looked.found.get((work.session_id, work.number)))
        for work, its in zip(candidates, _figures(candidates, looked, nearness, question), strict=True)
        if (score := weights.score(its)) > 0
    ]
    rows.sort(key=lambda one: (-one.score, one.work.session_id, one.work.number))
    return rows[:limit], looked


def _candidates(scope: Scope, looked: Looked, nearness: Nearness, question: Question) -> list[Work]:
    chosen: dict[Key, Work] = {key: found.work for key, found in looked.found.items()}
    near_enough = [one for one, cosines in nearness.items() if max(cosines) >= LEAST_NEARNESS]
    nearest = set(sorted(near_enough, key=lambda one: -max(nearness[one]))[:BY_MEANING])
    unspaced = question.unspaced
    for work in scope.allowed:
        if work.episode_id in nearest or any(pair in work.request for pair in unspaced):
            chosen.setdefault((work.session_id, work.number), work)
    return list(chosen.values())


def _figures(
    candidates: Sequence[Work], looked: Looked, nearness: Nearness, question: Question
) -> list[Figures]:
    known = [nearness[one.episode_id] for one in candidates if one.episode_id in nearness]
    # What has no vector yet is taken to be as near as the others.
    usual = tuple(sum(column) / len(known) for column in zip(*known, strict=True)) if known else (0.0, 0.0)
    terms = [(reading.term(word), weight) for word, weight in looked.weights.items()]
    figures = []
    for one in candidates:
        found = looked.found.get((one.session_id, one.number))
        request, closing = nearness.get(one.episode_id, usual)
        figures.append(
            Figures(
                best=found.best if found is not None else 0.0,
                asked=_asked(one.request, terms, question),
                request=request,
                closing=closing,
            )
        )
    return figures


def _asked(request: str, terms: Sequence[tuple[Term, float]], question: Question) -> float:
    words = set(reading.words_of(request))
    had = sum(weight for term, weight in terms if _has(words, term))
    share = had / max(sum(weight for _, weight in terms), 1e-6)
    pairs = question.unspaced
    return max(share, sum(pair in request for pair in pairs) / len(pairs)) if pairs else share


def _has(words: Collection[str], term: Term) -> bool:
    return any(word.startswith(term.text) for word in words) if term.is_prefix else term.text in words
