"""A channel of Slack, by name or id."""

from slack_sdk.web.async_client import AsyncWebClient

from bot.notify.channel import Channel
from bot.notify.kinds import Opening, channel_kind
from bot.notify.slack.channel import SlackChannel


@channel_kind("slack")
def open_slack(address: str, opening: Opening) -> Channel:
    client = opening.clients["slack"]
    assert isinstance(client, AsyncWebClient)
    return SlackChannel(client, address, opening.may, opening.urgent)
