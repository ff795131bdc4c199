"""what a deployment was made from, and whether its image was deleted."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("deployments", sa.Column("base", sa.Integer(), nullable=True))
    op.add_column("deployments", sa.Column("image_deleted_at", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("deployments") as table:
        table.drop_column("image_deleted_at")
        table.drop_column("base")
