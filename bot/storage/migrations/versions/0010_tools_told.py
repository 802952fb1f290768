"""What the tools that alerts come from were told, and which silences they share with us"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("silence") as table:
        table.add_column(sa.Column("origin", sa.Text(), nullable=False, server_default=""))
    op.create_index("incident_by_change", "incident", ["changed_at"], unique=False)
    op.create_table(
        "tool_silence",
        sa.Column("tool", sa.Text(), nullable=False),
        sa.Column("silence_id", sa.Text(), nullable=False),
        sa.Column("there", sa.Text(), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("refused", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("tool", "silence_id"),
    )
    op.create_table(
        "tool_told",
        sa.Column("tool", sa.Text(), nullable=False),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("incident_id", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("refused", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("tool", "target"),
    )
    op.create_index("tool_told_by_age", "tool_told", ["at"], unique=False)
