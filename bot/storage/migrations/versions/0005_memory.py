"""What resolved incidents are remembered by, and which of them an incident is like"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "trait",
        sa.Column("domain", sa.Text(), nullable=False),
        sa.Column("trait", sa.Text(), nullable=False),
        sa.Column("incident_id", sa.Text(), nullable=False),
        sa.Column("traits", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("domain", "trait", "incident_id"),
    )
    with op.batch_alter_table("trait", schema=None) as batch_op:
        batch_op.create_index("trait_by_incident", ["incident_id"], unique=False)
    with op.batch_alter_table("incident", schema=None) as batch_op:
        batch_op.add_column(sa.Column("past", sa.Text(), nullable=False, server_default="[]"))
