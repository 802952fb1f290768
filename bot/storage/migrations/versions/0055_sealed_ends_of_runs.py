"""The seal of how a run ended"""

import sqlalchemy as sa
from alembic import op

revision = "0055"
down_revision = "0054"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("run", sa.Column("end_seal", sa.Text(), nullable=False, server_default=""))
