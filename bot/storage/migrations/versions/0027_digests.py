"""New incidents that are too many for messages of their own: the digest of a channel, and what is in it"""

import sqlalchemy as sa
from alembic import op

from bot.storage.types import UtcDateTime

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "channel_digest",
        sa.Column("channel", sa.Text(), primary_key=True),
        sa.Column("since", UtcDateTime(), nullable=False),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.Column("resolved", sa.Integer(), nullable=False),
        sa.Column("ts", sa.Text(), nullable=True),
        sa.Column("posting_since", UtcDateTime(), nullable=True),
    )
    op.add_column("channel_message", sa.Column("digest_rank", sa.Integer(), nullable=True))
    standing = sa.Column("digest_standing", sa.Integer(), nullable=False, server_default=sa.text("0"))
    op.add_column("channel_message", standing)
