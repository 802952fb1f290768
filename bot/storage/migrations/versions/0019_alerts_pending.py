"""Alerts with a status that waits to be taken over are found by partition"""

import sqlalchemy as sa

from bot.storage.migrations.online import create_index

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    create_index("alert_pending", "alert", ["partition"], where=sa.text("pending IS NOT NULL"))
