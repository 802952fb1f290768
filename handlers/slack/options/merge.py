"""Which other open incident one becomes part of, where there are more than fit in a list."""

from bot.incidents.permissions import Action, require
from bot.storage.queries import incidents
from bot.storage.queries.listed import opened
from handlers.slack.calls import Search
from handlers.slack.forms.merge import MOST, SEARCH, choices
from handlers.slack.registry import options


@options(SEARCH)
async def others(search: Search) -> list[tuple[str, str]]:
    async with search.database.read() as connection:
        gone = await incidents.by_id(connection, search.about)
        if gone is None:
            return []
        require(search.who, Action.MERGE, gone)
        found = await opened.find(connection, search.text, MOST + 1, gone.domain)
    return choices(gone, [one for one in found if one.id != gone.id])
