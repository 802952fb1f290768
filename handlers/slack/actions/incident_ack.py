"""Acknowledge on an incident."""

from bot.incidents import lifecycle
from handlers.slack.calls import Click
from handlers.slack.registry import action


@action("incident.ack")
async def acknowledge(click: Click) -> None:
    await lifecycle.acknowledge(click.database, click.value, click.who, click.now)
