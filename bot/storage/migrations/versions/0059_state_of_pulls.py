"""Pulls: rows that are being taken in, ids of late rows, the usual columns, alerts, and versions of the data"""

import sqlalchemy as sa
from alembic import op

from bot.storage.types import Json

revision = "0059"
down_revision = "0058"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for name in ("pending", "seen", "columns", "firing", "data"):
        op.add_column("model_pull", sa.Column(name, Json(), nullable=True))
