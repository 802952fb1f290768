"""When a watch looked after each partition last, and whether it is due to do so again."""

from datetime import datetime, timedelta


class Ticks:
    """Every so often. A clock that was set back makes it due, as nobody knows how long ago the last look was."""

    def __init__(self, every: timedelta) -> None:
        self._every = every
        self._at: dict[int, datetime] = {}

    def __contains__(self, partition: int) -> bool:
        return partition in self._at

    def looked_after(self, partition: int, now: datetime) -> None:
        self._at[partition] = now

    def due(self, partition: int, now: datetime) -> bool:
        """Whether it was never looked after, or too long ago.

        >>> ticks, noon = Ticks(timedelta(seconds=15)), datetime(2026, 3, 1, 12)
        >>> ticks.looked_after(0, noon)
        >>> [ticks.due(0, noon + timedelta(seconds=passed)) for passed in (0, 14, 15, -1)], ticks.due(1, noon)
        ([False, False, True, True], True)
        """
        at = self._at.get(partition)
        return at is None or not timedelta(0) <= now - at < self._every

    def forget(self, partition: int) -> None:
        self._at.pop(partition, None)
