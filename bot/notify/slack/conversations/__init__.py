"""What people write and where: calls to Slack that are about conversations of theirs."""
