"""Sessions that were deleted at a team's server, there and on the machines that sent them."""

import sqlalchemy as sa
from alembic import op

from hivemind.store.schema import String, UtcTime

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table, and add when a machine learnt of it."""
    op.create_table(
        "deleted_sessions",
        sa.Column("workspace_id", String(64), nullable=False),
        sa.Column("session_id", String(200), nullable=False),
        sa.Column("person_id", String(32), nullable=False),
        sa.Column("at", UtcTime(length=27), nullable=False),
        sa.PrimaryKeyConstraint("workspace_id", "session_id"),
    )
    op.add_column("uploads", sa.Column("deleted_at", UtcTime(length=27), nullable=True))
