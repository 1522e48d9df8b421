"""Say what a prompt would be given, and why: the ranking, what each figure adds, and what became of each."""

import sqlite3
import time
from dataclasses import dataclass, field

from hivemind.retrieval import languages, select
from hivemind.retrieval.index.index import Index
from hivemind.retrieval.rank import Candidate, project_words
from hivemind.retrieval.tokens import count_tokens


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranked:
    """Hold one skill as ranked for a prompt."""

    skill_id: str
    name: str
    version: int
    project_id: str
    state: str
    score: float  #: what orders it: the sum of its figures
    confidence: float  #: the probability that it is right
    strength: float  #: what decides, beside `needed`
    needed: float
    figures: dict[str, float] = field(default_factory=dict)  #: what each adds to the score
    decision: str = ""  #: given: whole, section, description; or why not
    tokens: int = 0  #: of what is given
    elsewhere: bool = False  #: it is for other languages than are at hand, and was held back for it


@dataclass(frozen=True, slots=True, kw_only=True)
class Explained:
    """Hold what one prompt would be given."""

    prompt: str
    asked: str  #: what was searched for: a prompt that says little goes back to an earlier one
    ranking: tuple[Ranked, ...]
    given: tuple[str, ...]  #: ids of the skills that it would be given, best first
    at_hand: tuple[str, ...]  #: languages of what the session works on
    text: str  #: what the agent would read
    tokens: int
    search_ms: float


GIVEN = ("whole", "section", "description")


def explain(
    index: Index,
    connection: sqlite3.Connection,
    *,
    workspace_id: str,
    project_id: str,
    prompt: str,
    asked: str = "",
    at_hand: frozenset[str] = frozenset(),
    k: int = select.MAX_SKILLS,
    budget_tokens: int = select.BUDGET_TOKENS,
    limit: int = 10,
) -> Explained:
    """Rank the skills for a prompt and say what would be given of them; nothing is recorded.

    `asked` is what is searched for where it is not the prompt itself, `at_hand` are the languages of what
    its session works on.
    """
    asked = asked or prompt
    started = time.perf_counter()
    ignored = project_words(connection, workspace_id, project_id) if project_id else set()
    hits = index.search(asked, project_id=project_id, k=limit, ignored_words=ignored)
    candidates = languages.fitting(index.candidates(connection, hits), prompt=asked, at_hand=at_hand)
    chosen = select.select(candidates, prompt=asked, k=k, budget_tokens=budget_tokens)
    elapsed_ms = (time.perf_counter() - started) * 1e3
    by_id = {hit.skill_id: hit for hit in hits}
    forms = {one.candidate.skill_id: one for one in chosen}
    wanted = at_hand | languages.said(asked) if at_hand else at_hand
    best = max((one.score for one in candidates if one.relevant), default=0.0)
    ranking = []
    for one in candidates:
        hit, form = by_id[one.skill_id], forms.get(one.skill_id)
        ranking.append(
            Ranked(
                skill_id=one.skill_id,
                name=one.name,
                version=one.version,
                project_id=one.project_id,
                state=one.state,
                score=hit.score,
                confidence=hit.confidence,
                strength=one.score,
                needed=one.threshold,
                figures=hit.figures,
                decision=form.form if form else _why_not(one, best=best, left=k - len(forms), k=k),
                elsewhere=languages.is_elsewhere(one, wanted),
                tokens=count_tokens(form.text) if form else 0,
            )
        )
    text = select.render_selected(chosen)
    return Explained(
        prompt=prompt,
        asked=asked,
        ranking=tuple(ranking),
        given=tuple(forms),
        at_hand=tuple(sorted(at_hand)),
        text=text,
        tokens=count_tokens(text) if text else 0,
        search_ms=elapsed_ms,
    )


def _why_not(candidate: Candidate, *, best: float, left: int, k: int) -> str:
    if not k:
        return "nothing is to be given"
    if not candidate.relevant:
        return "below the threshold"
    if candidate.score < best * select.LEAST_OF_BEST:
        return "far behind the best"
    # What is alike is looked at before the number is full.
    return "like one that is given, or over the budget" if left > 0 else "enough are given"
