"""Alerts that are in no incident are found by age"""

import sqlalchemy as sa

from bot.storage.migrations.online import create_index

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    create_index("alert_unplaced", "alert", ["received_at"], where=sa.text("incident_id IS NULL"))
