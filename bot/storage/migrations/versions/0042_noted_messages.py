"""Messages of people that are notes of incidents"""

import sqlalchemy as sa
from alembic import op

from bot.storage.types import UtcDateTime

revision = "0042"
down_revision = "0041"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "noted_message",
        sa.Column("channel", sa.Text(), primary_key=True),
        sa.Column("ts", sa.Text(), primary_key=True),
        sa.Column("incident_id", sa.Text(), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
    )
    op.create_index("noted_message_by_incident", "noted_message", ["incident_id"])
