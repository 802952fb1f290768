"""Which timeline entries say that an incident got worse, and up to which one a message says all itself"""

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("timeline", sa.Column("worse", sa.Boolean(), nullable=False, server_default=sa.false()))
    position = sa.Column("posted_position", sa.BigInteger(), nullable=False, server_default=sa.text("0"))
    op.add_column("channel_message", position)
