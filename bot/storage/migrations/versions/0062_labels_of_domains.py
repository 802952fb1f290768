"""By which labels the domains of what is stored are told apart"""

import sqlalchemy as sa
from alembic import op

revision = "0062"
down_revision = "0061"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("partition_offset", sa.Column("partition_by", sa.Text(), nullable=True))
