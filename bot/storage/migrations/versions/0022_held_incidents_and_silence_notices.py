"""Incidents that people resolved while alerts fired, silences to be announced, and what a merged incident is part of"""

import sqlalchemy as sa
from alembic import op

from bot.storage.tables.core import BigKey
from bot.storage.types import UtcDateTime

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "held_incident",
        sa.Column("incident_id", sa.Text(), primary_key=True),
        sa.Column("partition", sa.Integer(), nullable=False),
        sa.Column("resolved_at", UtcDateTime(), nullable=False),
    )
    op.create_table(
        "silence_notice",
        sa.Column("id", BigKey, primary_key=True),
        sa.Column("silence_id", sa.Text(), nullable=False),
        sa.Column("ended", sa.Boolean(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("posting_since", UtcDateTime(), nullable=True),
    )
    op.add_column("incident", sa.Column("part_of", sa.Text(), nullable=True))
