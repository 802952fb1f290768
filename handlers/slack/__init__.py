"""What people do in Slack: buttons, slash commands, forms."""

from handlers.slack.app import make_bolt_app
from handlers.slack.calls import SlackEndpoint
from handlers.slack.http import add_slack_route
from handlers.slack.replays import first_time

__all__ = ["SlackEndpoint", "add_slack_route", "first_time", "make_bolt_app"]
