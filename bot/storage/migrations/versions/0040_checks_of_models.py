"""What each check of a monitor said"""

import sqlalchemy as sa
from alembic import op

from bot.storage.tables.core import BigKey
from bot.storage.types import UtcDateTime

revision = "0040"
down_revision = "0039"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "model_check",
        sa.Column("id", BigKey, primary_key=True),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("domain", sa.Text(), nullable=False),
        sa.Column("monitor", sa.Text(), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("rows", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("summary", sa.Text(), nullable=False),
    )
    op.create_index("model_check_by_model", "model_check", ["model", "id"])
    op.create_index("model_check_by_time", "model_check", ["at"])
