"""What channels can do, and what incidents look like in any of them; Slack is one channel."""
