"""People, tokens and what syncing needs."""

import sqlalchemy as sa
from alembic import op

from hivemind.store.schema import Integer, String, Text, UtcTime

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables, and add who sent what."""
    op.add_column("workspaces", sa.Column("organisation", String(64), nullable=False, server_default=""))
    op.add_column("sessions", sa.Column("person_id", String(32), nullable=False, server_default=""))
    op.add_column("skills", sa.Column("scope", String(8), nullable=False, server_default="me"))
    op.create_index("sessions_by_person", "sessions", ["workspace_id", "person_id"], unique=False)
    op.create_index("sessions_by_time", "sessions", ["workspace_id", "ended_at", "session_id"], unique=False)
    _for_accounts()
    _for_syncing()


def _for_accounts() -> None:
    op.create_table(
        "members",
        sa.Column("workspace_id", String(64), nullable=False),
        sa.Column("person_id", String(32), nullable=False),
        sa.Column("name", Text, nullable=False),
        sa.Column("email", Text, nullable=False),
        sa.Column("role", String(16), nullable=False),
        sa.Column("invited_by", String(32), nullable=False),
        sa.Column("created_at", UtcTime(length=27), nullable=False),
        sa.Column("removed_at", UtcTime(length=27), nullable=True),
        sa.PrimaryKeyConstraint("workspace_id", "person_id"),
    )
    op.create_table(
        "tokens",
        sa.Column("workspace_id", String(64), nullable=False),
        sa.Column("token_id", String(32), nullable=False),
        sa.Column("kind", String(16), nullable=False),
        sa.Column("token_hash", String(64), nullable=False),
        sa.Column("person_id", String(32), nullable=False),
        sa.Column("role", String(16), nullable=False),
        sa.Column("name", Text, nullable=False),
        sa.Column("data", sa.JSON(), nullable=False),
        sa.Column("created_at", UtcTime(length=27), nullable=False),
        sa.Column("expires_at", UtcTime(length=27), nullable=False),
        sa.Column("used_at", UtcTime(length=27), nullable=True),
        sa.Column("revoked_at", UtcTime(length=27), nullable=True),
        sa.PrimaryKeyConstraint("workspace_id", "token_id"),
    )
    op.create_index("tokens_by_person", "tokens", ["workspace_id", "person_id"], unique=False)
    op.create_table(
        "audit",
        sa.Column("workspace_id", String(64), nullable=False),
        sa.Column("entry_id", String(40), nullable=False),
        sa.Column("at", UtcTime(length=27), nullable=False),
        sa.Column("person_id", String(32), nullable=False),
        sa.Column("token_id", String(32), nullable=False),
        sa.Column("action", String(32), nullable=False),
        sa.Column("subject", Text, nullable=False),
        sa.Column("detail", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("workspace_id", "entry_id"),
    )
    op.create_index("audit_by_person", "audit", ["workspace_id", "person_id"], unique=False)
    op.create_table(
        "keys",
        sa.Column("workspace_id", String(64), nullable=False),
        sa.Column("key_id", String(32), nullable=False),
        sa.Column("public", Text, nullable=False),
        sa.Column("private", Text, nullable=False),
        sa.Column("created_at", UtcTime(length=27), nullable=False),
        sa.Column("retired_at", UtcTime(length=27), nullable=True),
        sa.PrimaryKeyConstraint("workspace_id", "key_id"),
    )


def _for_syncing() -> None:
    op.create_table(
        "changes",
        sa.Column("workspace_id", String(64), nullable=False),
        sa.Column("number", Integer, nullable=False),
        sa.Column("chain", String(64), nullable=False),
        sa.Column("skill_id", String(32), nullable=False),
        sa.Column("at", UtcTime(length=27), nullable=False),
        sa.PrimaryKeyConstraint("workspace_id", "number"),
    )
    op.create_index("changes_by_skill", "changes", ["workspace_id", "skill_id", "number"], unique=False)
    op.create_table(
        "proposals",
        sa.Column("workspace_id", String(64), nullable=False),
        sa.Column("proposal_id", String(32), nullable=False),
        sa.Column("skill_id", String(32), nullable=False),
        sa.Column("version", Integer, nullable=False),
        sa.Column("base_version", Integer, nullable=False),
        sa.Column("person_id", String(32), nullable=False),
        sa.Column("state", String(16), nullable=False),
        sa.Column("at", UtcTime(length=27), nullable=False),
        sa.Column("decided_at", UtcTime(length=27), nullable=True),
        sa.PrimaryKeyConstraint("workspace_id", "proposal_id"),
    )
    op.create_index("proposals_by_skill", "proposals", ["workspace_id", "skill_id"], unique=False)
    op.create_table(
        "machines",
        sa.Column("workspace_id", String(64), nullable=False),
        sa.Column("machine_id", String(40), nullable=False),
        sa.Column("person_id", String(32), nullable=False),
        sa.Column("label", Text, nullable=False),
        sa.Column("agents", sa.JSON(), nullable=False),
        sa.Column("receipt", Integer, nullable=False),
        sa.Column("pulled", Integer, nullable=False),
        sa.Column("seen_at", UtcTime(length=27), nullable=False),
        sa.PrimaryKeyConstraint("workspace_id", "machine_id"),
    )
    op.create_index("machines_by_person", "machines", ["workspace_id", "person_id"], unique=False)
    op.create_table(
        "remotes",
        sa.Column("workspace_id", String(64), nullable=False),
        sa.Column("url", Text, nullable=False),
        sa.Column("remote_workspace", String(64), nullable=False),
        sa.Column("public_key", Text, nullable=False),
        sa.Column("number", Integer, nullable=False),
        sa.Column("chain", String(64), nullable=False),
        sa.Column("receipt", Integer, nullable=False),
        sa.Column("synced_at", UtcTime(length=27), nullable=True),
        sa.Column("last_error", Text, nullable=False),
        sa.PrimaryKeyConstraint("workspace_id"),
    )
    op.create_table(
        "uploads",
        sa.Column("workspace_id", String(64), nullable=False),
        sa.Column("session_id", String(200), nullable=False),
        sa.Column("sent_seq", Integer, nullable=False),
        sa.Column("sent_offers", Integer, nullable=False),
        sa.Column("refused", Text, nullable=False),
        sa.Column("sent_at", UtcTime(length=27), nullable=False),
        sa.PrimaryKeyConstraint("workspace_id", "session_id"),
    )
    op.create_table(
        "received",
        sa.Column("workspace_id", String(64), nullable=False),
        sa.Column("skill_id", String(32), nullable=False),
        sa.Column("scope", String(8), nullable=False),
        sa.Column("remote_version", Integer, nullable=False),
        sa.Column("version", Integer, nullable=False),
        sa.Column("content_hash", String(64), nullable=False),
        sa.Column("state", String(16), nullable=False),
        sa.Column("signature", Text, nullable=False),
        sa.Column("refused", Text, nullable=False),
        sa.Column("at", UtcTime(length=27), nullable=False),
        sa.PrimaryKeyConstraint("workspace_id", "skill_id"),
    )
