"""The versions of the datasets that a pull reads: kept with it, and reported like what a job reports of them."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from bot.domain.event import LineageEvent
from bot.domain.lineage.observed import Run, RunState, Written
from bot.domain.watched.data import DataSource, DataVersion
from bot.integrations.data_versions.reading import versions_of
from bot.integrations.pull.lake import LakeTable, tables_of
from bot.model_store.references import Lineage

SOURCE = "pull"


class DataVersions:
    """Of the datasets of a pull. ``found`` are those that were read last, ``problems`` says why others were not.

    ``labels`` are those of the rows that are read with them, None for a reference, which is of no correlation domain.
    """

    def __init__(
        self, sources: Sequence[DataSource], labels: Mapping[str, str] | None, secret: Callable[[str], str | None]
    ) -> None:
        self._sources, self._labels, self._secret = sources, labels, secret
        self.found: list[DataVersion] = []
        self.problems: list[str] = []

    async def read(self) -> list[LakeTable]:
        """Read them, and return the tables at just these versions."""
        if not self._sources:
            return []
        self.found, self.problems = await versions_of(self._sources, self._secret)
        return tables_of(self._sources, {one.dataset: one.version for one in self.found})

    def news(self, known: Mapping[str, Any] | None, now: datetime) -> list[LineageEvent]:
        """The versions that are not those that are known, as events."""
        at = round(now.timestamp() * 1000)
        return [
            LineageEvent(
                source=SOURCE,
                labels=dict(self._labels or {}),
                at=at,
                run=Run(job="", id=one.run, state=RunState.OTHER, commit=one.commit),
                written=[Written(one.dataset, one.version)],
            )
            for one in self.found
            if (known or {}).get(one.dataset, {}).get("version") != one.version
        ]

    def kept(self, known: Mapping[str, Any] | None, now: datetime) -> dict[str, Any] | None:
        """What is kept of them, each with the moment at which it was first seen, and for which rows it was read."""
        kept = dict(known or {})
        for one in self.found:
            before = kept.get(one.dataset, {})
            if before.get("version") != one.version:
                before = msgspec.to_builtins(one) | {"since": now.isoformat()}
            kept[one.dataset] = before | {"labels": self._labels}
        return kept or None

    def lineage(self, model_version: str) -> Lineage:
        """That of a reference which was made of them."""
        found = self.found
        shown = found[0].version if len(found) == 1 else ", ".join(f"{one.dataset} {one.version}" for one in found)
        first = next((one for one in found if one.run or one.commit or one.digest), DataVersion("", ""))
        return Lineage(
            model_version=model_version,
            data_version=shown,
            created_by="pull",
            source_digest=first.digest,
            run=first.run,
            commit=first.commit,
        )
