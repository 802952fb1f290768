"""Who owns an incident, which severity a person set, what was opened by hand, and updates that the channel shows"""

import sqlalchemy as sa
from alembic import op

revision = "0031"
down_revision = "0030"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for name in ("owner", "severity_by", "alerts_severity", "kept_open_by", "declared_as"):
        op.add_column("incident", sa.Column(name, sa.Text(), nullable=True))
    op.add_column("timeline", sa.Column("broadcast", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("timeline", sa.Column("person", sa.Text(), nullable=True))
