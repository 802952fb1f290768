"""Guards: when a run started, what holds it up, whose glass was broken for it, and what depends on its targets"""

import sqlalchemy as sa
from alembic import op

from bot.storage.types import Json, UtcDateTime

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("run", sa.Column("started_at", UtcDateTime(), nullable=True))
    op.add_column("run", sa.Column("holds", Json(), nullable=False, server_default="[]"))
    op.add_column("run", sa.Column("glass", Json(), nullable=True))
    op.add_column("run", sa.Column("reach", Json(), nullable=True))
