"""Full-text search over events and live skills, kept in the writing transaction by each engine."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from hivemind.store.database import Workspace

_TOKEN = re.compile(r"\w+")
#: Terms of a query that are looked up, at most: long pastes must not cost seconds.
MAX_QUERY_TERMS = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class EventHit:
    """Hold one event that matches a search, best first; `score` grows with relevance."""

    event_id: str
    session_id: str
    seq: int
    kind: str
    at: str
    tool_name: str
    text: str
    agent: str
    cwd: str
    score: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SkillEntry:
    """Hold the fields of a skill that are searched."""

    skill_id: str
    project_id: str
    name: str
    description: str
    requests: str
    body: str


def words_of(query: str) -> list[str]:
    """Give the words of a person's query, each once."""
    return list(dict.fromkeys(token.lower() for token in _TOKEN.findall(query)))[:MAX_QUERY_TERMS]


def index_events(workspace: Workspace, documents: Sequence[tuple[str, str]]) -> None:
    """Index new events, given as (event id, text)."""
    rows = [(event_id, text) for event_id, text in documents if text]
    if rows:
        workspace.seam.index_events(workspace.connection, workspace.workspace_id, rows)


def forget_events(workspace: Workspace, documents: Sequence[tuple[str, str]]) -> None:
    """Take events out of the index, given as (event id, the text that was indexed)."""
    workspace.seam.forget_events(workspace.connection, workspace.workspace_id, documents)


def search_events(workspace: Workspace, query: str, *, limit: int = 10) -> list[EventHit]:
    """Find events whose text has words of the query, the most telling first."""
    words = words_of(query)
    if not words:
        return []
    rows = workspace.seam.search_events(workspace.connection, workspace.workspace_id, words, limit=limit)
    return [EventHit(**row) for row in rows]


def index_skill(workspace: Workspace, entry: SkillEntry) -> None:
    """Make a live skill findable, or update it."""
    fields = {
        "project_id": entry.project_id,
        "name": entry.name.replace("-", " "),
        "description": entry.description,
        "requests": entry.requests,
        "body": entry.body,
    }
    workspace.seam.index_skill(workspace.connection, workspace.workspace_id, entry.skill_id, fields)


def forget_skill(workspace: Workspace, skill_id: str) -> None:
    """Take a skill out of the index."""
    workspace.seam.forget_skill(workspace.connection, workspace.workspace_id, skill_id)


def search_skills(workspace: Workspace, query: str, *, limit: int = 10) -> list[str]:
    """Find live skills with words of the query, as skill ids, the best first."""
    words = words_of(query)
    if not words:
        return []
    found = workspace.seam.search_skills(workspace.connection, workspace.workspace_id, words, limit=limit)
    return list(found)
