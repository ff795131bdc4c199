"""the logs of builds."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "build_logs",
        sa.Column("app_id", sa.String(length=10), nullable=False),
        sa.Column("deployment", sa.Integer(), nullable=False),
        sa.Column("kept_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["app_id"], ["apps.id"], name=op.f("fk_build_logs_app_id_apps"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("app_id", "deployment", name=op.f("pk_build_logs")),
    )


def downgrade() -> None:
    op.drop_table("build_logs")
