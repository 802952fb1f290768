"""When incidents were first acknowledged"""

import sqlalchemy as sa
from alembic import op

from bot.storage.types import UtcDateTime

revision = "0036"
down_revision = "0035"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("incident", sa.Column("acknowledged_at", UtcDateTime(), nullable=True))
