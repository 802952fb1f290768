"""What each channel shows of each incident, so that one incident can be shown in several

``slack_message`` stays for the release before: its rows are read into the new table by the notifier, a few at a time,
and the message with the thread is written to both.
"""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "channel_message",
        sa.Column("incident_id", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("ts", sa.Text(), nullable=True),
        sa.Column("shown_version", sa.Integer(), nullable=False),
        sa.Column("posting_since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("threaded", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.Column("thread_position", sa.BigInteger(), nullable=False),
        sa.Column("thread_posting", sa.BigInteger(), nullable=True),
        sa.Column("shown_behind", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.PrimaryKeyConstraint("incident_id", "channel"),
    )
