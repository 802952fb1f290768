"""A small local Slack for the demo and the tests: enough of the Web API for an unmodified Bolt app, and a web page."""

from bot.localslack.server import LocalSlack

__all__ = ["LocalSlack"]
