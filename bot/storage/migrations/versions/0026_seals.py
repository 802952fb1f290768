"""Seals of runs and of audit rows under a key that is not in the database, and which key that is"""

import sqlalchemy as sa
from alembic import op

from bot.storage.types import UtcDateTime

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "seal",
        sa.Column("name", sa.Text(), primary_key=True),
        sa.Column("key_id", sa.Text(), nullable=False),
        sa.Column("from_seq", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("mac", sa.Text(), nullable=False),
    )
    op.add_column("run", sa.Column("seal", sa.Text(), nullable=False, server_default=""))
    op.add_column("audit", sa.Column("mac", sa.Text(), nullable=False, server_default=""))
