"""The messages of one channel are found by an index: there may be many channels"""

from bot.storage.migrations.online import create_index

revision = "0035"
down_revision = "0034"
branch_labels = None
depends_on = None


def upgrade() -> None:
    create_index("channel_message_by_channel", "channel_message", ["channel"])
