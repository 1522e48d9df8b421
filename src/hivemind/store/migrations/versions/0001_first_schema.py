"""The first schema."""

import sqlalchemy as sa
from alembic import op

from hivemind.store.schema import Integer, String, Text, UtcTime

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

#: Search indexes of SQLite: derived, rebuildable, and no part of the portable schema. `event_documents` gives
#: each event the integer that the contentless index needs; a rowid of `events` would change under VACUUM.
SQLITE_SEARCH = """
CREATE TABLE event_documents (
    document_id INTEGER PRIMARY KEY, workspace_id TEXT NOT NULL, event_id TEXT NOT NULL,
    UNIQUE (workspace_id, event_id)
);
CREATE VIRTUAL TABLE events_search USING fts5(text, content='', tokenize='unicode61');
CREATE TABLE skill_documents (
    document_id INTEGER PRIMARY KEY, workspace_id TEXT NOT NULL, skill_id TEXT NOT NULL,
    UNIQUE (workspace_id, skill_id)
);
CREATE VIRTUAL TABLE skills_search USING fts5(
    workspace_id UNINDEXED, skill_id UNINDEXED, project_id UNINDEXED, name, description, requests, body,
    tokenize='porter unicode61'
);
"""
#: Search indexes of PostgreSQL: the words of a row, each behind a tag of its workspace. Sorted words do not
#: compress, and what waits for the index is cheaper in large lots.
POSTGRESQL_SEARCH = """
CREATE TABLE event_words (
    workspace_id text COLLATE "C" NOT NULL, event_id text COLLATE "C" NOT NULL, words tsvector NOT NULL,
    PRIMARY KEY (workspace_id, event_id)
);
ALTER TABLE event_words ALTER words SET STORAGE EXTERNAL;
CREATE INDEX event_words_search ON event_words USING gin (words) WITH (gin_pending_list_limit = 16384);
CREATE TABLE skill_words (
    workspace_id text COLLATE "C" NOT NULL, skill_id text COLLATE "C" NOT NULL, words tsvector NOT NULL,
    PRIMARY KEY (workspace_id, skill_id)
);
CREATE INDEX skill_words_search ON skill_words USING gin (words);
"""


def upgrade() -> None:
    """Create every table, and the search indexes of the engine."""
    op.create_table(
        "decisions",
        sa.Column("workspace_id", String(64), nullable=False),
        sa.Column("decision_id", String(32), nullable=False),
        sa.Column("skill_id", String(32), nullable=False),
        sa.Column("number", Integer, nullable=False),
        sa.Column("at", UtcTime(length=27), nullable=False),
        sa.Column("actor", Text, nullable=False),
        sa.Column("from_state", String(16), nullable=False),
        sa.Column("to_state", String(16), nullable=False),
        sa.Column("from_version", Integer, nullable=True),
        sa.Column("to_version", Integer, nullable=False),
        sa.Column("reason", Text, nullable=False),
        sa.Column("numbers", sa.JSON(), nullable=False),
        sa.Column("undoes", String(32), nullable=False),
        sa.PrimaryKeyConstraint("workspace_id", "decision_id"),
    )
    op.create_index("decisions_by_skill", "decisions", ["workspace_id", "skill_id", "number"], unique=True)
    op.create_table(
        "events",
        sa.Column("workspace_id", String(64), nullable=False),
        sa.Column("event_id", String(32), nullable=False),
        sa.Column("session_id", String(200), nullable=False),
        sa.Column("seq", Integer, nullable=False),
        sa.Column("kind", String(16), nullable=False),
        sa.Column("at", UtcTime(length=27), nullable=True),
        sa.Column("agent_id", Text, nullable=False),
        sa.Column("tool_name", Text, nullable=False),
        sa.Column("tool_call_id", Text, nullable=False),
        sa.Column("status", String(16), nullable=True),
        sa.Column("exit_code", Integer, nullable=True),
        sa.Column("request_model", Text, nullable=False),
        sa.Column("message_id", Text, nullable=False),
        sa.Column("input_tokens", Integer, nullable=True),
        sa.Column("output_tokens", Integer, nullable=True),
        sa.Column("cache_read_tokens", Integer, nullable=True),
        sa.Column("cache_write_tokens", Integer, nullable=True),
        sa.Column("text", Text, nullable=False),
        sa.Column("data", sa.JSON(), nullable=True),
        sa.Column("redactions", Integer, nullable=False),
        sa.PrimaryKeyConstraint("workspace_id", "event_id"),
    )
    op.create_index("events_by_session", "events", ["workspace_id", "session_id", "seq"], unique=False)
    op.create_table(
        "evidence",
        sa.Column("workspace_id", String(64), nullable=False),
        sa.Column("occurrence_id", String(32), nullable=False),
        sa.Column("event_id", String(32), nullable=False),
        sa.Column("role", String(16), nullable=False),
        sa.Column("lesson_id", String(32), nullable=False),
        sa.Column("session_id", String(200), nullable=False),
        sa.Column("excerpt", Text, nullable=False),
        sa.PrimaryKeyConstraint("workspace_id", "occurrence_id", "event_id", "role"),
    )
    op.create_index("evidence_by_lesson", "evidence", ["workspace_id", "lesson_id"], unique=False)
    op.create_table(
        "exposures",
        sa.Column("workspace_id", String(64), nullable=False),
        sa.Column("exposure_id", String(32), nullable=False),
        sa.Column("session_id", String(200), nullable=False),
        sa.Column("skill_id", String(32), nullable=False),
        sa.Column("version", Integer, nullable=False),
        sa.Column("channel", String(16), nullable=False),
        sa.Column("agent", String(32), nullable=False),
        sa.Column("at", UtcTime(length=27), nullable=False),
        sa.PrimaryKeyConstraint("workspace_id", "exposure_id"),
    )
    op.create_index("exposures_by_session", "exposures", ["workspace_id", "session_id"], unique=False)
    op.create_table(
        "installs",
        sa.Column("workspace_id", String(64), nullable=False),
        sa.Column("path", Text, nullable=False),
        sa.Column("root", Text, nullable=False),
        sa.Column("agent", String(32), nullable=False),
        sa.Column("skill_id", String(32), nullable=False),
        sa.Column("version", Integer, nullable=False),
        sa.Column("content_hash", String(64), nullable=False),
        sa.Column("intended_hash", String(64), nullable=False),
        sa.Column("written_at", UtcTime(length=27), nullable=False),
        sa.PrimaryKeyConstraint("workspace_id", "path"),
    )
    op.create_table(
        "lessons",
        sa.Column("workspace_id", String(64), nullable=False),
        sa.Column("lesson_id", String(32), nullable=False),
        sa.Column("project_id", String(32), nullable=False),
        sa.Column("kind", String(32), nullable=False),
        sa.Column("key", Text, nullable=False),
        sa.Column("topic", Text, nullable=False),
        sa.Column("data", sa.JSON(), nullable=False),
        sa.Column("sessions", Integer, nullable=False),
        sa.Column("explicit", sa.Boolean(), nullable=False),
        sa.Column("first_at", UtcTime(length=27), nullable=True),
        sa.Column("last_at", UtcTime(length=27), nullable=True),
        sa.PrimaryKeyConstraint("workspace_id", "lesson_id"),
    )
    op.create_index("lessons_by_project", "lessons", ["workspace_id", "project_id", "kind"], unique=False)
    op.create_table(
        "occurrences",
        sa.Column("workspace_id", String(64), nullable=False),
        sa.Column("occurrence_id", String(32), nullable=False),
        sa.Column("lesson_id", String(32), nullable=False),
        sa.Column("session_id", String(200), nullable=False),
        sa.Column("data", sa.JSON(), nullable=False),
        sa.Column("explicit", sa.Boolean(), nullable=False),
        sa.Column("at", UtcTime(length=27), nullable=True),
        sa.PrimaryKeyConstraint("workspace_id", "occurrence_id"),
    )
    op.create_index("occurrences_by_lesson", "occurrences", ["workspace_id", "lesson_id"], unique=False)
    op.create_index("occurrences_by_session", "occurrences", ["workspace_id", "session_id"], unique=False)
    op.create_table(
        "problems",
        sa.Column("workspace_id", String(64), nullable=False),
        sa.Column("problem_id", String(32), nullable=False),
        sa.Column("source", String(16), nullable=False),
        sa.Column("slug", String(64), nullable=False),
        sa.Column("message", Text, nullable=False),
        sa.Column("count", Integer, nullable=False),
        sa.Column("first_at", UtcTime(length=27), nullable=False),
        sa.Column("last_at", UtcTime(length=27), nullable=False),
        sa.PrimaryKeyConstraint("workspace_id", "problem_id"),
    )
    op.create_table(
        "projects",
        sa.Column("workspace_id", String(64), nullable=False),
        sa.Column("project_id", String(32), nullable=False),
        sa.Column("name", Text, nullable=False),
        sa.Column("remote", Text, nullable=False),
        sa.Column("root", Text, nullable=False),
        sa.Column("created_at", UtcTime(length=27), nullable=False),
        sa.Column("noticed_at", UtcTime(length=27), nullable=True),
        sa.PrimaryKeyConstraint("workspace_id", "project_id"),
    )
    op.create_table(
        "sessions",
        sa.Column("workspace_id", String(64), nullable=False),
        sa.Column("session_id", String(200), nullable=False),
        sa.Column("agent", String(32), nullable=False),
        sa.Column("agent_version", Text, nullable=False),
        sa.Column("project_id", String(32), nullable=False),
        sa.Column("cwd", Text, nullable=False),
        sa.Column("git_branch", Text, nullable=False),
        sa.Column("git_remote", Text, nullable=False),
        sa.Column("title", Text, nullable=False),
        sa.Column("request_model", Text, nullable=False),
        sa.Column("started_at", UtcTime(length=27), nullable=True),
        sa.Column("ended_at", UtcTime(length=27), nullable=True),
        sa.Column("next_seq", Integer, nullable=False),
        sa.Column("prompts", Integer, nullable=False),
        sa.Column("tool_calls", Integer, nullable=False),
        sa.Column("tool_results", Integer, nullable=False),
        sa.Column("tool_errors", Integer, nullable=False),
        sa.Column("mined_seq", Integer, nullable=False),
        sa.Column("mined_by", Integer, nullable=False),
        sa.PrimaryKeyConstraint("workspace_id", "session_id"),
    )
    op.create_index(
        "sessions_by_project", "sessions", ["workspace_id", "project_id", "ended_at"], unique=False
    )
    op.create_table(
        "skill_versions",
        sa.Column("workspace_id", String(64), nullable=False),
        sa.Column("skill_id", String(32), nullable=False),
        sa.Column("version", Integer, nullable=False),
        sa.Column("content_hash", String(64), nullable=False),
        sa.Column("name", String(64), nullable=False),
        sa.Column("description", Text, nullable=False),
        sa.Column("body", Text, nullable=False),
        sa.Column("frontmatter", sa.JSON(), nullable=False),
        sa.Column("requests", Text, nullable=False),
        sa.Column("origin", String(16), nullable=False),
        sa.Column("author", Text, nullable=False),
        sa.Column("lesson_ids", sa.JSON(), nullable=False),
        sa.Column("gates", sa.JSON(), nullable=False),
        sa.Column("created_at", UtcTime(length=27), nullable=False),
        sa.PrimaryKeyConstraint("workspace_id", "skill_id", "version"),
    )
    op.create_table(
        "skills",
        sa.Column("workspace_id", String(64), nullable=False),
        sa.Column("skill_id", String(32), nullable=False),
        sa.Column("name", String(64), nullable=False),
        sa.Column("project_id", String(32), nullable=False),
        sa.Column("topic", Text, nullable=False),
        sa.Column("state", String(16), nullable=False),
        sa.Column("version", Integer, nullable=False),
        sa.Column("author", Text, nullable=False),
        sa.Column("created_at", UtcTime(length=27), nullable=False),
        sa.Column("updated_at", UtcTime(length=27), nullable=False),
        sa.PrimaryKeyConstraint("workspace_id", "skill_id"),
    )
    op.create_index("skills_by_name", "skills", ["workspace_id", "name"], unique=False)
    op.create_index("skills_by_topic", "skills", ["workspace_id", "project_id", "topic"], unique=False)
    op.create_table(
        "transcripts",
        sa.Column("workspace_id", String(64), nullable=False),
        sa.Column("path", Text, nullable=False),
        sa.Column("agent", String(32), nullable=False),
        sa.Column("session_id", String(200), nullable=False),
        sa.Column("offset_bytes", Integer, nullable=False),
        sa.Column("read_hash", String(32), nullable=False),
        sa.Column("lines", Integer, nullable=False),
        sa.Column("bad_lines", Integer, nullable=False),
        sa.Column("reader_state", sa.JSON(), nullable=True),
        sa.Column("problem", Text, nullable=False),
        sa.Column("read_at", UtcTime(length=27), nullable=True),
        sa.PrimaryKeyConstraint("workspace_id", "path"),
    )
    op.create_table(
        "workspaces",
        sa.Column("workspace_id", String(64), nullable=False),
        sa.Column("created_at", UtcTime(length=27), nullable=False),
        sa.PrimaryKeyConstraint("workspace_id"),
    )
    if op.get_bind().dialect.name == "postgresql":
        _compress_quickly()
    search = SQLITE_SEARCH if op.get_bind().dialect.name == "sqlite" else POSTGRESQL_SEARCH
    for statement in search.split(";"):
        if statement.strip():
            op.execute(sa.text(statement))


def _compress_quickly() -> None:
    """Use lz4 for large columns where the server was built with it: the default costs most of an append."""
    query = "SELECT 'lz4' = ANY(enumvals) FROM pg_settings WHERE name = 'default_toast_compression'"
    if op.get_bind().execute(sa.text(query)).scalar():
        for column in ("text", "data"):
            op.execute(sa.text(f"ALTER TABLE events ALTER {column} SET COMPRESSION lz4"))
