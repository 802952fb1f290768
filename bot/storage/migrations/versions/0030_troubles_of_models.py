"""When an incident reopened, and the correlation domain of a model's rows"""

import sqlalchemy as sa
from alembic import op

from bot.storage.types import UtcDateTime

revision = "0030"
down_revision = "0029"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("incident", sa.Column("reopened_at", UtcDateTime(), nullable=True))
    op.add_column("model_rows", sa.Column("domain", sa.Text(), nullable=True))
