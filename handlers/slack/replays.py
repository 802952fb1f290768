"""Requests of Slack that came before."""

from datetime import timedelta

import structlog

from bot.errors import StorageUnavailable
from bot.storage.queries.deeds import slack_requests
from handlers.slack.calls import SlackEndpoint

REMEMBERED = timedelta(minutes=11)

log = structlog.get_logger(__name__)


async def first_time(endpoint: SlackEndpoint, key: str) -> bool:
    """Whether a request is taken for the first time. Where the database is away, what it would do says so itself."""
    now = endpoint.clock()
    try:
        async with endpoint.database.write() as connection:
            return await slack_requests.take_request(connection, key, now, now - REMEMBERED)
    except StorageUnavailable as error:
        log.error("slack.request_not_remembered", reason=str(error))
        return True
