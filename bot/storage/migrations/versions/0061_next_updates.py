"""For when the next update of an incident was promised"""

import sqlalchemy as sa
from alembic import op

from bot.storage.types import UtcDateTime

revision = "0061"
down_revision = "0060"
branch_labels = None
depends_on = None

_PROMISED = sa.text("next_update_at IS NOT NULL")


def upgrade() -> None:
    op.add_column("incident", sa.Column("next_update_at", UtcDateTime(), nullable=True))
    op.add_column("incident", sa.Column("next_update_by", sa.Text(), nullable=True))
    op.create_index(
        "incident_promised", "incident", ["next_update_at"], sqlite_where=_PROMISED, postgresql_where=_PROMISED
    )
