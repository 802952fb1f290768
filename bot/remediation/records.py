"""What is written of a run while it is carried out: its row, its steps, timeline and audit log.

Each function raises LostLease, without an effect, where another process carries the run out by now.
"""

from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from time import monotonic

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection
from tenacity import retry, retry_if_exception_type, wait_random_exponential

from bot.domain.incident import TimelineEntry, TimelineKind
from bot.domain.run import Phase, PlannedStep, Run, RunStatus, StepRecord
from bot.domain.runs.verification import Progress
from bot.errors import StorageUnavailable
from bot.observability.metrics import RUNS_ENDED
from bot.remediation.autonomy.record import earns
from bot.storage.database import Database
from bot.storage.queries import audit, incidents, runs
from bot.storage.queries.audit import AuditEntry
from bot.storage.queries.runs import Claim
from bot.storage.run_ends import with_sealed_end

_MOST_ENDED = 10_000

until_stored = retry(retry=retry_if_exception_type(StorageUnavailable), wait=wait_random_exponential(max=10))
"""Try again while the database is away."""


class RunRecords:
    """Over one database. ``on_change`` is called when a person should see something new.

    ``timer`` counts seconds whatever the clock does.
    """

    def __init__(
        self,
        database: Database,
        clock: Callable[[], datetime],
        on_change: Callable[[], None],
        timer: Callable[[], float] = monotonic,
    ) -> None:
        self.database = database
        self.clock = clock
        self._on_change = on_change
        self._timer = timer
        self._ended: OrderedDict[tuple[str, str], float] = OrderedDict()

    def seconds_since_end(self, run: Run) -> float | None:
        """How long ago a run of the same runbook ended here on one of the targets; None where none did."""
        known = [self._ended[key] for target in run.plan.targets if (key := (run.runbook, target)) in self._ended]
        return self._timer() - max(known) if known else None

    def _note_end(self, run: Run) -> None:
        for target in run.plan.targets:
            self._ended[run.runbook, target] = self._timer()
            self._ended.move_to_end((run.runbook, target))
        while len(self._ended) > _MOST_ENDED:
            self._ended.popitem(last=False)

    @until_stored
    async def check(self, claim: Claim) -> None:
        async with self.reading(claim):
            pass

    @until_stored
    async def load(self, claim: Claim) -> Run:
        async with self.reading(claim) as connection:
            run = await runs.by_id(connection, claim.run_id)
        if run is None:
            raise LookupError(f"run {claim.run_id} is gone from the database")
        return run

    @until_stored
    async def load_step(self, claim: Claim, phase: Phase, position: int) -> StepRecord | None:
        async with self.reading(claim) as connection:
            return await runs.step_of(connection, claim.run_id, phase, position)

    @until_stored
    async def steps_of(self, claim: Claim) -> list[StepRecord]:
        async with self.reading(claim) as connection:
            return await runs.steps_of(connection, [claim.run_id])

    @until_stored
    async def save(
        self, claim: Claim, run: Run, text: str, action: str, details: Mapping[str, str] | None = None
    ) -> None:
        """Write the run as it is now, with a line in the timeline and one in the audit log."""
        async with self.writing(claim, run) as connection:
            await self.save_in(connection, run, text, action, details)

    async def save_in(
        self,
        connection: AsyncConnection,
        run: Run,
        text: str,
        action: str,
        details: Mapping[str, str] | None = None,
    ) -> None:
        """As :meth:`save`, in a transaction of :meth:`writing`. A run that has ended gives its targets back."""
        run = with_sealed_end(connection, run)
        if await runs.by_id(connection, run.id) == run:
            return  # the database committed, and went away before it could say so
        now = self.clock()
        audited = {"runbook": run.runbook, "plan_hash": run.plan_hash, **(details or {})}
        await runs.save(connection, [run])
        if run.status.ended:
            await runs.release_targets(connection, run.id)
        worse = run.status in (RunStatus.FAILED, RunStatus.ROLLED_BACK)
        entry = TimelineEntry(incident_id=run.incident_id, at=now, kind=TimelineKind.RUN, text=text, worse=worse)
        await incidents.add_to_timeline(connection, [entry])
        await audit.append(connection, AuditEntry(now, "tandem", action, f"run {run.id}", audited))
        await incidents.touch(connection, run.incident_id, now)

    @until_stored
    async def save_step(self, claim: Claim, run: Run, step: PlannedStep, record: StepRecord, action: str) -> None:
        """Write what became of a step: its row, a line in the audit log and, once it ended, in the timeline."""
        now = record.ended_at or record.started_at
        details = {"phase": record.phase.value, "position": record.position, "step": step.text, "output": record.output}
        async with self.writing(claim, run) as connection:
            if await runs.step_of(connection, run.id, record.phase, record.position) == record:
                return  # as above
            await runs.save_step(connection, record)
            await audit.append(connection, AuditEntry(now, "tandem", action, f"run {run.id}", details))
            if record.ended_at:
                text = f"{step.text}: {record.status}" + (f"\n{record.output}" if record.output.strip() else "")
                entry = TimelineEntry(incident_id=run.incident_id, at=now, kind=TimelineKind.RUN, text=text)
                await incidents.add_to_timeline(connection, [entry])
            await incidents.touch(connection, run.incident_id, now)

    @until_stored
    async def save_progress(self, claim: Claim, progress: Progress) -> None:
        """Keep how far the verification has come; nothing that a person sees."""
        async with self.database.write() as connection:
            await runs.check_claim(connection, claim)
            await runs.save_progress(connection, claim.run_id, progress)

    async def finish(self, claim: Claim, status: RunStatus, outcome: str) -> None:
        """Write how the run ended; a second call changes nothing."""
        run = await self.load(claim)
        if run.status.ended:
            return
        now = self.clock()
        earned = await self._earns(claim, run, now) if status is RunStatus.SUCCEEDED and not run.drill else None
        ended = msgspec.structs.replace(run, status=status, outcome=outcome, ended_at=now, earned=earned)
        text = f"{run.plan.title}: {status}. {outcome}"
        await self.save(claim, ended, text, f"run.{status.replace(' ', '_')}", {"outcome": outcome})
        if not run.drill:
            self._note_end(run)
            RUNS_ENDED.labels(status.value).inc()

    @until_stored
    async def _earns(self, claim: Claim, run: Run, now: datetime) -> bool:
        async with self.reading(claim) as connection:
            return await earns(connection, run, now)

    @asynccontextmanager
    async def reading(self, claim: Claim) -> AsyncIterator[AsyncConnection]:
        async with self.database.read() as connection:
            await runs.check_claim(connection, claim)
            yield connection

    @asynccontextmanager
    async def writing(self, claim: Claim, run: Run) -> AsyncIterator[AsyncConnection]:
        """A transaction for what a person should see, as long as the run is ours."""
        async with self.database.write() as connection:
            await runs.check_claim(connection, claim)
            await incidents.by_id(connection, run.incident_id, lock=True)
            yield connection
        self._on_change()
