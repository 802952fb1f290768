"""Charts that belong to runs and not to alerts"""

import sqlalchemy as sa
from alembic import op

from bot.storage.types import Json

revision = "0046"
down_revision = "0045"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("chart_upload", sa.Column("chart", Json(), nullable=True))
