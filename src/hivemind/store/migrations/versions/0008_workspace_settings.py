"""Settings of a workspace, which its admins change."""

import sqlalchemy as sa
from alembic import op

from hivemind.store.schema import String, UtcTime

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "workspace_settings",
        sa.Column("workspace_id", String(64), nullable=False),
        sa.Column("key", String(64), nullable=False),
        sa.Column("value", sa.JSON(), nullable=False),
        sa.Column("person_id", String(32), nullable=False),
        sa.Column("at", UtcTime(length=27), nullable=False),
        sa.PrimaryKeyConstraint("workspace_id", "key"),
    )
