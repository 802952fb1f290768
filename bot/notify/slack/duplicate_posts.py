"""What stands in the channel twice, found a while after the post in doubt, and taken away.

A replica that is stopped between its last look at its lease and the writing of its request posts when it wakes, and
whoever took over has looked before that and posted too. Slack documents nothing by which a post could be sent twice
and stand once. So the one that took over looks again, twice, and leaves only the message that it keeps up to date.
"""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import datetime, timedelta

import structlog

from bot.notify.slack.channel import MessageGone, SlackChannel, SlackRefusal
from bot.storage.database import Database
from bot.storage.queries import slack_messages

LOOK_AFTER = (timedelta(minutes=1), timedelta(minutes=10))
MOST = 200

log = structlog.get_logger(__name__)


class Doubles:
    """Posts in doubt, in memory only: a replica that dies meanwhile leaves the double. ``paced`` waits for our turn."""

    def __init__(
        self,
        database: Database,
        channel: SlackChannel,
        clock: Callable[[], datetime],
        paced: Callable[[], Awaitable[None]],
    ) -> None:
        self._database, self._channel, self._clock, self._paced = database, channel, clock, paced
        self._doubts: list[tuple[datetime, str, datetime]] = []

    def doubt(self, incident_id: str, since: datetime) -> None:
        """The incident's message is posted, and one that was begun at ``since`` may yet arrive."""
        looks = [(self._clock() + after, incident_id, since) for after in LOOK_AFTER]
        self._doubts = sorted([*self._doubts, *looks])[-MOST:]

    async def look(self) -> bool:
        """Look for what is due; False where nothing is. Raises SlackFailure, and looks again then."""
        if not self._doubts or self._doubts[0][0] > self._clock():
            return False
        _, incident_id, since = self._doubts[0]
        with suppress(SlackRefusal):  # what may not be looked for stays
            await self._leave_one(incident_id, since)
        del self._doubts[0]
        return True

    async def _leave_one(self, incident_id: str, since: datetime) -> None:
        """Nothing is taken away where the message that is kept up to date is not there."""
        async with self._database.read() as connection:
            kept = (await slack_messages.of_incident(connection, incident_id)).ts
        await self._paced()
        found = await self._channel.find_messages(incident_id, since)
        for ts in found if kept in found else ():
            if ts != kept:
                await self._paced()
                with suppress(MessageGone):
                    await self._channel.delete(ts)
                    log.warning("slack.double_removed", incident=incident_id, ts=ts)
