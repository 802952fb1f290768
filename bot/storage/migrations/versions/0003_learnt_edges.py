"""What alerts have taught of the topology"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "learnt_edge",
        sa.Column("domain", sa.Text(), nullable=False),
        sa.Column("service", sa.Text(), nullable=False),
        sa.Column("depends_on", sa.Text(), nullable=False),
        sa.Column("partition", sa.Integer(), nullable=False),
        sa.Column("last_seen", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("domain", "service", "depends_on"),
    )
    with op.batch_alter_table("learnt_edge", schema=None) as batch_op:
        batch_op.create_index("learnt_edge_by_end", ["domain", "depends_on"], unique=False)
        batch_op.create_index("learnt_edge_by_age", ["partition", "last_seen"], unique=False)
