"""Jobs, which workers lease."""

import sqlalchemy as sa
from alembic import op

from hivemind.store.schema import Integer, String, Text, UtcTime

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "jobs",
        sa.Column("workspace_id", String(64), nullable=False),
        sa.Column("kind", String(32), nullable=False),
        sa.Column("key", String(200), nullable=False),
        sa.Column("data", sa.JSON(), nullable=False),
        sa.Column("asked", Integer, nullable=False),
        sa.Column("created_at", UtcTime(length=27), nullable=False),
        sa.Column("due_at", UtcTime(length=27), nullable=True),
        sa.Column("owner", String(200), nullable=False),
        sa.Column("lease_until", UtcTime(length=27), nullable=True),
        sa.Column("attempts", Integer, nullable=False),
        sa.Column("last_error", Text, nullable=False),
        sa.PrimaryKeyConstraint("workspace_id", "kind", "key"),
    )
    op.create_index("jobs_by_time", "jobs", ["workspace_id", "due_at"], unique=False)
