"""The other parts of a person's own page."""

from bot.storage.queries.shown import homes
from handlers.slack.calls import Click
from handlers.slack.registry import action


@action("home.page")
async def turn(click: Click) -> None:
    page = int(click.value) if click.value.isdecimal() and len(click.value) < 5 else 1
    async with click.database.write() as connection:
        await homes.ask(connection, click.user, click.now, page=page)
