"""What people do in Slack: buttons, slash commands, modals."""

from handlers.slack.app import SlackDoor, make_bolt_app
from handlers.slack.http import add_slack_route

__all__ = ["SlackDoor", "add_slack_route", "make_bolt_app"]
