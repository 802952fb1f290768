"""Incidents whose cause and summary are to be made anew"""

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "changed_incident",
        sa.Column("incident_id", sa.Text(), primary_key=True),
        sa.Column("partition", sa.Integer(), nullable=False),
    )
