"""What the steps of a run would change, found out before anybody approves it"""

import sqlalchemy as sa
from alembic import op

from bot.storage.types import Json

revision = "0043"
down_revision = "0042"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("run", sa.Column("preview", Json(), nullable=True))
