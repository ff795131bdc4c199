"""since when a deployment is in its state."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("deployments", sa.Column("state_at", sa.DateTime(timezone=True), nullable=True))
    op.execute(
        "UPDATE deployments SET state_at = (SELECT max(at) FROM events WHERE events.app_id = deployments.app_id"
        " AND events.deployment = deployments.number AND events.kind = 'state')"
    )


def downgrade() -> None:
    with op.batch_alter_table("deployments") as table:
        table.drop_column("state_at")
