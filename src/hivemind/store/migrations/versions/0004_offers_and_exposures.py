"""Offers, exposures by episode, holdouts and flags; what an episode cost."""

import sqlalchemy as sa
from alembic import op

from hivemind.store.schema import Integer, String, Text, UtcTime

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Keep what was shown to sessions as offers; exposures and what episodes cost are derived again."""
    _make_offers()
    op.execute(
        "INSERT INTO offers (workspace_id, offer_id, session_id, skill_id, version, channel, arm, share,"
        " agent, request_model, event_id, at) SELECT workspace_id, exposure_id, session_id, skill_id,"
        " version, channel, 'given', 0.0, agent, '', '', at FROM exposures"
    )
    op.drop_index("exposures_by_session", "exposures")
    op.drop_table("exposures")
    _make_exposures()
    _make_derived()
    for name in ("turns", "input_tokens", "output_tokens"):
        op.add_column("episodes", sa.Column(name, Integer, nullable=False, server_default="0"))
    op.add_column("episodes", sa.Column("request_model", Text, nullable=False, server_default=""))
    op.execute("UPDATE episodes SET graded_by = 0")


def _make_offers() -> None:
    op.create_table(
        "offers",
        sa.Column("workspace_id", String(64), nullable=False),
        sa.Column("offer_id", String(32), nullable=False),
        sa.Column("session_id", String(200), nullable=False),
        sa.Column("skill_id", String(32), nullable=False),
        sa.Column("version", Integer, nullable=False),
        sa.Column("channel", String(16), nullable=False),
        sa.Column("arm", String(16), nullable=False),
        sa.Column("share", sa.Float(), nullable=False),
        sa.Column("agent", String(32), nullable=False),
        sa.Column("request_model", Text, nullable=False),
        sa.Column("event_id", String(32), nullable=False),
        sa.Column("at", UtcTime(length=27), nullable=False),
        sa.PrimaryKeyConstraint("workspace_id", "offer_id"),
    )
    op.create_index("offers_by_session", "offers", ["workspace_id", "session_id"], unique=False)


def _make_exposures() -> None:
    op.create_table(
        "exposures",
        sa.Column("workspace_id", String(64), nullable=False),
        sa.Column("episode_id", String(32), nullable=False),
        sa.Column("skill_id", String(32), nullable=False),
        sa.Column("session_id", String(200), nullable=False),
        sa.Column("project_id", String(32), nullable=False),
        sa.Column("version", Integer, nullable=False),
        sa.Column("arm", String(16), nullable=False),
        sa.Column("share", sa.Float(), nullable=False),
        sa.Column("channel", String(16), nullable=False),
        sa.Column("agent", String(32), nullable=False),
        sa.Column("request_model", Text, nullable=False),
        sa.Column("followed", sa.Boolean(), nullable=True),
        sa.Column("at", UtcTime(length=27), nullable=False),
        sa.PrimaryKeyConstraint("workspace_id", "episode_id", "skill_id"),
    )
    op.create_index("exposures_by_skill", "exposures", ["workspace_id", "skill_id"], unique=False)
    op.create_index("exposures_by_session", "exposures", ["workspace_id", "session_id"], unique=False)


def _make_derived() -> None:
    op.create_table(
        "holdouts",
        sa.Column("workspace_id", String(64), nullable=False),
        sa.Column("skill_id", String(32), nullable=False),
        sa.Column("request_model", String(200), nullable=False),
        sa.Column("share", sa.Float(), nullable=False),
        sa.Column("reason", Text, nullable=False),
        sa.PrimaryKeyConstraint("workspace_id", "skill_id", "request_model"),
    )
    op.create_table(
        "flags",
        sa.Column("workspace_id", String(64), nullable=False),
        sa.Column("skill_id", String(32), nullable=False),
        sa.Column("kind", String(16), nullable=False),
        sa.Column("message", Text, nullable=False),
        sa.Column("at", UtcTime(length=27), nullable=False),
        sa.PrimaryKeyConstraint("workspace_id", "skill_id", "kind"),
    )
