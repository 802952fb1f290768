"""“Open a ticket” on an incident."""

from bot.incidents.beside.ticket import ask_for_ticket
from handlers.slack.calls import Click
from handlers.slack.registry import action


@action("incident.ticket")
async def ticket(click: Click) -> None:
    await ask_for_ticket(click.database, click.value, click.who, click.now)
