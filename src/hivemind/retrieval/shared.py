"""Rank live skills for a prompt on any database, for a server: the score and thresholds of `rank`.

The database's own search finds the candidates, and their words are counted here, so that SQLite and
PostgreSQL give the same answer.
"""

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache

import Stemmer

from hivemind.domain.skills import LIVE_STATES
from hivemind.retrieval import word_frequencies
from hivemind.retrieval.rank import (
    SHARED_LEAST,
    Candidate,
    project_threshold,
    prompt_words,
    shared_threshold,
    word_weights,
)
from hivemind.store import past, search
from hivemind.store import skills as store
from hivemind.store.database import Workspace

#: Skills that are looked at closely.
MAX_CANDIDATES = 200
_WORD = re.compile(r"[^\W_]+")
_STEMMER = Stemmer.Stemmer("english")


def ranked(
    workspace: Workspace, prompt: str, *, project_id: str | None = None, limit: int = 10
) -> list[Candidate]:
    """Rank the live skills of a workspace for a prompt, best first, relevant or not.

    With a `project_id` those of that project and of every project; without one all.
    """
    live = {one.skill_id: one for one in store.listed(workspace, states=LIVE_STATES, project_id=project_id)}
    words = prompt_words(prompt) if live else []
    weights = word_weights(words, _frequencies() if words else {})
    total = sum(weights.values())
    if not total:
        return []
    rarest = sorted(weights, key=lambda word: -weights[word])[: search.MAX_QUERY_TERMS]
    found = [
        skill_id
        for skill_id in search.search_skills(workspace, " ".join(rarest), limit=MAX_CANDIDATES)
        if skill_id in live
    ]
    thresholds = _thresholds(live.values())
    current = store.current_among(workspace, [live[skill_id] for skill_id in found])
    candidates = []
    for skill_id in found:
        skill, version = live[skill_id], current[skill_id]
        body = version.document.body
        columns = (skill.name, f"{skill.description} {version.requests}", body)
        matched = _matched(weights, columns)
        share = min(1.0, matched / total)
        candidates.append(
            Candidate(
                skill_id=skill_id,
                version=skill.version,
                state=skill.state.value,
                project_id=skill.project_id,
                name=skill.name,
                description=skill.description,
                body=body,
                matched=matched,
                share=share,
                score=matched * math.sqrt(share),
                threshold=thresholds.get(skill.project_id, SHARED_LEAST),
            )
        )
    candidates.sort(key=lambda one: (-one.score, one.name, one.skill_id))
    return [one for one in candidates if one.score > 0][:limit]


def project_named(workspace: Workspace, named: str) -> str | None:
    """Give the id of a project by its id, name or remote; None for any, "" for one that is not known here."""
    wanted = named.strip().casefold().rstrip("/")
    if not wanted:
        return None
    for one in past.projects(workspace):
        if wanted in (one.project_id, one.name.casefold(), one.remote.casefold()):
            return str(one.project_id)
    return ""


def _thresholds(live: Iterable[store.Skill]) -> dict[str, float]:
    """Give the threshold of each project's skills, and of those of every project under the empty name."""
    counts: dict[str, int] = {}
    for one in live:
        counts[one.project_id] = counts.get(one.project_id, 0) + 1
    return {
        project: (project_threshold(count) if project else shared_threshold(count))
        for project, count in counts.items()
    }


def _matched(weights: Mapping[str, float], columns: Sequence[str]) -> float:
    """Add half of a word's weight where any column has it, where what the skill is for, where its name."""
    name, purpose, body = (_stems(text) for text in columns)
    purpose |= name
    everywhere = purpose | body
    matched = 0.0
    for word, weight in weights.items():
        stem = _STEMMER.stemWord(word)
        matched += weight / 2 * sum(stem in held for held in (everywhere, purpose, name))
    return matched


def _stems(text: str) -> set[str]:
    return set(_STEMMER.stemWords(_WORD.findall(text.lower())))


@lru_cache(maxsize=1)
def _frequencies() -> Mapping[str, int]:
    return word_frequencies.load()
