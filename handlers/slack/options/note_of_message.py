"""In the timeline of which open incident a message is noted, where there are more than fit in a list."""

from bot.storage.queries.listed import opened
from handlers.slack.calls import Search
from handlers.slack.forms.note_of_message import MOST, SEARCH, choices
from handlers.slack.registry import options


@options(SEARCH)
async def opened_incidents(search: Search) -> list[tuple[str, str]]:
    async with search.database.read() as connection:
        return choices(await opened.find(connection, search.text, MOST))
