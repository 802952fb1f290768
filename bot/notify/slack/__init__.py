"""Slack as a channel: cards rendered to Block Kit, its calls, and what its errors mean."""
