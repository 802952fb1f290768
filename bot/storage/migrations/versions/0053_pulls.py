"""Pulls: how far the rows of models were read from databases"""

import sqlalchemy as sa
from alembic import op

from bot.storage.types import Json, UtcDateTime

revision = "0053"
down_revision = "0052"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "model_pull",
        sa.Column("key", sa.Text(), primary_key=True),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("after", Json(), nullable=True),
        sa.Column("until", Json(), nullable=True),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("failure", sa.Text(), nullable=False, server_default=""),
    )
