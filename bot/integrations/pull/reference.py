"""The references of a model, read from a database: each content that is new becomes a version."""

import asyncio
import hashlib
from collections.abc import Callable, Sequence
from datetime import datetime

import pyarrow as pa
import structlog

from bot.domain.watched.monitor import Declared
from bot.domain.watched.pull import ReferenceSection
from bot.integrations.http import ToolFailure
from bot.integrations.pull.kept import KeptPull, repeated
from bot.integrations.pull.lake import LakeTable
from bot.integrations.pull.troubles import Troubles
from bot.integrations.pull.unfit import without_unfit
from bot.integrations.pull.versions import DataVersions
from bot.integrations.pull.warehouse import Query, open_warehouse
from bot.integrations.rows import RowsIntake
from bot.model_store import pulls, references
from bot.model_store.columns import REFERENCE, checked
from bot.model_store.features import profiles
from bot.model_store.layout import laid_out
from bot.model_store.pulls import Progress
from bot.model_store.references import Reference
from bot.storage.database import Database

MOST_ROWS = 2_000_000
_RARELY = 86_400.0

log = structlog.get_logger(__name__)


class ReferencePull(KeptPull):
    """``address`` gives the address of the database each time, ``declared`` is what tandem.yaml says of features."""

    def __init__(
        self,
        model: str,
        section: ReferenceSection,
        address: Callable[[], str | None],
        database: Database,
        intake: RowsIntake,
        clock: Callable[[], datetime],
        declared: Declared = Declared(),  # noqa: B008
        secret: Callable[[str], str | None] = lambda _name: None,
    ) -> None:
        self.model, self.section = model, section
        self._address, self._database, self._intake, self._clock = address, database, intake, clock
        self._declared = declared
        self._versions = DataVersions(section.data, None, secret)
        about = f"{section.sql}\n{section.from_}"
        self.key = f"{model} reference {hashlib.sha256(about.encode()).hexdigest()[:16]}"
        self._troubles = Troubles(model, self.key, "references", {})
        self._left_out: list[str] = []

    async def run(self) -> None:
        """Pull until cancelled."""
        every = self.section.every.total_seconds() if self.section.every else _RARELY
        await repeated(self.pull, every, 0.0, self.note_failure)

    async def pull(self) -> bool:
        """Read the reference if that is due. Raises ToolFailure, StorageUnavailable, Unfit."""
        now, known = self._clock(), await self._progress()
        if known is not None and not known.failure and not self._is_due(known, now):
            return False
        address = self._address()
        if address is None:
            raise ToolFailure(f"TANDEM_SECRET_{self.section.from_} is not set")
        tables = await self._versions.read()
        table = await asyncio.to_thread(self._read, address, tables)
        stored = await profiles.store(self._intake.frames, table, *self._declared)
        problems = [*self._versions.problems, *self._left_out]
        firing, alerts = self._troubles.with_problems(known.firing if known else None, problems, now)
        async with self._database.write() as connection:
            newest = next(iter(await references.versions(connection, self.model)), None)
            if newest is None or newest.digest != stored.digest:
                lineage = self._versions.lineage(self.section.model_version)
                made, _ = await references.save(connection, self.model, _version(now), stored, lineage, now)
                _log(made)
            data = self._versions.kept(known.data if known else None, now)
            progress = Progress(key=self.key, model=self.model, at=now, firing=firing or None, data=data)
            await pulls.save(connection, progress)
        await self._intake.tell(alerts)
        return False

    def _is_due(self, known: Progress, now: datetime) -> bool:
        return self.section.every is not None and now - known.at >= self.section.every

    def _read(self, address: str, tables: Sequence[LakeTable]) -> pa.Table:
        rows = open_warehouse(address, tables).rows(Query(self.section.sql, most=MOST_ROWS + 1))
        if rows.num_rows > MOST_ROWS:
            raise ToolFailure(f"its query gives more than {MOST_ROWS:,} rows: take a sample of them in the query")
        columns = [(name, rows.column(place)) for place, name in enumerate(rows.column_names)]
        table, self._left_out = without_unfit(columns, lambda some: checked(laid_out(some, REFERENCE).table, REFERENCE))
        return table


def _version(now: datetime) -> str:
    return f"{now:%Y-%m-%dT%H:%M:%SZ}"


def _log(made: Reference) -> None:
    log.info("pull.reference", model=made.model, version=made.version, rows=made.rows)
