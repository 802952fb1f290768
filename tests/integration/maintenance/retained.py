"""A pipeline with its retention: what retention leaves, and what it archives."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow.dataset as ds
from sqlalchemy import func, select

from bot.domain.event import AlertEvent
from bot.domain.retention import RetentionRules
from bot.maintenance.archive import Archive
from bot.maintenance.retention import Retention
from bot.storage.database import table_of
from bot.storage.queries import audit
from bot.storage.queries.audit import AuditEntry
from bot.storage.queries.shown.channel_messages import ChannelMessage, save
from tests.integration.pipeline_driver import Pipeline

KEPT = RetentionRules(events=timedelta(days=2), incidents=timedelta(days=10), audit=timedelta(days=20))
Make = Callable[..., AlertEvent]


class Retained:
    """A pipeline, its retention, and what both leave behind."""

    def __init__(self, pipeline: Pipeline, folder: Path) -> None:
        self.pipeline, self.folder = pipeline, folder
        self.retention = self.with_archive(Archive(str(folder)))

    def with_archive(self, archive: Archive | None) -> Retention:
        one = self.pipeline
        return Retention(one.services, KEPT, archive)

    async def turn(self) -> bool:
        """A turn of each kind, in order; whether there may be more."""
        return any([await turn() for turn in self.retention.turns().values()])

    async def clean(self) -> None:
        while await self.turn():
            pass

    def archived(self, kind: str) -> list[dict[str, Any]]:
        folder = self.folder / kind
        return ds.dataset(folder, partitioning="hive").to_table().to_pylist() if folder.exists() else []

    async def count(self, model: Any) -> int:
        async with self.pipeline.database.read() as connection:
            return await connection.scalar(select(func.count()).select_from(table_of(model))) or 0

    async def entries(self) -> list[int]:
        return [seq for seq, *_ in await self.pipeline.inbox.raw_entries_after(0, 10_000)]


async def resolved(retained: Retained, alert: Make, **labels: str) -> str:
    pipeline = retained.pipeline
    await pipeline.send(alert(**labels))
    incident = (await pipeline.incidents())[-1]
    await pipeline.send(alert("resolved", **labels))
    shown = ChannelMessage(incident_id=incident.id, channel="C1", ts="1.2", shown_version=1, threaded=True)
    async with pipeline.database.write() as connection:
        await save(connection, shown)
    return incident.id


async def write_audit(retained: Retained, *actions: str) -> None:
    async with retained.pipeline.database.write() as connection:
        for action in actions:
            await audit.append(connection, AuditEntry(retained.pipeline.clock.now, "U1", action, "run 1"))


async def first_broken(retained: Retained) -> int | None:
    async with retained.pipeline.database.read() as connection:
        return await audit.first_broken(connection)
