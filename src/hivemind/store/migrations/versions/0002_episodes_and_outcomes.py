"""Episodes and reported outcomes."""

import sqlalchemy as sa
from alembic import op

from hivemind.store.schema import Integer, String, Text, UtcTime

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create both tables; the sessions stored before are graded by the next run of the worker."""
    op.create_table(
        "episodes",
        sa.Column("workspace_id", String(64), nullable=False),
        sa.Column("episode_id", String(32), nullable=False),
        sa.Column("session_id", String(200), nullable=False),
        sa.Column("number", Integer, nullable=False),
        sa.Column("first_seq", Integer, nullable=False),
        sa.Column("last_seq", Integer, nullable=False),
        sa.Column("started_at", UtcTime(length=27), nullable=True),
        sa.Column("ended_at", UtcTime(length=27), nullable=True),
        sa.Column("request", Text, nullable=False),
        sa.Column("prompts", Integer, nullable=False),
        sa.Column("tool_calls", Integer, nullable=False),
        sa.Column("tool_errors", Integer, nullable=False),
        sa.Column("score_label", String(16), nullable=False),
        sa.Column("score_value", sa.Float(), nullable=False),
        sa.Column("evaluation_name", Text, nullable=False),
        sa.Column("graded_label", String(16), nullable=False),
        sa.Column("graded_value", sa.Float(), nullable=False),
        sa.Column("signals", sa.JSON(), nullable=False),
        sa.Column("fingerprint", sa.JSON(), nullable=False),
        sa.Column("graded_seq", Integer, nullable=False),
        sa.Column("graded_by", Integer, nullable=False),
        sa.PrimaryKeyConstraint("workspace_id", "episode_id"),
    )
    op.create_index("episodes_by_session", "episodes", ["workspace_id", "session_id", "number"], unique=False)
    op.create_table(
        "outcomes",
        sa.Column("workspace_id", String(64), nullable=False),
        sa.Column("outcome_id", String(32), nullable=False),
        sa.Column("session_id", String(200), nullable=False),
        sa.Column("number", Integer, nullable=False),
        sa.Column("event_id", String(32), nullable=False),
        sa.Column("score_label", String(16), nullable=False),
        sa.Column("score_value", sa.Float(), nullable=True),
        sa.Column("evaluation_name", Text, nullable=False),
        sa.Column("commit_id", String(64), nullable=False),
        sa.Column("note", Text, nullable=False),
        sa.Column("at", UtcTime(length=27), nullable=False),
        sa.PrimaryKeyConstraint("workspace_id", "outcome_id"),
    )
    op.create_index("outcomes_by_session", "outcomes", ["workspace_id", "session_id", "number"], unique=True)
