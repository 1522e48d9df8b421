"""Full-text search on PostgreSQL: words as tsvector under GIN, in tables of their own that can be made anew.

Words are split here and not by the server, whose parser takes `src/app/main.py` for one word. Each begins
with a tag of its workspace, so that a search reads the postings of that workspace and not of every team on
the server. The rank is BM25 over distinct words: how often an event says a word is not kept.
"""

import base64
import hashlib
import math
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

import sqlalchemy as sa

from hivemind.store.schema import UtcTime, utc_text

#: Letters and digits, as FTS5 splits; what joins the parts of an identifier separates words.
_WORD = re.compile(r"[^\W_]+")
#: A longer word is known by its beginning.
MAX_WORD_CHARS = 100
#: All words of one event, which PostgreSQL limits to 1 MiB; what comes after them is not found.
MAX_WORDS_BYTES = 900_000
#: The rarest words of a query are looked up: common ones cost much and tell little.
MAX_TERMS = 12
#: Rows that a common word may add, by the server's own statistics, before it is left out.
MAX_ROWS = 20_000
#: BM25: how soon a word is worth no more the longer the text, and how much length counts.
_K1, _B = 1.2, 0.75


def words_of(text: str) -> list[str]:
    """Split a text into words without case and accents, each once, in the order they come."""
    if not text.isascii():
        split = unicodedata.normalize("NFKD", text)
        text = "".join(char for char in split if not unicodedata.combining(char))
    return list(dict.fromkeys(word[:MAX_WORD_CHARS] for word in _WORD.findall(text.lower())))


@lru_cache(maxsize=1024)
def _tag(workspace_id: str) -> str:
    digest = hashlib.blake2b(workspace_id.encode(), digest_size=3).digest()
    return base64.urlsafe_b64encode(digest).decode()


def _vector(workspace_id: str, text: str) -> str:
    """Write the words of a text as PostgreSQL writes a tsvector; a word has nothing to be escaped."""
    tag = _tag(workspace_id)
    words = words_of(text)
    size = sum(map(len, words)) if text.isascii() else sum(len(word.encode()) for word in words)
    if size + len(words) * len(tag) > MAX_WORDS_BYTES:
        words = _beginning(words, len(tag))
    return f"'{tag}" + f"' '{tag}".join(words) + "'" if words else ""


def _beginning(words: Iterable[str], tag_bytes: int) -> list[str]:
    kept: list[str] = []
    left = MAX_WORDS_BYTES
    for word in words:
        left -= len(word.encode()) + tag_bytes
        if left < 0:
            break
        kept.append(word)
    return kept


_MEMORY = sa.text("SELECT set_config('work_mem', '64MB', true)")


def index_events(connection: sa.Connection, workspace_id: str, documents: Sequence[tuple[str, str]]) -> None:
    """Index new events, given as (event id, text)."""
    driver = connection.connection.driver_connection
    assert driver is not None  # noqa: S101 - it is connected
    # For whoever finds the list of what waits for the index full, and empties it.
    connection.execute(_MEMORY)
    with driver.cursor().copy("COPY event_words (workspace_id, event_id, words) FROM STDIN") as copy:
        for row in words_rows(workspace_id, documents):
            copy.write_row(row)


def words_rows(workspace_id: str, documents: Sequence[tuple[str, str]]) -> Iterator[tuple[str, str, str]]:
    """Give the rows of `event_words` for events given as (event id, text)."""
    for event_id, text in documents:
        if vector := _vector(workspace_id, text):
            yield workspace_id, event_id, vector


def forget_events(connection: sa.Connection, workspace_id: str, documents: Sequence[tuple[str, str]]) -> None:
    """Take events out of the index."""
    connection.execute(
        sa.text("DELETE FROM event_words WHERE workspace_id = :workspace AND event_id = ANY(:events)"),
        {"workspace": workspace_id, "events": [event_id for event_id, _ in documents]},
    )


def index_skill(connection: sa.Connection, workspace_id: str, skill_id: str, fields: dict[str, str]) -> None:
    """Make a skill findable, or update it."""
    text = "\n".join(fields[name] for name in ("name", "description", "requests", "body"))
    tag = _tag(workspace_id)
    lexemes = sorted({tag + stem for stem in _stems(connection, _beginning(words_of(text), len(tag)))})
    connection.execute(
        sa.text(
            "INSERT INTO skill_words (workspace_id, skill_id, words)"
            " VALUES (:workspace, :skill, array_to_tsvector(CAST(:lexemes AS text[])))"
            " ON CONFLICT (workspace_id, skill_id) DO UPDATE SET words = excluded.words"
        ),
        {"workspace": workspace_id, "skill": skill_id, "lexemes": lexemes},
    )


def forget_skill(connection: sa.Connection, workspace_id: str, skill_id: str) -> None:
    """Take a skill out of the index."""
    connection.execute(
        sa.text("DELETE FROM skill_words WHERE workspace_id = :workspace AND skill_id = :skill"),
        {"workspace": workspace_id, "skill": skill_id},
    )


def _stems(connection: sa.Connection, words: Sequence[str]) -> list[str]:
    """Give the stem of each English word; a stop word is its own."""
    if not words:
        return []
    found = connection.execute(
        sa.text(
            "SELECT coalesce((ts_lexize('english_stem', word))[1], word)"
            " FROM unnest(CAST(:words AS text[])) WITH ORDINALITY AS given (word, n) ORDER BY n"
        ),
        {"words": list(words)},
    )
    return [str(row[0]) for row in found]


def search_events(
    connection: sa.Connection, workspace_id: str, words: Sequence[str], *, limit: int
) -> Sequence[Mapping[str, Any]]:
    """Find events that have any of the words, the most telling first."""
    terms = _terms(workspace_id, [words_of(word) for word in words])
    scores = _best(connection, _EVENTS, workspace_id, terms, limit=limit)
    if not scores:
        return []
    rows = connection.execute(_FOUND, {"workspace": workspace_id, "events": list(scores)}).all()
    hits = [
        {**row._mapping, "at": utc_text(row.at) if row.at else "", "score": scores[row.event_id]}
        for row in rows
    ]
    return sorted(hits, key=lambda hit: (-hit["score"], hit["session_id"], hit["seq"]))


def indexed_events(connection: sa.Connection, workspace_id: str) -> int:
    """Give about how many events the workspace has."""
    return _rows(connection, "event_words", workspace_id)


def count_events(connection: sa.Connection, workspace_id: str, text: str, *, is_prefix: bool) -> int:
    """Count the workspace's events that have a term, up to MAX_ROWS."""
    query = _query(workspace_id, text, is_prefix=is_prefix)
    if not query:
        return 0
    found = connection.execute(
        sa.text(
            "SELECT count(*) FROM (SELECT 1 FROM event_words WHERE workspace_id = :workspace"
            " AND words @@ CAST(:query AS tsquery) LIMIT :most) AS found"
        ),
        {"workspace": workspace_id, "query": query, "most": MAX_ROWS},
    )
    return int(found.scalar_one())


def rank_events(
    connection: sa.Connection, workspace_id: str, terms: Sequence[tuple[str, bool]], *, limit: int
) -> list[tuple[int | str, float]]:
    """Give the workspace's events with any of some terms, the best first; words beside each other weigh more.

    Where words stand is not kept: two of a term are found wherever both are.
    """
    queries = [_query(workspace_id, text, is_prefix=is_prefix) for text, is_prefix in terms]
    known = list(dict.fromkeys(query for query in queries if query))
    return list(_best(connection, _EVENTS, workspace_id, known, limit=limit).items())


def places_of(
    connection: sa.Connection, workspace_id: str, chosen: Sequence[int | str]
) -> Sequence[Sequence[Any]]:
    """Say where events stand."""
    rows = connection.execute(
        sa.text(
            "SELECT event_id, event_id AS id, session_id, seq, kind, agent_id, at FROM events"
            " WHERE workspace_id = :workspace AND event_id = ANY(:events)"
        ).columns(at=UtcTime),
        {"workspace": workspace_id, "events": [str(one) for one in chosen]},
    )
    return [(*row[:6], utc_text(row.at) if row.at else "") for row in rows]


def _query(workspace_id: str, text: str, *, is_prefix: bool) -> str:
    """Write the words of a term as a query; empty where it has none."""
    tag, words = _tag(workspace_id), words_of(text)
    parts = [f"'{tag}{word}'" for word in words]
    if parts and is_prefix:
        parts[-1] += ":*"
    return " & ".join(parts)


def search_skills(
    connection: sa.Connection, workspace_id: str, words: Sequence[str], *, limit: int
) -> Sequence[str]:
    """Find skills that have any of the words, the best first."""
    terms = _terms(workspace_id, [_stems(connection, words_of(word)) for word in words])
    return list(_best(connection, _SKILLS, workspace_id, terms, limit=limit))


_EVENTS, _SKILLS = ("event_words", "event_id"), ("skill_words", "skill_id")
_FOUND = sa.text(
    "SELECT e.event_id, e.session_id, e.seq, e.kind, e.at, e.tool_name, e.text,"
    " coalesce(s.agent, '') AS agent, coalesce(s.cwd, '') AS cwd FROM events e"
    " LEFT JOIN sessions s ON s.workspace_id = e.workspace_id AND s.session_id = e.session_id"
    " WHERE e.workspace_id = :workspace AND e.event_id = ANY(:events)"
).columns(at=UtcTime)


def _terms(workspace_id: str, parts: Sequence[Sequence[str]]) -> list[str]:
    """Write each word as a query; one of several parts, such as an identifier, needs all of them."""
    tag = _tag(workspace_id)
    queries = (" & ".join(f"'{tag}{part}'" for part in word) for word in parts if word)
    return list(dict.fromkeys(queries))


def _best(
    connection: sa.Connection, where: tuple[str, str], workspace_id: str, terms: Sequence[str], *, limit: int
) -> dict[str, float]:
    """Give the best rows with any of the terms, with their scores, the best first."""
    terms = _rarest(connection, where[0], terms)
    if not terms:
        return {}
    table, key = where
    has = ", ".join(f"CAST(words @@ CAST(:t{n} AS tsquery) AS int) AS h{n}" for n in range(len(terms)))
    known = ", ".join(f"sum(h{n}) AS d{n}" for n in range(len(terms)))
    length = f"{1 - _B} + {_B} * hits.size / known.size"
    worth = " + ".join(f"h{n} * ln((greatest(:all, d{n}) + 1) / (d{n} + 0.5))" for n in range(len(terms)))
    found = connection.execute(
        sa.text(
            f"WITH hits AS MATERIALIZED (SELECT {key}, greatest(length(words), 1)::float AS size, {has}"  # noqa: S608
            f" FROM {table} WHERE workspace_id = :workspace AND words @@ CAST(:query AS tsquery)),"
            f" known AS (SELECT avg(size) AS size, {known} FROM hits)"
            f" SELECT hits.{key}, ({worth}) * {_K1 + 1} / (1 + {_K1} * ({length})) AS score"
            f" FROM hits, known ORDER BY score DESC, hits.{key} LIMIT :limit"
        ),
        {
            "workspace": workspace_id,
            "query": " | ".join(f"({term})" for term in terms),
            "all": _rows(connection, table, workspace_id),
            "limit": limit,
            **{f"t{n}": term for n, term in enumerate(terms)},
        },
    )
    return {str(row[0]): float(row[1]) for row in found}


def _rows(connection: sa.Connection, table: str, workspace_id: str) -> int:
    """Count what a workspace has that could be found, roughly: sessions know how many events they have."""
    counted = "coalesce(sum(next_seq), 0) FROM sessions" if table == "event_words" else "count(*) FROM skills"
    query = sa.text(f"SELECT {counted} WHERE workspace_id = :workspace")
    return int(connection.execute(query, {"workspace": workspace_id}).scalar_one())


def _rarest(connection: sa.Connection, table: str, terms: Sequence[str]) -> list[str]:
    """Leave out terms that too many rows have, as far as the server knows; the rarest always stays."""
    found = connection.execute(
        sa.text(
            "SELECT word, share * greatest(c.reltuples, 0) FROM pg_stats s JOIN pg_class c"
            " ON c.oid = to_regclass(s.tablename), unnest(CAST(CAST(most_common_elems AS text) AS text[]),"
            " most_common_elem_freqs) AS common (word, share)"
            " WHERE s.tablename = :table AND s.schemaname = current_schema() AND s.attname = 'words'"
            " AND word = ANY(:words)"
        ),
        {"table": table, "words": [part for term in terms for part in _parts(term)]},
    )
    common = {str(word): float(rows) for word, rows in found}
    rows = {term: min(common.get(part, 0.0) for part in _parts(term)) for term in terms}
    kept: list[str] = []
    left = float(MAX_ROWS)
    for term in sorted(terms, key=lambda term: rows[term])[:MAX_TERMS]:
        left -= rows[term]
        if kept and (left < 0 or not math.isfinite(left)):
            break
        kept.append(term)
    return kept


def _parts(term: str) -> list[str]:
    return [part.removesuffix(":*").strip("'") for part in term.split(" & ")]
