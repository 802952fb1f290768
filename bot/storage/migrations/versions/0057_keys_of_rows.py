"""What the sender of rows calls them, so that labels that are sent again are kept once"""

import sqlalchemy as sa
from alembic import op

revision = "0057"
down_revision = "0056"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("model_rows", sa.Column("key", sa.Text(), nullable=True))
