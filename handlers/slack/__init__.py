"""What people do in Slack: buttons, slash commands, forms."""

from handlers.slack.app import make_bolt_app
from handlers.slack.calls import SlackEndpoint
from handlers.slack.http import add_slack_route

__all__ = ["SlackEndpoint", "add_slack_route", "make_bolt_app"]
