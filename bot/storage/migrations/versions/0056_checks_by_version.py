"""The version of the model that a check was of"""

import sqlalchemy as sa
from alembic import op

revision = "0056"
down_revision = "0055"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("model_check", sa.Column("model_version", sa.Text(), nullable=False, server_default=""))
