"""Find the events that have the telling words of a question, and put them together by episode."""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from hivemind.domain.events import EventKind
from hivemind.retrieval.past import words as reading
from hivemind.retrieval.past.words import Question
from hivemind.store import past, schema
from hivemind.store.database import Workspace
from hivemind.store.past import Place, Term, Work

#: Events with a word that are weighed for a question: the rarest words first, the others are left out.
MAX_POSTINGS = 20_000
#: So many of the best events are looked up, and more until so many of them are allowed.
BEST_EVENTS, ENOUGH_EVENTS = 800, 200
#: With fewer events than this the common words are asked for, too.
LEAST_EVENTS = 20
#: BM25 gives a word so many times its rarity at most.
SATURATION = 2.2
#: What an event counts by its kind: a person and a summary say what it was about, output has any word.
KIND_WEIGHTS = {EventKind.PROMPT.value: 1.3, EventKind.ASSISTANT.value: 1.15}

Key = tuple[str, int]


@dataclass(slots=True, kw_only=True)
class Found:
    """Hold what an episode has of a question's words."""

    work: Work
    best: float = 0.0  #: of a single event, as a share of what the words could be worth
    events: list[tuple[float, Place]] = field(default_factory=list)

    @property
    def key(self) -> Key:
        """Name the episode."""
        return self.work.session_id, self.work.number


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """Hold what was found, by episode, and what the question's words tell."""

    found: Mapping[Key, Found]
    weights: Mapping[str, float]


class Scope:
    """Know which episode an event belongs to, and whether it may be answered with."""

    def __init__(self, work: Sequence[Work]) -> None:
        self._of: defaultdict[str, list[Work]] = defaultdict(list)
        for one in work:
            self._of[one.session_id].append(one)
        self.allowed = [one for one in work if one.allowed]

    def work_of(self, place: Place) -> Work | None:
        """Give the allowed episode that an event is in."""
        known = self._of.get(place.session_id)
        if not known:
            return None
        number = bisect_right(known, place.seq, key=lambda one: one.first_seq) - 1
        if place.agent_id and place.at:
            # A subagent's file is read later than what it worked for: its time tells, not its place.
            begun = (one.started_at is None or schema.utc_text(one.started_at) <= place.at for one in known)
            number = sum(begun) - 1
        found = known[max(0, number)]
        return found if found.allowed else None


def look(workspace: Workspace, question: Question, scope: Scope) -> Looked:
    """Look the words up among the allowed episodes."""
    known = _known(workspace, question)
    weights = {word: weight for word, _, weight, _ in known}
    total = SATURATION * max(sum(weights.values()), 1e-6)
    rare = _within(known)
    found: dict[Key, Found] = {}
    if scope.allowed:
        events = _allowed(workspace, _terms(rare, question), scope)
        if len(events) < LEAST_EVENTS and len(rare) < len(known):
            events = _allowed(workspace, _terms(known, question), scope)
        for score, place, work in events:
            score *= KIND_WEIGHTS.get(place.kind, 1.0) / total
            one = found.setdefault((work.session_id, work.number), Found(work=work))
            one.best = max(one.best, score)
            one.events.append((score, place))
    return Looked(found=found, weights=weights)


_Known = tuple[str, Term, float, int]


def _known(workspace: Workspace, question: Question) -> list[_Known]:
    """Give the words that any event has, the most telling first, with how many have them."""
    terms = [reading.term(word) for word in question.words]
    counts = [past.count(workspace, term) for term in terms]
    weights = reading.rarity(question.words, counts, past.documents(workspace))
    known = [one for one in zip(question.words, terms, weights, counts, strict=True) if one[3]]
    return sorted(known, key=lambda one: -one[2])[: reading.MAX_TERMS]


def _within(known: Sequence[_Known]) -> list[_Known]:
    chosen: list[_Known] = []
    postings = 0
    for one in known:
        postings += one[3]
        if chosen and postings > MAX_POSTINGS:
            break
        chosen.append(one)
    return chosen


def _terms(known: Sequence[_Known], question: Question) -> list[Term]:
    weights = {word: weight for word, _, weight, _ in known}
    pairs = [pair for pair in question.pairs if pair[0] in weights and pair[1] in weights]
    pairs.sort(key=lambda pair: -(weights[pair[0]] + weights[pair[1]]))
    beside = [Term(f"{one} {other}") for one, other in pairs[: reading.MAX_PAIRS]]
    return [term for _, term, _, _ in known] + beside


def _allowed(workspace: Workspace, terms: Sequence[Term], scope: Scope) -> list[tuple[float, Place, Work]]:
    """Give the best events that the filter allows: as many as if it had been laid before they were ranked."""
    limit = BEST_EVENTS
    while True:
        ranked = past.ranked(workspace, terms, limit=limit)
        scores = dict(ranked)
        found = [
            (scores[place.document], place, work)
            for place in past.places(workspace, [document for document, _ in ranked])
            if (work := scope.work_of(place)) is not None
        ]
        if len(found) >= ENOUGH_EVENTS or len(ranked) < limit:
            return found
        limit *= 8
