"""Rows of a model on their way into the inbox: on disk first, or within the event where they are few."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime

import msgspec
import pyarrow as pa

from bot.domain.event import NOT_INLINE, AlertEvent, LineageEvent, RowsEvent, RowsKind
from bot.domain.rules import Rules
from bot.inbox.entries import NewEntry
from bot.inbox.intake import entries_for
from bot.model_store.columns import digest_of, span_of
from bot.model_store.frames import Frames
from bot.model_store.json_rows import inline_of
from bot.model_store.layout import LaidOut, labels_apart

MOST_INLINE = 200
"""Rows that need no file of their own: who sends them one by one shall not fill the store with files of one row."""
SOURCE = "models"
Span = tuple[datetime, datetime]
Append = Callable[[Sequence[NewEntry]], Awaitable[None]]


class RowsIntake:
    """``append`` takes entries durably."""

    def __init__(self, append: Append, frames: Frames, clock: Callable[[], datetime], rules: Rules) -> None:
        self._append, self.frames, self._clock = append, frames, clock
        self._partition_by, self._partitions = rules.correlation.partition_by, rules.partitions

    async def take(
        self, model: str, holds: RowsKind, given: LaidOut, labels: Mapping[str, str], key: str = ""
    ) -> Mapping[str, str]:
        """Take in rows; returns what is to be noted of their columns. Raises StorageUnavailable, InboxFull.

        The same rows again under the same ``key`` are kept once.
        """
        received_at, came, notes = self._clock(), [(holds, given.table)], dict(given.notes)
        if holds is RowsKind.PREDICTIONS and (apart := labels_apart(given.table))[1] is not None:
            came = [(holds, apart[0]), (RowsKind.LABELS, apart[1])]
            notes["label"] = f"{apart[1].num_rows} labels were taken along"
        if given.table.num_rows:
            events = [
                msgspec.structs.replace(await self._event(model, *one, dict(labels), received_at), key=key)
                for one in came
            ]
            await self._append(entries_for(events, SOURCE, received_at, self._partition_by, self._partitions))
        return notes

    async def take_statistics(
        self, model: str, digest: str, rows: int, span: Span | None, labels: Mapping[str, str], key: str
    ) -> None:
        """Take in the statistics of so many rows, which are in the store. Raises StorageUnavailable, InboxFull."""
        received_at = self._clock()
        first, last = span or (received_at, received_at)
        event = RowsEvent(
            source=SOURCE,
            model=model,
            holds=RowsKind.STATISTICS,
            digest=digest,
            rows=rows,
            labels=dict(labels),
            first_at=first,
            last_at=last,
            key=key,
        )
        await self._append(entries_for([event], SOURCE, received_at, self._partition_by, self._partitions))

    async def tell(self, events: Sequence[AlertEvent] | Sequence[LineageEvent]) -> None:
        """Take in what is to be known about the rows. Raises StorageUnavailable, InboxFull."""
        if events:
            await self._append(entries_for(events, SOURCE, self._clock(), self._partition_by, self._partitions))

    async def _event(
        self, model: str, holds: RowsKind, table: pa.Table, labels: dict[str, str], received_at: datetime
    ) -> RowsEvent:
        """The rows are on disk, or in the event."""
        inline = inline_of(table, holds) if table.num_rows <= MOST_INLINE else None
        digest = digest_of(table) if inline else await self.frames.put(table)
        first, last = span_of(table, received_at)
        return RowsEvent(
            source=SOURCE,
            model=model,
            holds=holds,
            digest=digest,
            rows=table.num_rows,
            labels=labels,
            version=_version_of(table),
            first_at=first,
            last_at=last,
            inline=msgspec.Raw(inline) if inline else NOT_INLINE,
        )


def _version_of(table: pa.Table) -> str:
    """The model version, if all rows are of one."""
    versions = table["version"].unique().to_pylist() if "version" in table.column_names else []
    return str(versions[0] or "") if len(versions) == 1 else ""
