"""Watch: alerts whose source has not repeated them for so long that they count as ended (``alerts.expire_after``)."""

from collections.abc import Callable
from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.alert import resolution_of
from bot.domain.event import EndedBy
from bot.domain.rules import Rules
from bot.pipeline.batch import Batch
from bot.storage.queries import tools
from bot.watches.ticks import Ticks

LOOK = timedelta(seconds=15)


class ExpiryWatch:
    """See :class:`bot.pipeline.watch.Watch`. It learns nothing: what fires, and since when it was heard of, is stored.

    Our own detectors' alerts do not expire, nor does what was seen in its tool's own list: that is compared with it.
    """

    def __init__(self, rules: Rules, clock: Callable[[], datetime]) -> None:
        self._rules = rules
        self._clock = clock
        self._ticks = Ticks(LOOK)

    async def take(self, batch: Batch, connection: AsyncConnection) -> None:
        """What comes in ends nothing by its absence."""

    async def tick(self, batch: Batch, connection: AsyncConnection) -> None:
        self._ticks.looked_after(batch.partition, batch.now)
        after = self._rules.alerts.expire_after
        if after is not None:
            silent = await tools.unrepeated_since(connection, batch.partition, batch.now - after)
            batch.findings += [resolution_of(alert, batch.now, EndedBy.EXPIRED) for alert in silent]

    def awaiting(self) -> set[int]:
        now = self._clock()
        return {partition for partition in range(self._rules.partitions) if self._ticks.due(partition, now)}

    def forget(self, partition: int) -> None:
        self._ticks.forget(partition)
