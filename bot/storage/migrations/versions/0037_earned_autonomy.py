"""Earned autonomy: what a run was for, whether it counts, that it was announced, and who stopped it"""

import sqlalchemy as sa
from alembic import op

from bot.storage.types import Json

revision = "0037"
down_revision = "0036"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("run", sa.Column("cause", sa.Text(), nullable=False, server_default=""))
    op.add_column("run", sa.Column("earned", sa.Boolean(), nullable=True))
    op.add_column("run", sa.Column("announced", Json(), nullable=True))
    op.add_column("run", sa.Column("stopped_by", sa.Text(), nullable=False, server_default=""))
