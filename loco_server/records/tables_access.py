"""The tables of who may do what, of what they keep secret, and of what they did."""

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    Text,
)

from loco_server.records.tables import METADATA, UtcDateTime

_ID = String(10)

INVITATIONS = Table(
    "invitations",
    METADATA,
    Column("id", _ID, primary_key=True),
    Column("team_id", _ID, ForeignKey("teams.id", ondelete="CASCADE"), nullable=True, index=True),
    Column("role", String(20), nullable=True),
    Column("sha256", String(64), nullable=False),
    Column("note", String(200), nullable=True),
    Column("invited_by", _ID, ForeignKey("users.id", ondelete="CASCADE"), nullable=True),
    Column("created_at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime, nullable=False),
    Column("used_at", UtcDateTime, nullable=True),
    Column("used_by", _ID, ForeignKey("users.id", ondelete="SET NULL"), nullable=True),
)
"""A code that lets somebody in: into a team with a role, or (without a team) only into the platform. Used once.
`invited_by`: None where the operator gave it."""

TRUST_RULES = Table(
    "trust_rules",
    METADATA,
    Column("id", _ID, primary_key=True),
    Column("team_id", _ID, ForeignKey("teams.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("app_id", _ID, ForeignKey("apps.id", ondelete="CASCADE"), nullable=True),
    Column("issuer", String(200), nullable=False),
    Column("audience", String(200), nullable=False),
    Column("repository", String(200), nullable=False),
    Column("claims", JSON, nullable=False),
    Column("created_by", _ID, ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
)
"""Which CI jobs may act for a team. `claims`: what the job's token must say, the immutable ids among it; `repository`
is only how people call it."""

USED_IDENTITY_TOKENS = Table(
    "used_identity_tokens",
    METADATA,
    Column("issuer", String(200), primary_key=True),
    Column("jti", String(200), primary_key=True),
    Column("expires_at", UtcDateTime, nullable=False),
)
"""A job's identity token works once; it is remembered until it has ended by itself."""

VARIABLES = Table(
    "variables",
    METADATA,
    Column("app_id", _ID, ForeignKey("apps.id", ondelete="CASCADE"), primary_key=True),
    Column("name", String(200), primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("value", Text, nullable=True),
    Column("key_id", String(20), nullable=True, index=True),
    Column("digest", String(8), nullable=True),
    Column("unset", Boolean, nullable=False),
    Column("set_by", String(80), nullable=False),
    Column("set_at", UtcDateTime, nullable=False),
)
"""Every version of every variable. `value` is the ciphertext, None where the variable was unset or purged."""

AUDIT_EVENTS = Table(
    "audit_events",
    METADATA,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("at", UtcDateTime, nullable=False),
    Column("team_id", _ID, nullable=True),
    Column("app", String(40), nullable=True),
    Column("actor", String(120), nullable=False),
    Column("token_id", _ID, nullable=True),
    Column("address", String(60), nullable=True),
    Column("action", String(40), nullable=False),
    Column("subject", String(300), nullable=False),
    Column("request_id", _ID, nullable=True),
    Column("outcome", String(40), nullable=True),
    Column("detail", JSON, nullable=False),
    Index("ix_audit_events_team_id_id", "team_id", "id"),
)
"""Every change: who, from where, what, on what. Written with the first thing that the change writes, and completed
once with how it ended: `outcome` is `done`, or the code of the error; None where the server died in between. No foreign
keys, so that it outlives what it tells of."""
