"""Calls of escalations that go through a channel."""
