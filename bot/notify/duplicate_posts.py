"""Duplicate posts: found some time after a post in doubt, and deleted.

A replica that is suspended between checking its lease and writing its request posts when it wakes, and the replica that
took over has looked before that and posted too. Slack documents no way to make a post idempotent. So the one that took
over looks again, twice, and keeps only the message that it edits.
"""

from datetime import datetime, timedelta

import structlog

from bot.notify.channel import ChannelRefusal, MessageGone, MessageRefused, RateLimited, incident_mark
from bot.notify.outlet import Outlet
from bot.storage.queries.shown import channel_messages

LOOK_AFTER = (timedelta(minutes=1), timedelta(minutes=10))
MAX_PENDING = 200

log = structlog.get_logger(__name__)


class DuplicatePosts:
    """Posts in doubt, in memory only: if this replica dies meanwhile, the duplicate stays."""

    def __init__(self, outlet: Outlet) -> None:
        self._outlet = outlet
        self._pending: list[tuple[datetime, str, datetime]] = []

    def expect(self, incident_id: str, since: datetime) -> None:
        """The incident's message is posted, and one that was begun at ``since`` may yet arrive."""
        looks = [(self._outlet.clock() + after, incident_id, since) for after in LOOK_AFTER]
        self._pending = sorted([*self._pending, *looks])[-MAX_PENDING:]

    def __bool__(self) -> bool:
        """Whether any is yet to be looked for."""
        return bool(self._pending)

    async def look(self) -> bool:
        """Look for what is due; False where nothing is. Raises ChannelFailure, and looks again then."""
        if not self._pending or self._pending[0][0] > self._outlet.clock():
            return False
        _, incident_id, since = self._pending[0]
        try:
            await self._keep_one(incident_id, since)
        except RateLimited as limited:
            later = self._outlet.clock() + timedelta(seconds=limited.wait)
            self._pending = sorted([*self._pending[1:], (later, incident_id, since)])
            return True
        except (ChannelRefusal, MessageRefused) as refused:  # what may not be looked for or deleted stays
            log.warning("channel.duplicate_not_looked_for", incident=incident_id, reason=str(refused))
        del self._pending[0]
        return True

    async def _keep_one(self, incident_id: str, since: datetime) -> None:
        """Nothing is deleted where the message that is edited is not among those found."""
        channel = await self._outlet.channel.key()
        async with self._outlet.database.read() as connection:
            kept = (await channel_messages.of_incident(connection, incident_id, channel)).ts
        await self._outlet.paced()
        found = [message.id async for message in self._outlet.channel.find(incident_mark(incident_id), since)]
        for message in found if kept in found else ():
            if message != kept:
                await self._outlet.paced()
                try:
                    await self._outlet.channel.delete(message)
                except MessageGone:
                    continue
                log.warning("channel.duplicate_removed", incident=incident_id, message=message)
