"""What was found out about incidents by themselves, and how far their threads show it"""

import sqlalchemy as sa
from alembic import op

from bot.storage.types import Json, UtcDateTime

revision = "0052"
down_revision = "0051"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "investigation",
        sa.Column("incident_id", sa.Text(), primary_key=True),
        sa.Column("partition", sa.Integer(), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("rounds", sa.Integer(), nullable=False),
        sa.Column("findings", Json(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("shown", sa.Integer(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=True),
        sa.Column("reply", sa.Text(), nullable=True),
        sa.Column("posting_since", UtcDateTime(), nullable=True),
    )
    unshown = sa.text("version > shown")
    op.create_index("investigation_unshown", "investigation", ["at"], sqlite_where=unshown, postgresql_where=unshown)
