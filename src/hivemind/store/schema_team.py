"""The tables of a team: who belongs to it, and how far machines and their server know of each other."""

from sqlalchemy import JSON, Column, Index, Table

from hivemind.store.columns import Integer, String, Text, UtcTime, metadata, workspace_column

members = Table(
    "members",
    metadata,
    workspace_column(),
    Column("person_id", String(32), primary_key=True, comment="the same in every workspace of a server"),
    Column("name", Text, nullable=False),
    Column("email", Text, nullable=False, default=""),
    Column("role", String(16), nullable=False, comment="reader, writer, reviewer, admin"),
    Column("invited_by", String(32), nullable=False, default=""),
    Column("created_at", UtcTime, nullable=False),
    Column("removed_at", UtcTime, comment="whose tokens are dead from then on"),
    comment="who may do what in a workspace of a server",
)

tokens = Table(
    "tokens",
    metadata,
    workspace_column(),
    Column("token_id", String(32), primary_key=True),
    Column("kind", String(16), nullable=False, comment="api, browser, invite, device"),
    Column("token_hash", String(64), nullable=False, comment="sha256 of its secret, which is shown once"),
    Column("person_id", String(32), nullable=False, default=""),
    Column("role", String(16), nullable=False, comment="the most it may do, whatever its owner may"),
    Column("name", Text, nullable=False, default="", comment="what it is for"),
    Column("data", JSON, nullable=False, comment="of a browser session, an invitation or a login"),
    Column("created_at", UtcTime, nullable=False),
    Column("expires_at", UtcTime, nullable=False),
    Column("used_at", UtcTime, comment="the last time, to the minute"),
    Column("revoked_at", UtcTime),
    Index("tokens_by_person", "workspace_id", "person_id"),
    comment="what lets somebody in: tokens, browser sessions, invitations, logins that wait",
)

audit = Table(
    "audit",
    metadata,
    workspace_column(),
    Column("entry_id", String(40), primary_key=True, comment="sorts by time"),
    Column("at", UtcTime, nullable=False),
    Column("person_id", String(32), nullable=False, default=""),
    Column("token_id", String(32), nullable=False, default=""),
    Column("action", String(32), nullable=False, comment="skill.approve, session.read, token.create, …"),
    Column("subject", Text, nullable=False, default="", comment="what it was done to"),
    Column("detail", JSON, nullable=False),
    Index("audit_by_person", "workspace_id", "person_id"),
    comment="append-only: every read and write that crosses people",
)

changes = Table(
    "changes",
    metadata,
    workspace_column(),
    Column("number", Integer, primary_key=True, comment="order of the workspace's changes, from 1"),
    Column("chain", String(64), nullable=False, comment="hash of the chain before and of this change"),
    Column("skill_id", String(32), nullable=False),
    Column("at", UtcTime, nullable=False),
    Index("changes_by_skill", "workspace_id", "skill_id", "number"),
    comment="which skill changed, in order: what a machine has not seen yet is behind its number",
)

proposals = Table(
    "proposals",
    metadata,
    workspace_column(),
    Column("proposal_id", String(32), primary_key=True),
    Column("skill_id", String(32), nullable=False),
    Column("version", Integer, nullable=False, comment="the version that it would make the current one"),
    Column("base_version", Integer, nullable=False, comment="the version that its author had edited"),
    Column("person_id", String(32), nullable=False),
    Column("state", String(16), nullable=False, comment="open, accepted, declined"),
    Column("at", UtcTime, nullable=False),
    Column("decided_at", UtcTime),
    Index("proposals_by_skill", "workspace_id", "skill_id"),
    comment="versions of a skill that wait for a reviewer; of two edits, both",
)

machines = Table(
    "machines",
    metadata,
    workspace_column(),
    Column("machine_id", String(40), primary_key=True),
    Column("person_id", String(32), nullable=False),
    Column("label", Text, nullable=False, default="", comment="the host's name"),
    Column("agents", JSON, nullable=False, comment="names of the agents that are wired there"),
    Column("receipt", Integer, nullable=False, default=0, comment="batches taken from it"),
    Column("pulled", Integer, nullable=False, default=0, comment="the change up to which it has skills"),
    Column("seen_at", UtcTime, nullable=False),
    Index("machines_by_person", "workspace_id", "person_id"),
    comment="the machines that send to a workspace and take its skills",
)

keys = Table(
    "keys",
    metadata,
    workspace_column(),
    Column("key_id", String(32), primary_key=True),
    Column("public", Text, nullable=False, comment="Ed25519, base64"),
    Column("private", Text, nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Column("retired_at", UtcTime),
    comment="what a server signs a workspace's skills with",
)

workspace_settings = Table(
    "workspace_settings",
    metadata,
    workspace_column(),
    Column("key", String(64), primary_key=True, comment="publish.policy, share.policy, retention.days, …"),
    Column("value", JSON, nullable=False),
    Column("person_id", String(32), nullable=False, default="", comment="who set it last"),
    Column("at", UtcTime, nullable=False),
    comment="what a team's admins set for their workspace; what has no row is as the server has it",
)

deleted_sessions = Table(
    "deleted_sessions",
    metadata,
    workspace_column(),
    Column("session_id", String(200), primary_key=True),
    Column("person_id", String(32), nullable=False, comment="who had sent it"),
    Column("at", UtcTime, nullable=False),
    comment="sessions that were deleted on a server, so that no machine brings them back",
)

remotes = Table(
    "remotes",
    metadata,
    workspace_column(),
    Column("url", Text, nullable=False, comment="of the server"),
    Column("remote_workspace", String(64), nullable=False),
    Column("public_key", Text, nullable=False, default="", comment="known since the first sync"),
    Column("number", Integer, nullable=False, default=0, comment="the change up to which skills are here"),
    Column("chain", String(64), nullable=False, default=""),
    Column("receipt", Integer, nullable=False, default=0, comment="batches that the server has taken"),
    Column("synced_at", UtcTime, comment="when it last went well"),
    Column("last_error", Text, nullable=False, default=""),
    comment="the server that a workspace of this machine syncs with, and how far",
)

uploads = Table(
    "uploads",
    metadata,
    workspace_column(),
    Column("session_id", String(200), primary_key=True),
    Column("sent_seq", Integer, nullable=False, default=0, comment="events that the server has"),
    Column("sent_offers", Integer, nullable=False, default=0, comment="offers that the server has"),
    Column("sent_reports", Integer, nullable=False, default=0, comment="reported outcomes that it has"),
    Column("refused", Text, nullable=False, default="", comment="why the server will not have it"),
    Column("deleted_at", UtcTime, comment="when the server said that it was deleted there"),
    Column("sent_at", UtcTime, nullable=False),
    comment="how far each session has gone up to the server",
)

received = Table(
    "received",
    metadata,
    workspace_column(),
    Column("skill_id", String(32), primary_key=True),
    Column("scope", String(8), nullable=False, comment="team, org"),
    Column("remote_version", Integer, nullable=False, comment="the server's number of it"),
    Column("version", Integer, nullable=False, default=0, comment="ours; 0 where it was refused"),
    Column("content_hash", String(64), nullable=False),
    Column("state", String(16), nullable=False, comment="the server's"),
    Column("signature", Text, nullable=False, default="", comment="of the server, over what is said here"),
    Column("refused", Text, nullable=False, default="", comment="what was wrong with it on arrival"),
    Column("at", UtcTime, nullable=False),
    comment="skills that came from the server, as it said them",
)
