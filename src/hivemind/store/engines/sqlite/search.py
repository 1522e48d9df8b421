"""FTS5 over events and over live skills, kept in the writing transaction."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

_SEARCH = sa.text(
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
)


def match_any(words: Sequence[str]) -> str:
    """Write an FTS5 expression that matches any of the words, whatever they mean to FTS5."""
    return " OR ".join(f'"{word}"' for word in words)


def index_events(connection: sa.Connection, workspace_id: str, documents: Sequence[tuple[str, str]]) -> None:
    """Index new events, given as (event id, text)."""
    first = int(
        connection.exec_driver_sql("SELECT coalesce(max(document_id), 0) FROM event_documents").scalar_one()
    )
    numbered = [(first + n, workspace_id, event_id) for n, (event_id, _) in enumerate(documents, start=1)]
    connection.exec_driver_sql("INSERT INTO event_documents VALUES (?, ?, ?)", numbered)
    connection.exec_driver_sql(
        "INSERT INTO events_search (rowid, text) VALUES (?, ?)",
        [(number[0], text) for number, (_, text) in zip(numbered, documents, strict=True)],
    )


def forget_events(connection: sa.Connection, workspace_id: str, documents: Sequence[tuple[str, str]]) -> None:
    """Take events out of the index: one without content has to be told what was in it."""
    for event_id, text in documents:
        number = connection.exec_driver_sql(
            "SELECT document_id FROM event_documents WHERE workspace_id = ? AND event_id = ?",
            (workspace_id, event_id),
        ).scalar()
        if number is not None:
            connection.exec_driver_sql(
                "INSERT INTO events_search (events_search, rowid, text) VALUES ('delete', ?, ?)",
                (number, text),
            )
            connection.exec_driver_sql("DELETE FROM event_documents WHERE document_id = ?", (number,))


def search_events(
    connection: sa.Connection, workspace_id: str, words: Sequence[str], *, limit: int
) -> Sequence[Mapping[str, Any]]:
    """Find events that have any of the words, the most telling first (BM25)."""
    bound = {"query": match_any(words), "workspace": workspace_id, "limit": limit, "most": limit * 20}
    return [dict(row) for row in connection.execute(_SEARCH, bound).mappings()]


def indexed_events(connection: sa.Connection, workspace_id: str) -> int:  # noqa: ARG001 - the seam's
    """Give about how many events are indexed, those of other workspaces included."""
    found = connection.exec_driver_sql("SELECT max(document_id) FROM event_documents").scalar()
    return int(found or 0)


def count_events(
    connection: sa.Connection,
    workspace_id: str,  # noqa: ARG001 - the index counts every workspace
    text: str,
    *,
    is_prefix: bool,
) -> int:
    """Count the events that have a term, those of other workspaces included."""
    found = connection.exec_driver_sql(
        "SELECT count(*) FROM events_search WHERE events_search MATCH ?", (_expression(text, is_prefix),)
    )
    return int(found.scalar_one())


def rank_events(
    connection: sa.Connection,
    workspace_id: str,  # noqa: ARG001 - the index ranks every workspace
    terms: Sequence[tuple[str, bool]],
    *,
    limit: int,
) -> list[tuple[int | str, float]]:
    """Give the events with any of some terms, those of other workspaces included, the best first."""
    expression = " OR ".join(_expression(text, is_prefix) for text, is_prefix in terms)
    rows = connection.exec_driver_sql(
        "SELECT rowid, -rank FROM events_search WHERE events_search MATCH ? ORDER BY rank LIMIT ?",
        (expression, limit),
    )
    return [(int(document), float(score)) for document, score in rows]


def places_of(
    connection: sa.Connection, workspace_id: str, chosen: Sequence[int | str]
) -> Sequence[Sequence[Any]]:
    """Say where documents stand; those of other workspaces are left out."""
    return connection.exec_driver_sql(
        "SELECT d.document_id, e.event_id, e.session_id, e.seq, e.kind, e.agent_id, coalesce(e.at, '')"
        " FROM json_each(?) j"
        " CROSS JOIN event_documents d ON d.document_id = j.value"
        " CROSS JOIN events e ON e.workspace_id = d.workspace_id AND e.event_id = d.event_id"
        " WHERE d.workspace_id = ?",
        (json.dumps(list(chosen)), workspace_id),
    ).all()


def _expression(text: str, is_prefix: bool) -> str:
    return f'"{text}"' + (" *" if is_prefix else "")


def index_skill(connection: sa.Connection, workspace_id: str, skill_id: str, fields: dict[str, str]) -> None:
    """Make a skill findable, or update it."""
    forget_skill(connection, workspace_id, skill_id)
    connection.exec_driver_sql(
        "INSERT OR IGNORE INTO skill_documents (workspace_id, skill_id) VALUES (?, ?)",
        (workspace_id, skill_id),
    )
    connection.execute(
        sa.text(
            "INSERT INTO skills_search"
            " (rowid, workspace_id, skill_id, project_id, name, description, requests, body) VALUES"
            " (:row, :workspace, :skill, :project_id, :name, :description, :requests, :body)"
        ),
        {
            "row": _skill_document(connection, workspace_id, skill_id),
            "workspace": workspace_id,
            "skill": skill_id,
            **fields,
        },
    )


def forget_skill(connection: sa.Connection, workspace_id: str, skill_id: str) -> None:
    """Take a skill out of the index."""
    document_id = _skill_document(connection, workspace_id, skill_id)
    if document_id is not None:
        connection.exec_driver_sql("DELETE FROM skills_search WHERE rowid = ?", (document_id,))


def _skill_document(connection: sa.Connection, workspace_id: str, skill_id: str) -> int | None:
    found = connection.exec_driver_sql(
        "SELECT document_id FROM skill_documents WHERE workspace_id = ? AND skill_id = ?",
        (workspace_id, skill_id),
    ).scalar()
    return int(found) if found is not None else None


def search_skills(
    connection: sa.Connection, workspace_id: str, words: Sequence[str], *, limit: int
) -> Sequence[str]:
    """Find skills that have any of the words, the best first (BM25)."""
    rows = connection.exec_driver_sql(
        "SELECT skill_id FROM skills_search WHERE skills_search MATCH ? AND workspace_id = ? "
        "ORDER BY bm25(skills_search) LIMIT ?",
        (match_any(words), workspace_id, limit),
    )
    return [str(row[0]) for row in rows]
