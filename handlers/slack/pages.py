"""People's own pages, as far as what they do there changes them."""

import structlog

from bot.errors import StorageUnavailable
from bot.storage.queries.shown import homes
from handlers.slack.calls import SlackEndpoint

log = structlog.get_logger(__name__)


async def show_anew(endpoint: SlackEndpoint, user: str) -> None:
    """Let a person's page show at once what they did there."""
    try:
        async with endpoint.database.write() as connection:
            await homes.ask(connection, user, endpoint.clock())
    except StorageUnavailable as error:
        log.error("slack.page_not_shown_anew", reason=str(error))
