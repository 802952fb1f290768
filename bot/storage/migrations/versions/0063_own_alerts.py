"""What our own detectors raise is found among what senders do, however much that is"""

import sqlalchemy as sa

from bot.storage.migrations.online import create_index

revision = "0063"
down_revision = "0062"
branch_labels = None
depends_on = None


def upgrade() -> None:
    create_index(
        "alert_own", "alert", ["domain", "name"], sa.text("current AND status = 'firing' AND source = 'tandem'")
    )
