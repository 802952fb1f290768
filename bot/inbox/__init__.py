"""Durable intake: the group commit, the log of what was acknowledged, offsets and the backlog."""
