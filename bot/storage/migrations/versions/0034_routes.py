"""Whom an incident concerns: its channels, its team, its escalation, and who was mentioned in a message"""

import sqlalchemy as sa
from alembic import op

from bot.storage.types import Json

revision = "0034"
down_revision = "0033"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "incident_route",
        sa.Column("incident_id", sa.Text(), primary_key=True),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("routes", sa.Text(), nullable=False),
    )
    op.create_table(
        "incident_channel",
        sa.Column("incident_id", sa.Text(), primary_key=True),
        sa.Column("channel", sa.Text(), primary_key=True),
        sa.Column("position", sa.Integer(), nullable=True),
        sa.Column("mention", Json(), nullable=False),
    )
    op.create_index("incident_channel_by_channel", "incident_channel", ["channel", "incident_id"])
    op.add_column("incident", sa.Column("team", sa.Text(), nullable=True))
    op.add_column("incident", sa.Column("escalation", sa.Text(), nullable=True))
    op.add_column("channel_message", sa.Column("mentioned", Json(), nullable=True))
