"""Which services were troubled together, and the terms by which incidents are compared"""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "companion",
        sa.Column("domain", sa.Text(), nullable=False),
        sa.Column("service", sa.Text(), nullable=False),
        sa.Column("other", sa.Text(), nullable=False),
        sa.Column("partition", sa.Integer(), nullable=False),
        sa.Column("near", sa.Float(), nullable=False),
        sa.Column("apart", sa.Float(), nullable=False),
        sa.Column("last_seen", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("domain", "service", "other"),
    )
    op.create_index("companion_by_age", "companion", ["partition", "last_seen"], unique=False)
    op.create_table(
        "incident_terms",
        sa.Column("incident_id", sa.Text(), nullable=False),
        sa.Column("terms", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("incident_id"),
    )
