"""who made a deployment, how a change ended, and hosts that outlive their team."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_HOSTS_TEAM = "fk_hosts_team_id_teams"


def upgrade() -> None:
    op.add_column("deployments", sa.Column("creator_id", sa.String(length=10), nullable=True))
    op.add_column("audit_events", sa.Column("outcome", sa.String(length=40), nullable=True))
    op.execute("UPDATE audit_events SET outcome = 'done'")  # what was written before was written at the end
    with op.batch_alter_table("hosts") as batch_op:
        batch_op.drop_constraint(_HOSTS_TEAM, type_="foreignkey")
        batch_op.alter_column("team_id", existing_type=sa.String(length=10), nullable=True)
        batch_op.create_foreign_key(_HOSTS_TEAM, "teams", ["team_id"], ["id"], ondelete="SET NULL")


def downgrade() -> None:
    op.execute("DELETE FROM hosts WHERE team_id IS NULL")
    with op.batch_alter_table("hosts") as batch_op:
        batch_op.drop_constraint(_HOSTS_TEAM, type_="foreignkey")
        batch_op.alter_column("team_id", existing_type=sa.String(length=10), nullable=False)
        batch_op.create_foreign_key(_HOSTS_TEAM, "teams", ["team_id"], ["id"], ondelete="CASCADE")
    with op.batch_alter_table("audit_events") as batch_op:
        batch_op.drop_column("outcome")
    with op.batch_alter_table("deployments") as batch_op:
        batch_op.drop_column("creator_id")
