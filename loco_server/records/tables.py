"""The tables. Times are UTC-aware in and out, on SQLite as on PostgreSQL."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Dialect,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
)


class UtcDateTime(TypeDecorator[datetime]):
    """SQLite forgets time zones: refuse naive times on the way in, put UTC back on the way out."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        del dialect
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time without a time zone")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        del dialect
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


METADATA = MetaData(
    naming_convention={
        "ix": "ix_%(column_0_label)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)

_ID = String(10)


def _at(name: str, *, nullable: bool = False) -> Column[Any]:
    return Column(name, UtcDateTime, nullable=nullable)


FACTS = Table(
    "facts",
    METADATA,
    Column("name", String(40), primary_key=True),
    Column("value", Text, nullable=False),
)
"""Of the installation itself: its id."""

USERS = Table(
    "users",
    METADATA,
    Column("id", _ID, primary_key=True),
    Column("login", String(40), nullable=False, unique=True),
    Column("email", String(254), nullable=True),
    _at("created_at"),
    _at("suspended_at", nullable=True),
    Column("suspended_reason", Text, nullable=True),
)
"""`email`: only one that the provider has verified."""

IDENTITIES = Table(
    "identities",
    METADATA,
    Column("provider", String(20), primary_key=True),
    Column("subject", String(200), primary_key=True),
    Column("user_id", _ID, ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
)

TEAMS = Table(
    "teams",
    METADATA,
    Column("id", _ID, primary_key=True),
    Column("name", String(40), nullable=False, unique=True),
    Column("personal_of", _ID, ForeignKey("users.id", ondelete="SET NULL"), nullable=True),
    Column("quota", JSON, nullable=False, server_default="{}"),
    _at("created_at"),
    _at("suspended_at", nullable=True),
    Column("suspended_reason", Text, nullable=True),
)
"""`quota`: what the operator allows this team beside or below the defaults, by the quota's name."""

MEMBERSHIPS = Table(
    "memberships",
    METADATA,
    Column("team_id", _ID, ForeignKey("teams.id", ondelete="CASCADE"), primary_key=True),
    Column("user_id", _ID, ForeignKey("users.id", ondelete="CASCADE"), primary_key=True),
    Column("role", String(20), nullable=False),
)

TOKENS = Table(
    "tokens",
    METADATA,
    Column("id", _ID, primary_key=True),
    Column("user_id", _ID, ForeignKey("users.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("kind", String(20), nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("name", String(80), nullable=True),
    Column("team_id", _ID, ForeignKey("teams.id", ondelete="CASCADE"), nullable=True, index=True),
    Column("app_id", _ID, ForeignKey("apps.id", ondelete="CASCADE"), nullable=True),
    Column("can", String(10), nullable=True),
    _at("created_at"),
    _at("expires_at", nullable=True),
    _at("revoked_at", nullable=True),
    _at("used_at", nullable=True),
    Column("used_from", String(60), nullable=True),
)
"""`kind`: session, access (made by a person for a machine) or ci (bought with a job's identity). The last two have a
scope: one team, perhaps one app, and `can` (read, deploy or admin); they never have more than their user has."""

APPS = Table(
    "apps",
    METADATA,
    Column("id", _ID, primary_key=True),
    Column("team_id", _ID, ForeignKey("teams.id"), nullable=False),
    Column("name", String(40), nullable=False),
    Column("last_number", Integer, nullable=False),
    Column("pull_generation", Integer, nullable=False),
    Column("source", String(10), nullable=False, server_default="any"),
    Column("deployers", JSON, nullable=False, server_default="[]"),
    _at("created_at"),
    _at("destroying_at", nullable=True),
    _at("suspended_at", nullable=True),
    Column("suspended_reason", Text, nullable=True),
    UniqueConstraint("team_id", "name"),
)
"""`source`: any, or ci: then only trusted jobs deploy, and the users (ids) in `deployers`."""

APP_USE = Table(
    "app_use",
    METADATA,
    Column("app_id", _ID, ForeignKey("apps.id", ondelete="CASCADE"), primary_key=True),
    _at("used_at", nullable=True),
    Column("requests", BigInteger, nullable=True),
    _at("warned_at", nullable=True),
    _at("stopped_at", nullable=True),
)
"""Of apps alone that somebody looked at: `requests` as the edge counted them last, `used_at` when that number changed.
`stopped_at` is also the app's `suspended_at` for as long as it is stopped because nobody used it."""

DEPLOYMENTS = Table(
    "deployments",
    METADATA,
    Column("app_id", _ID, ForeignKey("apps.id", ondelete="CASCADE"), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("state", String(20), nullable=False),
    Column("action", String(20), nullable=False),
    Column("schema", Integer, nullable=False),
    Column("spec", JSON, nullable=False),
    Column("routes", JSON, nullable=False),
    Column("digest", String(71), nullable=True),
    Column("user_id", Integer, nullable=True),
    Column("group_id", Integer, nullable=True),
    Column("variables", JSON, nullable=False, server_default="{}"),
    Column("release", Boolean, nullable=False),
    Column("force", Boolean, nullable=False),
    Column("released", Boolean, nullable=False),
    Column("created_by", String(40), nullable=False),
    Column("creator_id", _ID, nullable=True),
    Column("reason", Text, nullable=True),
    Column("diagnosis", JSON, nullable=True),
    Column("ticket_sha256", String(64), nullable=True),
    _at("ticket_expires_at", nullable=True),
    Column("cancel_requested", Boolean, nullable=False),
    Column("owner", String(40), nullable=True),
    _at("leased_until", nullable=True),
    Column("attempt", Integer, nullable=False),
    Column("last_event", Integer, nullable=False),
    Column("base", Integer, nullable=True),
    _at("created_at"),
    _at("state_at", nullable=True),
    _at("live_at", nullable=True),
    _at("ended_at", nullable=True),
    _at("image_deleted_at", nullable=True),
    Index("ix_deployments_state", "state"),
)
"""`user_id` and `group_id` are the numbers inside the container, as the gate resolved them
(no group: the user's own); `routes` the full hosts; `variables` the version of each variable that it has;
`creator_id` the user who made it, whose name is in `created_by`: no key, since a user may be gone before it is;
`owner` the worker that rolls it out, unless it is past `leased_until`; `base` the number that it was made from;
`state_at` since when it is in its state; `image_deleted_at` when retention decided to delete its image."""

EVENTS = Table(
    "events",
    METADATA,
    Column("app_id", _ID, primary_key=True),
    Column("deployment", Integer, primary_key=True),
    Column("number", Integer, primary_key=True),
    _at("at"),
    Column("kind", String(20), nullable=False),
    Column("message", Text, nullable=False),
    Column("detail", JSON, nullable=False),
    ForeignKeyConstraint(["app_id", "deployment"], ["deployments.app_id", "deployments.number"], ondelete="CASCADE"),
)

HOSTS = Table(
    "hosts",
    METADATA,
    Column("host", String(253), primary_key=True),
    Column("team_id", _ID, ForeignKey("teams.id", ondelete="SET NULL"), nullable=True),
    _at("free_at", nullable=True),
)
"""A host belongs to one team; `free_at` is set when its last route goes, and lies seven days ahead. Until then it is
held, also when the team is gone."""

ROUTES = Table(
    "routes",
    METADATA,
    Column("host", String(253), ForeignKey("hosts.host", ondelete="CASCADE"), primary_key=True),
    Column("path", String(200), primary_key=True),
    Column("app_id", _ID, ForeignKey("apps.id", ondelete="CASCADE"), nullable=False, index=True),
)

KEPT_LOGS = Table(
    "kept_logs",
    METADATA,
    Column("app_id", _ID, ForeignKey("apps.id", ondelete="CASCADE"), primary_key=True),
    Column("deployment", Integer, primary_key=True),
    Column("instance", String(40), primary_key=True),
    _at("kept_at"),
    Column("lines", JSON, nullable=False),
)

BUILD_LOGS = Table(
    "build_logs",
    METADATA,
    Column("app_id", _ID, ForeignKey("apps.id", ondelete="CASCADE"), primary_key=True),
    Column("deployment", Integer, primary_key=True),
    _at("kept_at"),
    Column("text", Text, nullable=False),
)
