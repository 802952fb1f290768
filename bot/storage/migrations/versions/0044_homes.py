"""The pages that people have of their own"""

import sqlalchemy as sa
from alembic import op

from bot.storage.types import UtcDateTime

revision = "0044"
down_revision = "0043"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "home",
        sa.Column("person", sa.Text(), primary_key=True),
        sa.Column("opened_at", UtcDateTime(), nullable=False),
        sa.Column("page", sa.Integer(), nullable=False),
        sa.Column("asked", sa.Integer(), nullable=False),
        sa.Column("answered", sa.Integer(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
    )
    op.create_index("home_by_opening", "home", ["opened_at"])
