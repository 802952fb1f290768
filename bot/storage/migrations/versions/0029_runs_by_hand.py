"""Runs that people propose by hand, and what the placeholders of one stood for whose plan may be edited"""

import sqlalchemy as sa
from alembic import op

from bot.storage.types import Json

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("run", sa.Column("proposed_by", sa.Text(), nullable=False, server_default=""))
    op.add_column("run", sa.Column("filled", Json(), nullable=True))
