"""What we say in Slack: incidents rendered to Block Kit, and the notifier that keeps messages true."""
