"""Incident and run changes that other systems are sent"""

import sqlalchemy as sa
from alembic import op

from bot.storage.tables.core import BigKey
from bot.storage.types import UtcDateTime

revision = "0041"
down_revision = "0040"
branch_labels = None
depends_on = None

_WAITING = sa.text("state = 'waiting'")


def upgrade() -> None:
    op.create_table(
        "outgoing_cursor",
        sa.Column("receiver", sa.Text(), primary_key=True),
        sa.Column("shown", sa.Text(), nullable=False),
        sa.Column("position", BigKey, nullable=False),
    )
    op.create_table(
        "outgoing_event",
        sa.Column("id", BigKey, primary_key=True),
        sa.Column("receiver", sa.Text(), nullable=False),
        sa.Column("position", BigKey, nullable=False),
        sa.Column("incident_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("began_at", UtcDateTime(), nullable=False),
        sa.Column("next_at", UtcDateTime(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.UniqueConstraint("receiver", "position", name="outgoing_event_once"),
    )
    op.create_index(
        "outgoing_event_waiting",
        "outgoing_event",
        ["receiver", "incident_id", "position"],
        sqlite_where=_WAITING,
        postgresql_where=_WAITING,
    )
    op.create_index("outgoing_event_by_state", "outgoing_event", ["receiver", "state", "next_at"])
