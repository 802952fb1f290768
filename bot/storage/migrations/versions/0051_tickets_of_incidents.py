"""Tickets of incidents"""

import sqlalchemy as sa
from alembic import op

from bot.storage.types import UtcDateTime

revision = "0051"
down_revision = "0050"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "incident_ticket",
        sa.Column("incident_id", sa.Text(), primary_key=True),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("state", "tracker", "key", "url", "asked_by")),
        sa.Column("asked_at", UtcDateTime(), nullable=False),
        sa.Column("next_at", UtcDateTime(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
    )
    op.create_index("incident_ticket_by_state", "incident_ticket", ["state", "next_at"])
