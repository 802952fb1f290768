"""What was looked up where the services of an incident run"""

import sqlalchemy as sa
from alembic import op

from bot.storage.types import Json

revision = "0047"
down_revision = "0046"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("incident", sa.Column("observed", Json(), nullable=True))
