"""Quiet hours of channels, what came in them, and the digests at their ends"""

import sqlalchemy as sa
from alembic import op

from bot.storage.types import Json, UtcDateTime

revision = "0054"
down_revision = "0053"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("incident_channel", sa.Column("quiet", Json(), nullable=True))
    op.create_table(
        "quiet_incident",
        sa.Column("channel", sa.Text(), primary_key=True),
        sa.Column("until", UtcDateTime(), primary_key=True),
        sa.Column("incident_id", sa.Text(), primary_key=True),
    )
    op.create_table(
        "quiet_digest",
        sa.Column("channel", sa.Text(), primary_key=True),
        sa.Column("until", UtcDateTime(), primary_key=True),
        sa.Column("posting_since", UtcDateTime(), nullable=True),
        sa.Column("done_at", UtcDateTime(), nullable=True),
    )
