"""Retention: rows past their time are archived and then deleted, a little at a time, so that nothing else waits.

Each turn reads some rows of one day, writes them to the archive, and deletes them when the file is on disk. A crash
between the two leaves both; the next turn writes the same file again. Several replicas may do the same at a time.
"""

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from datetime import date, datetime, timedelta
from functools import partial
from itertools import takewhile
from typing import Any

import structlog
from sqlalchemy import Table

from bot.domain.retention import RetentionRules, days_before
from bot.inbox import offsets, partitions
from bot.maintenance import audit_pruning, expired
from bot.maintenance.archive import Archive, digest_of_keys, ranged
from bot.maintenance.expired import Kind
from bot.observability.metrics import ARCHIVED
from bot.services import Services
from bot.storage.database import table_of
from bot.storage.queries import snapshots as detector_state
from bot.storage.tables.core import AuditRow, InboxRow
from bot.watches.names import LOGS
from bot.watches.sampled import learning_from_samples

AT_ONCE = 500
_ENTRY = ("partition", "seq", "source", "received_at", "payload")

ForgetRuns = Callable[[Collection[str]], Awaitable[None]]
"""Deletes what is kept of runs elsewhere, by their ids."""

Turn = Callable[[], Awaitable[bool]]

log = structlog.get_logger(__name__)


async def _nothing(_run_ids: Collection[str]) -> None:
    """Nothing is kept elsewhere."""


class Retention:
    """Deletes what by ``retention`` in tandem.yaml need not be kept; ``archive`` is None where nothing is archived."""

    def __init__(
        self,
        services: Services,
        kept: RetentionRules,
        archive: Archive | None,
        forget_runs: ForgetRuns = _nothing,
    ) -> None:
        self._database = services.database
        self._inbox = services.inbox
        self._clock = services.clock
        self._events_kept, self._audit_kept = kept.events, kept.audit
        self._incidents_kept = max(kept.incidents, services.rules.alerts.reopen_within)
        self._archive = archive
        self._forget_runs = forget_runs
        rules = services.rules
        logs = [LOGS] if rules.logs.watch else []
        self._watches = [*learning_from_samples(rules.metrics), *logs]

    def turns(self) -> Mapping[str, Turn]:
        """What archives and deletes a little of each kind, by name; each returns whether there may be more."""
        events, incidents = self._events_kept, self._incidents_kept
        turns = {
            "entries": self._before(self._entries, events),
            "incidents": self._before(self._incidents, incidents),
            "audit": self._before(self._audit, self._audit_kept),
        }
        for kept, kinds in ((events, expired.OF_EVENTS), (incidents, expired.OF_INCIDENTS)):
            turns |= {kind.name: self._before(partial(self._rows, kind), kept) for kind in kinds}
        return turns

    def _before(self, work: Callable[[datetime], Awaitable[bool]], kept: timedelta) -> Turn:
        async def turn() -> bool:
            return await work(days_before(self._clock(), kept))

        return turn

    async def _entries(self, before: datetime) -> bool:
        """Of each partition the first entries of the inbox, if everybody is done with them."""
        done = await self._worked_through()
        more = [await self._entries_of(partition, until, before) for partition, until in done.items() if until]
        await self._forget_empty()
        return any(more)

    async def _forget_empty(self) -> None:
        """Partitions of an earlier number of them, once nothing is in them any more."""
        async with self._database.read() as connection:
            known = await partitions.retired(connection, self._inbox.identity)
        if empty := [partition for partition in known if await self._inbox.next_seq(partition, 0) is None]:
            async with self._database.write() as connection:
                await partitions.forget_retired(connection, self._inbox.identity, empty)

    async def _entries_of(self, partition: int, until: int, before: datetime) -> bool:
        found = await self._inbox.oldest(partition, until, before, AT_ONCE)
        if not found:
            return False
        day = found[0][2].date()
        of_day = list(takewhile(lambda entry: entry[2].date() == day, found))
        first, last = of_day[0][0], of_day[-1][0]
        rows = [dict(zip(_ENTRY, (partition, *entry), strict=True)) for entry in of_day]
        inbox = digest_of_keys([[self._inbox.identity]])[:6]  # numbers of another inbox are others
        await self._put("events", day, f"{inbox}-p{partition:04}-{ranged(first, last)}", table_of(InboxRow), rows)
        await self._inbox.drop(partition, last)
        return True

    async def _worked_through(self) -> dict[int, int]:
        """How far each partition was worked through, and is in the snapshots of every watch."""
        async with self._database.read() as connection:
            positions = await offsets.positions(connection)
            for watch in self._watches:
                marks = await detector_state.marks(connection, watch)
                positions = {p: min(position, marks.get(p, position)) for p, position in positions.items()}
            return positions | await partitions.retired(connection, self._inbox.identity)

    async def _incidents(self, before: datetime) -> bool:
        async with self._database.read() as connection:
            over = await expired.incidents_over(connection, before)
            if over is None:
                return False
            parts = await expired.parts_of(connection, list(over.versions))
        name = ranged(over.rows[0]["number"], over.rows[-1]["number"])
        for kind, (table, rows) in parts.items():
            await self._put(kind, over.day, name, table, rows)
        await self._put("incidents", over.day, name, expired.INCIDENT, over.rows)
        if runs := [row["id"] for row in parts["runs"][1]]:
            await self._forget_runs(runs)  # they have ended; once they are deleted here, nobody would know them
        async with self._database.write() as connection:
            await offsets.position_of(connection, over.partition)
            gone = await expired.forget_incidents(connection, over, before)
        log.info("retention.incidents", deleted=len(gone), day=over.day.isoformat())
        return bool(gone)

    async def _rows(self, kind: Kind, before: datetime) -> bool:
        async with self._database.read() as connection:
            found = await expired.rows_over(connection, kind, before, AT_ONCE)
        if found is None:
            return False
        day, rows = found
        name = digest_of_keys(expired.keys_of(kind.table, rows))
        await self._put(kind.name, day, name, kind.table, rows)
        async with self._database.write() as connection:
            await expired.forget_rows(connection, kind, before, rows)
        return True

    async def _audit(self, before: datetime) -> bool:
        async with self._database.read() as connection:
            rows = await audit_pruning.oldest(connection, before, AT_ONCE)
        if not rows:
            return False
        day = date.fromisoformat(rows[0]["at"][:10])
        name = ranged(rows[0]["seq"], rows[-1]["seq"])
        await self._put("audit", day, name, table_of(AuditRow), rows)
        async with self._database.write() as connection:
            await audit_pruning.prune(connection, rows[-1]["seq"], self._clock())
        return True

    async def _put(self, kind: str, day: date, name: str, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
        if self._archive is not None and rows:
            await self._archive.put(kind, day, name, table, rows)
            ARCHIVED.labels(kind).inc(len(rows))
