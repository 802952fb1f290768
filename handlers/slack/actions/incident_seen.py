"""“I'm looking” on an incident, apart from owning it."""

from bot.incidents.looking import look_at
from handlers.slack.calls import Click
from handlers.slack.registry import action


@action("incident.seen")
async def look(click: Click) -> str:
    return await look_at(click.database, click.value, click.who, click.now)
