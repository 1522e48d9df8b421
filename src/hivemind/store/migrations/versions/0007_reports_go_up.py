"""How many of a session's reported outcomes went up."""

import sqlalchemy as sa
from alembic import op

from hivemind.store.schema import Integer

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the count, from nothing: what was reported before goes up, too."""
    op.add_column("uploads", sa.Column("sent_reports", Integer, nullable=False, server_default="0"))
