"""Which inbox the offsets belong to, and how far those were worked through that were left"""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("partition_offset") as table:
        table.add_column(sa.Column("inbox", sa.Text(), nullable=False, server_default="database"))
    op.create_table(
        "inbox_left",
        sa.Column("inbox", sa.Text(), nullable=False),
        sa.Column("partition", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("inbox", "partition"),
    )
