"""In the timeline of which open incident a message is noted, where there are more than fit in a list."""

from bot.storage.queries import incidents
from handlers.slack.calls import Search
from handlers.slack.forms.note_of_message import MOST, SEARCH, choices
from handlers.slack.registry import options


@options(SEARCH)
async def opened(search: Search) -> list[tuple[str, str]]:
    async with search.database.read() as connection:
        return choices(await incidents.open_worst_first(connection, MOST, matching=search.text))
