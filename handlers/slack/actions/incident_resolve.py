"""Resolve on an incident."""

from bot.incidents import lifecycle
from handlers.slack.calls import Click
from handlers.slack.registry import action


@action("incident.resolve")
async def resolve(click: Click) -> None:
    await lifecycle.resolve(click.database, click.value, click.who, click.now)
