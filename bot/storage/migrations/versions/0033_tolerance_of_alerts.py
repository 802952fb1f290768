"""By how much an alert may have begun later than its source says"""

import sqlalchemy as sa
from alembic import op

revision = "0033"
down_revision = "0032"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("alert", sa.Column("tolerance", sa.Float(), nullable=False, server_default="0"))
