"""A model under watch: references, predictions and labels go in as the doors put them, incidents come out."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from bot.domain.event import ChangeEvent, ChangeKind, RowsEvent, RowsKind
from bot.domain.rules import Rules
from bot.domain.watched.monitor import FeatureRules, WatchedModel, by_name
from bot.domain.watched.reference import ReferenceRules
from bot.inbox.inbox import Inbox
from bot.model_store import references
from bot.model_store.columns import FEATURE
from bot.model_store.features import profiles
from bot.model_store.frames import Frames, open_frames
from bot.model_store.references import Lineage
from bot.pipeline.worker import Worker
from bot.storage.database import Database
from bot.watches.models.alibi.process import Alibi
from bot.watches.models.kinds.registry import rules_from
from bot.watches.models.watch import ModelsWatch
from tests.conftest import Clock
from tests.integration.pipeline_driver import Pipeline, plan_without_values

Array = np.ndarray[Any, np.dtype[Any]]
MODEL = "demand-forecast"


def rules_for(
    *monitors: Mapping[str, Any],
    features: Mapping[str, Any] | None = None,
    references: Mapping[str, Any] | None = None,
    **others: Any,
) -> Rules:
    named = by_name([rules_from(monitor) for monitor in monitors])
    told = {name: FeatureRules.model_validate(said) for name, said in (features or {}).items()}
    own = ReferenceRules.model_validate(references) if references else None
    return Rules(models={MODEL: WatchedModel(features=told, monitors=named, references=own)}, **others)


class Models(Pipeline):
    """A pipeline with a models' watch. ``restart`` is what a crash leaves: the database."""

    def __init__(
        self, database: Database, inbox: Inbox, clock: Clock, rules: Rules, folder: Path, alibi: Alibi | None = None
    ) -> None:
        super().__init__(database, inbox, clock, rules)
        self.frames: Frames = open_frames(database, str(folder / "models"))
        self.alibi = alibi
        self._ids = 0
        self.restart()

    def restart(self) -> None:
        self.watch = ModelsWatch(self.rules, self.clock, self.database, self.frames, self.alibi)
        self.worker = Worker(self.services, plan_without_values, [self.watch])

    async def reference(
        self,
        version: str,
        features: Mapping[str, Any],
        model: str = MODEL,
        lineage: Lineage = Lineage(),  # noqa: B008
        **columns: Any,
    ) -> None:
        stored = await profiles.store(self.frames, table_from(features, columns))
        async with self.database.write() as connection:
            await references.save(connection, model, version, stored, lineage, self.clock.now)

    async def predict(self, features: Mapping[str, Any], ids: Sequence[str] | None = None, **columns: Any) -> list[str]:
        """One batch of predictions, and all that follows from it; returns the rows' ids."""
        rows = len(next(iter(features.values()), []))
        if ids is None:
            ids = [f"r{self._ids + at}" for at in range(rows)]
            self._ids += rows
        table = table_from(features, {"id": np.array(ids, dtype=object), **columns})
        await self._came(table, RowsKind.PREDICTIONS)
        return list(ids)

    async def came_unchecked(self, features: Mapping[str, Any], model: str = MODEL) -> None:
        """One batch of predictions, noted and no more."""
        rows = len(next(iter(features.values())))
        ids = [f"r{self._ids + at}" for at in range(rows)]
        self._ids += rows
        await self._send(table_from(features, {"id": np.array(ids, dtype=object)}), RowsKind.PREDICTIONS, model)

    async def label(self, ids: Sequence[str], labels: Any) -> None:
        table = table_from({}, {"id": np.array(ids, dtype=object), "label": np.asarray(labels)})
        await self._came(table, RowsKind.LABELS)

    async def _came(self, table: pa.Table, holds: RowsKind) -> None:
        await self._send(table, holds)
        await self.settle()

    async def _send(self, table: pa.Table, holds: RowsKind, model: str = MODEL) -> None:
        digest = await self.frames.put(table)
        versions = table["version"].unique().to_pylist() if "version" in table.column_names else []
        version = str(versions[0] or "") if len(versions) == 1 else ""
        await self.send(RowsEvent("models", model, holds, digest, table.num_rows, {"cluster": "eu"}, version))

    async def settle(self) -> None:
        """Ticks until nothing is due: checks are made, and what they found is worked through."""
        for _ in range(20):
            await self.worker.tick()
            await self.watch.finish()
            if not self.watch._jobs:
                return
        raise AssertionError("checks go on and on")

    async def said(self, monitor: str, model: str = MODEL, domain: str | None = None) -> str:
        """What a monitor said last."""
        states = [state for memory in self.watch._snapshots for state in memory.monitors.values()]
        mine = [state for state in states if (state.model, state.monitor) == (model, monitor)]
        return next((state.summary for state in mine if domain in (None, state.domain)), "")

    async def change(self, service: str, kind: ChangeKind, title: str, at: datetime) -> None:
        await self.send(ChangeEvent("ci", f"{service} {title}", service, kind, title, at, {"cluster": "eu"}))


def table_from(features: Mapping[str, Any], columns: Mapping[str, Any]) -> pa.Table:
    named = {FEATURE + name: values for name, values in features.items()} | dict(columns)
    return pa.table({name: pa.array(values, from_pandas=True) for name, values in named.items()})


class CountedFrames(Frames):
    """The real store, which counts how many wait for it at once. The first one lets a second come, for some seconds."""

    waiting = most = 0
    patience = 5.0

    async def get(self, digest: str) -> pa.Table:
        self.waiting += 1
        self.most = max(self.most, self.waiting)
        try:
            while self.most == 1 and self.patience > 0:
                self.patience -= 0.01
                await asyncio.sleep(0.01)
            return await super().get(digest)
        finally:
            self.waiting -= 1
