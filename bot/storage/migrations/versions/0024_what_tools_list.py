"""What the own lists of tools were seen to hold, and by which receiver an alert came"""

import sqlalchemy as sa
from alembic import op

from bot.storage.types import UtcDateTime

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("alert", schema=None) as batch_op:
        batch_op.add_column(sa.Column("receiver", sa.Text(), nullable=False, server_default=""))
    op.create_table(
        "tool_seen",
        sa.Column("tool", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("tool", "kind", "name"),
    )
