"""people, policy and variables."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "audit_events",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("team_id", sa.String(length=10), nullable=True),
        sa.Column("app", sa.String(length=40), nullable=True),
        sa.Column("actor", sa.String(length=120), nullable=False),
        sa.Column("token_id", sa.String(length=10), nullable=True),
        sa.Column("address", sa.String(length=60), nullable=True),
        sa.Column("action", sa.String(length=40), nullable=False),
        sa.Column("subject", sa.String(length=300), nullable=False),
        sa.Column("request_id", sa.String(length=10), nullable=True),
        sa.Column("detail", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_events")),
    )
    with op.batch_alter_table("audit_events", schema=None) as batch_op:
        batch_op.create_index("ix_audit_events_team_id_id", ["team_id", "id"], unique=False)

    op.create_table(
        "used_identity_tokens",
        sa.Column("issuer", sa.String(length=200), nullable=False),
        sa.Column("jti", sa.String(length=200), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("issuer", "jti", name=op.f("pk_used_identity_tokens")),
    )
    op.create_table(
        "invitations",
        sa.Column("id", sa.String(length=10), nullable=False),
        sa.Column("team_id", sa.String(length=10), nullable=True),
        sa.Column("role", sa.String(length=20), nullable=True),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("note", sa.String(length=200), nullable=True),
        sa.Column("invited_by", sa.String(length=10), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("used_by", sa.String(length=10), nullable=True),
        sa.ForeignKeyConstraint(
            ["invited_by"], ["users.id"], name=op.f("fk_invitations_invited_by_users"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["team_id"], ["teams.id"], name=op.f("fk_invitations_team_id_teams"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["used_by"], ["users.id"], name=op.f("fk_invitations_used_by_users"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_invitations")),
    )
    with op.batch_alter_table("invitations", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_invitations_team_id"), ["team_id"], unique=False)

    op.create_table(
        "trust_rules",
        sa.Column("id", sa.String(length=10), nullable=False),
        sa.Column("team_id", sa.String(length=10), nullable=False),
        sa.Column("app_id", sa.String(length=10), nullable=True),
        sa.Column("issuer", sa.String(length=200), nullable=False),
        sa.Column("audience", sa.String(length=200), nullable=False),
        sa.Column("repository", sa.String(length=200), nullable=False),
        sa.Column("claims", sa.JSON(), nullable=False),
        sa.Column("created_by", sa.String(length=10), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["app_id"], ["apps.id"], name=op.f("fk_trust_rules_app_id_apps"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(
            ["created_by"], ["users.id"], name=op.f("fk_trust_rules_created_by_users"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["team_id"], ["teams.id"], name=op.f("fk_trust_rules_team_id_teams"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_trust_rules")),
    )
    with op.batch_alter_table("trust_rules", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_trust_rules_team_id"), ["team_id"], unique=False)

    op.create_table(
        "variables",
        sa.Column("app_id", sa.String(length=10), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("value", sa.Text(), nullable=True),
        sa.Column("key_id", sa.String(length=20), nullable=True),
        sa.Column("digest", sa.String(length=8), nullable=True),
        sa.Column("unset", sa.Boolean(), nullable=False),
        sa.Column("set_by", sa.String(length=80), nullable=False),
        sa.Column("set_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["app_id"], ["apps.id"], name=op.f("fk_variables_app_id_apps"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("app_id", "name", "version", name=op.f("pk_variables")),
    )
    with op.batch_alter_table("variables", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_variables_key_id"), ["key_id"], unique=False)

    with op.batch_alter_table("apps", schema=None) as batch_op:
        batch_op.add_column(sa.Column("source", sa.String(length=10), server_default="any", nullable=False))
        batch_op.add_column(sa.Column("deployers", sa.JSON(), server_default="[]", nullable=False))
        batch_op.add_column(sa.Column("suspended_at", sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column("suspended_reason", sa.Text(), nullable=True))

    with op.batch_alter_table("deployments", schema=None) as batch_op:
        batch_op.add_column(sa.Column("variables", sa.JSON(), server_default="{}", nullable=False))

    with op.batch_alter_table("teams", schema=None) as batch_op:
        batch_op.add_column(sa.Column("quota", sa.JSON(), server_default="{}", nullable=False))
        batch_op.add_column(sa.Column("suspended_at", sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column("suspended_reason", sa.Text(), nullable=True))

    with op.batch_alter_table("tokens", schema=None) as batch_op:
        batch_op.add_column(sa.Column("name", sa.String(length=80), nullable=True))
        batch_op.add_column(sa.Column("team_id", sa.String(length=10), nullable=True))
        batch_op.add_column(sa.Column("app_id", sa.String(length=10), nullable=True))
        batch_op.add_column(sa.Column("can", sa.String(length=10), nullable=True))
        batch_op.add_column(sa.Column("used_at", sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column("used_from", sa.String(length=60), nullable=True))
        batch_op.create_index(batch_op.f("ix_tokens_team_id"), ["team_id"], unique=False)
        batch_op.create_foreign_key(batch_op.f("fk_tokens_app_id_apps"), "apps", ["app_id"], ["id"], ondelete="CASCADE")
        batch_op.create_foreign_key(
            batch_op.f("fk_tokens_team_id_teams"), "teams", ["team_id"], ["id"], ondelete="CASCADE"
        )

    with op.batch_alter_table("users", schema=None) as batch_op:
        batch_op.add_column(sa.Column("email", sa.String(length=254), nullable=True))
        batch_op.add_column(sa.Column("suspended_at", sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column("suspended_reason", sa.Text(), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("users", schema=None) as batch_op:
        batch_op.drop_column("suspended_reason")
        batch_op.drop_column("suspended_at")
        batch_op.drop_column("email")

    with op.batch_alter_table("tokens", schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f("fk_tokens_team_id_teams"), type_="foreignkey")
        batch_op.drop_constraint(batch_op.f("fk_tokens_app_id_apps"), type_="foreignkey")
        batch_op.drop_index(batch_op.f("ix_tokens_team_id"))
        batch_op.drop_column("used_from")
        batch_op.drop_column("used_at")
        batch_op.drop_column("can")
        batch_op.drop_column("app_id")
        batch_op.drop_column("team_id")
        batch_op.drop_column("name")

    with op.batch_alter_table("teams", schema=None) as batch_op:
        batch_op.drop_column("suspended_reason")
        batch_op.drop_column("suspended_at")
        batch_op.drop_column("quota")

    with op.batch_alter_table("deployments", schema=None) as batch_op:
        batch_op.drop_column("variables")

    with op.batch_alter_table("apps", schema=None) as batch_op:
        batch_op.drop_column("suspended_reason")
        batch_op.drop_column("suspended_at")
        batch_op.drop_column("deployers")
        batch_op.drop_column("source")

    with op.batch_alter_table("variables", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_variables_key_id"))

    op.drop_table("variables")
    with op.batch_alter_table("trust_rules", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_trust_rules_team_id"))

    op.drop_table("trust_rules")
    with op.batch_alter_table("invitations", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_invitations_team_id"))

    op.drop_table("invitations")
    op.drop_table("used_identity_tokens")
    with op.batch_alter_table("audit_events", schema=None) as batch_op:
        batch_op.drop_index("ix_audit_events_team_id_id")

    op.drop_table("audit_events")
