"""Watch: turns samples, log lines and model data into alerts, and keeps what it learns in memory between batches."""

from typing import Protocol, runtime_checkable

from sqlalchemy.ext.asyncio import AsyncConnection

from bot.pipeline.batch import Batch


class Watch(Protocol):
    """Its findings go into ``batch.findings``. It learns from each event once, in the order of the inbox.

    What it learns is in memory, by partition, and written as snapshots (:mod:`bot.storage.queries.snapshots`) in the
    transaction of a batch. When a batch fails, ``forget`` is called: the next ``take`` or ``tick`` begins from the
    last snapshots and what the inbox holds behind them.
    """

    async def take(self, batch: Batch, connection: AsyncConnection) -> None:
        """Look at what came in."""

    async def tick(self, batch: Batch, connection: AsyncConnection) -> None:
        """Look at what time alone brings, such as data that no longer comes."""

    def awaiting(self) -> set[int]:
        """The partitions that it wants a tick for."""

    def forget(self, partition: int) -> None:
        """Drop what is in memory of a partition."""


@runtime_checkable
class SavesLater(Protocol):
    """A watch that writes what it learnt a while after it learnt it, and reads the inbox again for the rest."""

    async def save_all(self, batch: Batch, connection: AsyncConnection) -> None:
        """Write all that was learnt up to ``batch.position``: nothing before it is read again."""
