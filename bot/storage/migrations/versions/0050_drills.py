"""Drills: incidents and runs that are made up, and when each runbook's last one was"""

import sqlalchemy as sa
from alembic import op

from bot.storage.types import UtcDateTime

revision = "0050"
down_revision = "0049"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for table in ("incident", "run"):
        op.add_column(table, sa.Column("drill", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.create_table(
        "runbook_drill",
        sa.Column("runbook", sa.Text(), primary_key=True),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("failure", sa.Text(), nullable=False),
    )
