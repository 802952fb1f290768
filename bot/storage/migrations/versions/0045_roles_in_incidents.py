"""Who leads an incident, and who writes down what happens"""

import sqlalchemy as sa
from alembic import op

revision = "0045"
down_revision = "0044"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for name in ("lead", "scribe"):
        op.add_column("incident", sa.Column(name, sa.Text(), nullable=True))
