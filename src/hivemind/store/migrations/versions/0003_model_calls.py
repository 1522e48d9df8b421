"""The ledger of model calls."""

import sqlalchemy as sa
from alembic import op

from hivemind.store.schema import Integer, String, Text, UtcTime

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "model_calls",
        sa.Column("workspace_id", String(64), nullable=False),
        sa.Column("call_id", String(32), nullable=False),
        sa.Column("at", UtcTime(length=27), nullable=False),
        sa.Column("purpose", String(32), nullable=False),
        sa.Column("subject", String(32), nullable=False),
        sa.Column("evidence_hash", String(64), nullable=False),
        sa.Column("kind", String(32), nullable=False),
        sa.Column("asked_model", Text, nullable=False),
        sa.Column("model", Text, nullable=False),
        sa.Column("input_tokens", Integer, nullable=True),
        sa.Column("output_tokens", Integer, nullable=True),
        sa.Column("cost_usd", sa.Float(), nullable=True),
        sa.Column("duration_ms", Integer, nullable=True),
        sa.Column("status", String(16), nullable=False),
        sa.Column("detail", Text, nullable=False),
        sa.PrimaryKeyConstraint("workspace_id", "call_id"),
    )
    op.create_index("model_calls_by_time", "model_calls", ["at"], unique=False)
    op.create_index(
        "model_calls_by_subject", "model_calls", ["workspace_id", "subject", "evidence_hash"], unique=False
    )
