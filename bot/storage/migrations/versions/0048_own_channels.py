"""Channels of incidents' own"""

import sqlalchemy as sa
from alembic import op

from bot.storage.types import Json, UtcDateTime

revision = "0048"
down_revision = "0047"
branch_labels = None
depends_on = None


def upgrade() -> None:
    texts = ("name", "state", "channel", "asked_by", "ts", "reason")
    op.create_table(
        "own_channel",
        sa.Column("incident_id", sa.Text(), primary_key=True),
        *(sa.Column(name, sa.Text(), nullable=False) for name in texts),
        sa.Column("asked_at", UtcDateTime(), nullable=False),
        sa.Column("changed_at", UtcDateTime(), nullable=False),
        sa.Column("invited", Json(), nullable=False),
        sa.Column("shown_version", sa.Integer(), nullable=False),
        sa.Column("posting_since", UtcDateTime(), nullable=True),
    )
    op.create_index("own_channel_by_state", "own_channel", ["state"])
    op.create_index("own_channel_by_channel", "own_channel", ["channel"])
