"""Where an alert's labels place it, what an incident folds, what an edge tells, and rewritten summaries"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("alert", schema=None) as batch_op:
        batch_op.add_column(sa.Column("host", sa.Text(), server_default="", nullable=False))
    with op.batch_alter_table("incident", schema=None) as batch_op:
        batch_op.add_column(sa.Column("inhibited", sa.Text(), server_default="[]", nullable=False))
    with op.batch_alter_table("learnt_edge", schema=None) as batch_op:
        batch_op.add_column(sa.Column("kind", sa.Text(), server_default="runs on", nullable=False))
    op.create_table(
        "summary_rewrite",
        sa.Column("incident_id", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("facts", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("incident_id"),
    )
