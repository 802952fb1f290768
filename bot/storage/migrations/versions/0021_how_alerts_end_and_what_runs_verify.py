"""What the end of an alert rests on, and what a run verifies, how far it has come and which targets it holds"""

import sqlalchemy as sa
from alembic import op

from bot.storage.types import UtcDateTime

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("alert", schema=None) as batch_op:
        batch_op.add_column(sa.Column("ended_by", sa.Text(), nullable=True))
        batch_op.add_column(sa.Column("good_since", UtcDateTime(), nullable=True))
    with op.batch_alter_table("run", schema=None) as batch_op:
        batch_op.add_column(sa.Column("watched", sa.Text(), nullable=False, server_default="[]"))
        batch_op.add_column(sa.Column("verification", sa.Text(), nullable=True))
        batch_op.add_column(sa.Column("previous", sa.Text(), nullable=True))
    op.create_table(
        "run_target",
        sa.Column("domain", sa.Text(), nullable=False),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("since", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("domain", "target"),
    )
