"""Conversations with the bot beside what a person looks at"""

import sqlalchemy as sa
from alembic import op

from bot.storage.types import UtcDateTime

revision = "0058"
down_revision = "0057"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "pane",
        sa.Column("channel", sa.Text(), primary_key=True),
        sa.Column("thread", sa.Text(), primary_key=True),
        sa.Column("viewed", sa.Text(), nullable=False),
        sa.Column("incident_id", sa.Text(), nullable=False),
        sa.Column("changed_at", UtcDateTime(), nullable=False),
    )
    op.create_index("pane_by_change", "pane", ["changed_at"])
