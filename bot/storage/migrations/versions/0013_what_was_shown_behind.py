"""Which messages say that Tandem was behind, and the trace that an incident belongs to"""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("slack_message") as table:
        table.add_column(sa.Column("shown_behind", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.create_table(
        "incident_trace",
        sa.Column("incident_id", sa.Text(), nullable=False),
        sa.Column("traceparent", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("incident_id"),
    )
