"""“Channel of its own” in an incident's menu."""

from bot.incidents.beside.own_channel import ask_for_channel
from handlers.slack.calls import Click
from handlers.slack.registry import action


@action("incident.channel")
async def channel(click: Click) -> None:
    await ask_for_channel(click.database, click.value, click.who, click.now)
