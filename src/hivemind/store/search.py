"""The search seam of SQLite: FTS5 over events and over live skills, kept in the writing transaction."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa

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


def match_any(query: str) -> str:
    """Write an FTS5 expression that matches any word of a person's query; empty when it has none."""
    terms = list(dict.fromkeys(token.lower() for token in _TOKEN.findall(query)))[:MAX_QUERY_TERMS]
    return " OR ".join(f'"{term}"' for term in terms)


def index_events(workspace: Workspace, documents: Sequence[tuple[str, str]]) -> None:
    """Index new events, given as (event id, text)."""
    rows = [(event_id, text) for event_id, text in documents if text]
    if not rows:
        return
    connection = workspace.connection
    first = int(
        connection.exec_driver_sql("SELECT coalesce(max(document_id), 0) FROM event_documents").scalar_one()
    )
    numbered = [
        (first + n, workspace.workspace_id, event_id) for n, (event_id, _) in enumerate(rows, start=1)
    ]
    connection.exec_driver_sql("INSERT INTO event_documents VALUES (?, ?, ?)", numbered)
    connection.exec_driver_sql(
        "INSERT INTO events_search (rowid, text) VALUES (?, ?)",
        [(number[0], text) for number, (_, text) in zip(numbered, rows, strict=True)],
    )


def forget_events(workspace: Workspace, documents: Sequence[tuple[str, str]]) -> None:
    """Take events out of the index, given as (event id, the text that was indexed)."""
    connection = workspace.connection
    for event_id, text in documents:
        number = connection.exec_driver_sql(
            "SELECT document_id FROM event_documents WHERE workspace_id = ? AND event_id = ?",
            (workspace.workspace_id, event_id),
        ).scalar()
        if number is not None:
            connection.exec_driver_sql(
                "INSERT INTO events_search (events_search, rowid, text) VALUES ('delete', ?, ?)",
                (number, text),
            )
            connection.exec_driver_sql("DELETE FROM event_documents WHERE document_id = ?", (number,))


def search_events(workspace: Workspace, query: str, *, limit: int = 10) -> list[EventHit]:
    """Find events whose text has words of the query, the most telling first (BM25)."""
    expression = match_any(query)
    if not expression:
        return []
    rows = workspace.connection.execute(
        sa.text(
            """
            WITH hits AS (
                SELECT rowid AS document_id, bm25(events_search) AS distance
                FROM events_search WHERE events_search MATCH :query ORDER BY distance LIMIT :most
            )
            SELECT e.event_id, e.session_id, e.seq, e.kind, coalesce(e.at, '') AS at, e.tool_name, e.text,
                   coalesce(s.agent, '') AS agent, coalesce(s.cwd, '') AS cwd, -hits.distance AS score
            FROM hits
            JOIN event_documents d ON d.document_id = hits.document_id AND d.workspace_id = :workspace
            JOIN events e ON e.workspace_id = d.workspace_id AND e.event_id = d.event_id
            LEFT JOIN sessions s ON s.workspace_id = e.workspace_id AND s.session_id = e.session_id
            ORDER BY hits.distance LIMIT :limit
            """
        ),
        {"query": expression, "workspace": workspace.workspace_id, "limit": limit, "most": limit * 20},
    )
    return [EventHit(**row._mapping) for row in rows]


@dataclass(frozen=True, slots=True, kw_only=True)
class SkillEntry:
    """Hold the fields of a skill that are searched."""

    skill_id: str
    project_id: str
    name: str
    description: str
    requests: str
    body: str


def index_skill(workspace: Workspace, entry: SkillEntry) -> None:
    """Make a live skill findable, or update it."""
    forget_skill(workspace, entry.skill_id)
    connection = workspace.connection
    connection.exec_driver_sql(
        "INSERT OR IGNORE INTO skill_documents (workspace_id, skill_id) VALUES (?, ?)",
        (workspace.workspace_id, entry.skill_id),
    )
    connection.exec_driver_sql(
        "INSERT INTO skills_search "
        "(rowid, workspace_id, skill_id, project_id, name, description, requests, body) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (
            _skill_document(workspace, entry.skill_id),
            workspace.workspace_id,
            entry.skill_id,
            entry.project_id,
            entry.name.replace("-", " "),
            entry.description,
            entry.requests,
            entry.body,
        ),
    )


def forget_skill(workspace: Workspace, skill_id: str) -> None:
    """Take a skill out of the index."""
    document_id = _skill_document(workspace, skill_id)
    if document_id is not None:
        workspace.connection.exec_driver_sql("DELETE FROM skills_search WHERE rowid = ?", (document_id,))


def _skill_document(workspace: Workspace, skill_id: str) -> int | None:
    found = workspace.connection.exec_driver_sql(
        "SELECT document_id FROM skill_documents WHERE workspace_id = ? AND skill_id = ?",
        (workspace.workspace_id, skill_id),
    ).scalar()
    return int(found) if found is not None else None


def search_skills(workspace: Workspace, query: str, *, limit: int = 10) -> list[str]:
    """Find live skills with words of the query, as skill ids, the best first (BM25)."""
    expression = match_any(query)
    if not expression:
        return []
    rows = workspace.connection.exec_driver_sql(
        "SELECT skill_id FROM skills_search WHERE skills_search MATCH ? AND workspace_id = ? "
        "ORDER BY bm25(skills_search) LIMIT ?",
        (expression, workspace.workspace_id, limit),
    )
    return [str(row[0]) for row in rows]
