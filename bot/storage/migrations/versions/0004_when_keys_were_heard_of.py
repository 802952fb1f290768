"""When the keys of incidents were heard of"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Keys without moments say nothing any more: incidents that are open now are found again by their next alerts.
    op.execute("DELETE FROM incident_key")
    with op.batch_alter_table("incident_key", schema=None) as batch_op:
        batch_op.add_column(sa.Column("first_at", sa.DateTime(timezone=True), nullable=False))
        batch_op.add_column(sa.Column("last_at", sa.DateTime(timezone=True), nullable=False))
        batch_op.create_index("incident_key_by_moment", ["domain", "last_at"], unique=False)
