"""The steps of a run: their effects and their records. Each function may be called again after a crash.

Each raises LostLease, without an effect, where another process carries the run out by now.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from datetime import datetime, timedelta
from time import monotonic

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection
from tenacity import retry, retry_if_exception_type, wait_random_exponential

from bot.domain.incident import TimelineEntry, TimelineKind
from bot.domain.run import Phase, PlannedStep, Run, RunStatus, StepRecord, StepStatus, plan_hash
from bot.errors import StorageUnavailable
from bot.observability.metrics import RUNS_ENDED
from bot.remediation.executors import Outcome, StepContext, execute
from bot.storage.database import Database
from bot.storage.queries import alerts, audit, incidents, runs
from bot.storage.queries.audit import AuditEntry
from bot.storage.queries.runs import Claim

LOOK_EVERY = 1.0
TRUSTED_FOR = 1.5
"""For so many seconds what was just read of a claim is acted on: a process is declared dead after more silence."""

_until_stored = retry(retry=retry_if_exception_type(StorageUnavailable), wait=wait_random_exponential(max=10))


class Steps:
    """The steps of a run, over one database. ``on_change`` is called when a person should see something new."""

    def __init__(
        self,
        database: Database,
        clock: Callable[[], datetime],
        secrets: Mapping[str, str],
        on_change: Callable[[], None],
    ) -> None:
        self._database = database
        self._clock = clock
        self._secrets = secrets
        self._on_change = on_change
        self._performing = 0
        self._stopping = False
        self._idle = asyncio.Event()
        self._idle.set()

    async def stop(self, grace: float) -> None:
        """Begin no further step; wait ``grace`` seconds for those that are being performed."""
        self._stopping = True
        with suppress(TimeoutError):
            async with asyncio.timeout(grace):
                await self._idle.wait()

    async def preview(self, run: Run, position: int) -> Outcome:
        """Perform a step that only reads, before the run is approved: nothing is written."""
        context = StepContext(run.id, run.incident_id, f"{Phase.STEP}/{position}/preview", self._secrets)
        return await execute(run.plan.steps[position], context)

    async def begin(self, claim: Claim) -> bool:
        """Mark the run as running. False where it is not approved, or its plan is not the approved one."""
        run = await self._load(claim)
        if run.status not in (RunStatus.APPROVED, RunStatus.RUNNING, RunStatus.VERIFYING):
            return False
        if plan_hash(run.plan) != run.plan_hash:
            said = "The stored plan is not the one that was approved: nothing was run."
            await self.finish(claim, RunStatus.FAILED, said)
            return False
        if run.status is RunStatus.APPROVED:
            await self._move(claim, run, RunStatus.RUNNING, f"Running: {run.plan.title}")
        return True

    async def lengths(self, claim: Claim) -> tuple[int, int]:
        """How many steps the plan has, and how many its rollback."""
        plan = (await self._load(claim)).plan
        return len(plan.steps), len(plan.rollback)

    async def perform(self, claim: Claim, phase: Phase, position: int) -> bool:
        """Execute one step, at most once unless it is marked repeatable. True where it succeeded."""
        if self._stopping:
            await asyncio.Event().wait()  # the next process goes on here
        self._performing += 1
        self._idle.clear()
        try:
            return await self._perform(claim, phase, position)
        finally:
            self._performing -= 1
            if not self._performing:
                self._idle.set()

    async def _perform(self, claim: Claim, phase: Phase, position: int) -> bool:
        run = await self._load(claim)
        step = (run.plan.rollback if phase is Phase.ROLLBACK else run.plan.steps)[position]
        record = await self._load_step(claim, phase, position)
        if record is not None and record.status is not StepStatus.STARTED:
            return record.status is StepStatus.SUCCEEDED
        if record is not None and not step.repeatable:
            return await self._settle_after_crash(claim, run, step, record)
        record = StepRecord(
            run_id=run.id, phase=phase, position=position, status=StepStatus.STARTED, started_at=self._clock()
        )
        await self._begin_step(claim, run, step, record)
        outcome = await self._execute(claim, step, self._context(run, record))
        return await self._end_step(
            claim, run, step, record, StepStatus.SUCCEEDED if outcome.ok else StepStatus.FAILED, outcome
        )

    async def _settle_after_crash(self, claim: Claim, run: Run, step: PlannedStep, record: StepRecord) -> bool:
        """A step that a crash caught in flight is not repeated: its check says how it ended, or nobody knows."""
        if step.check is None:
            doubt = Outcome(False, "A crash interrupted this step; whether it took effect is not known.")
            return await self._end_step(claim, run, step, record, StepStatus.IN_DOUBT, doubt)
        outcome = await self._execute(claim, step.check, self._context(run, record, "/check"))
        said = "took effect" if outcome.ok else "did not take effect"
        looked = Outcome(outcome.ok, f"A crash interrupted this step; its check says that it {said}. {outcome.output}")
        return await self._end_step(
            claim, run, step, record, StepStatus.SUCCEEDED if outcome.ok else StepStatus.FAILED, looked
        )

    async def _begin_step(self, claim: Claim, run: Run, step: PlannedStep, record: StepRecord) -> None:
        """Write that a step begins. Where that took long the process may have been stalled, and it looks again."""
        began = monotonic()
        await self._record(claim, run, step, record, "run.step.started")
        while monotonic() - began > TRUSTED_FOR:
            began = monotonic()
            await self._check(claim)

    async def _execute(self, claim: Claim, step: PlannedStep, context: StepContext) -> Outcome:
        """Execute a step, and break it off when the run is handed to another process meanwhile."""
        work, watch = asyncio.create_task(execute(step, context)), asyncio.create_task(self._watch(claim))
        try:
            await asyncio.wait((work, watch), return_when=asyncio.FIRST_COMPLETED)
            if watch.done():
                watch.result()
            return await work
        finally:
            work.cancel()
            watch.cancel()
            await asyncio.gather(work, watch, return_exceptions=True)

    def _context(self, run: Run, record: StepRecord, part: str = "") -> StepContext:
        step = f"{record.phase}/{record.position}{part}"
        return StepContext(run.id, run.incident_id, step, self._secrets)

    async def _watch(self, claim: Claim) -> None:
        while True:
            await asyncio.sleep(LOOK_EVERY)
            await self._check(claim)

    async def _end_step(
        self, claim: Claim, run: Run, step: PlannedStep, record: StepRecord, status: StepStatus, outcome: Outcome
    ) -> bool:
        ended = msgspec.structs.replace(record, status=status, ended_at=self._clock(), output=outcome.output)
        await self._record(claim, run, step, ended, f"run.step.{status.replace(' ', '_')}")
        return status is StepStatus.SUCCEEDED

    async def begin_verification(self, claim: Claim) -> float:
        """Mark the run as verifying; returns the deadline as seconds since the epoch."""
        run = await self._load(claim)
        deadline = self._clock() + timedelta(seconds=run.plan.verify_within)
        if run.status is RunStatus.RUNNING:
            await self._move(claim, run, RunStatus.VERIFYING, f"All steps done, verifying: {run.plan.title}")
        return deadline.timestamp()

    async def verify(self, claim: Claim, deadline: float) -> bool:
        """Wait until the incident's alerts are resolved: True, or the deadline has passed: False. Only looks."""
        run = await self._load(claim)
        if not run.plan.alerts_resolved:
            return True
        while True:
            if not await self._count_active(claim, run.incident_id):
                return True
            if self._clock().timestamp() >= deadline:
                return False
            await asyncio.sleep(LOOK_EVERY)

    async def finish(self, claim: Claim, status: RunStatus, outcome: str) -> None:
        """Write how the run ended; a second call changes nothing."""
        run = await self._load(claim)
        if run.status.ended:
            return
        ended = msgspec.structs.replace(run, status=status, outcome=outcome, ended_at=self._clock())
        said = f"{run.plan.title}: {status}. {outcome}"
        entry = TimelineEntry(incident_id=run.incident_id, at=self._clock(), kind=TimelineKind.RUN, text=said)
        await self._save(claim, ended, entry, f"run.{status.replace(' ', '_')}", {"outcome": outcome})
        RUNS_ENDED.labels(status.value).inc()

    async def success_of(self, claim: Claim) -> str:
        """What the verification has shown, in words."""
        verified = (await self._load(claim)).plan.alerts_resolved
        return "Verified: the alerts have resolved." if verified else "Done. The runbook asks for no verification."

    async def failure_of(self, claim: Claim) -> str:
        """The failed or doubtful steps in words."""
        run = await self._load(claim)
        async with self._database.read() as connection:
            records = await runs.steps_of(connection, [run.id])
        bad = [record for record in records if record.status in (StepStatus.FAILED, StepStatus.IN_DOUBT)]
        return "; ".join(f"{_text_of(run, record)} {record.status}: {_last_words(record.output)}" for record in bad)

    @_until_stored
    async def _check(self, claim: Claim) -> None:
        async with self._database.read() as connection:
            await runs.check_claim(connection, claim)

    @_until_stored
    async def _load(self, claim: Claim) -> Run:
        async with self._database.read() as connection:
            await runs.check_claim(connection, claim)
            run = await runs.by_id(connection, claim.run_id)
        if run is None:
            raise LookupError(f"run {claim.run_id} is gone from the database")
        return run

    @_until_stored
    async def _load_step(self, claim: Claim, phase: Phase, position: int) -> StepRecord | None:
        async with self._database.read() as connection:
            await runs.check_claim(connection, claim)
            return await runs.step_of(connection, claim.run_id, phase, position)

    @_until_stored
    async def _count_active(self, claim: Claim, incident_id: str) -> int:
        async with self._database.read() as connection:
            await runs.check_claim(connection, claim)
            return await alerts.count_active(connection, incident_id)

    async def _move(self, claim: Claim, run: Run, status: RunStatus, said: str) -> None:
        entry = TimelineEntry(incident_id=run.incident_id, at=self._clock(), kind=TimelineKind.RUN, text=said)
        await self._save(claim, msgspec.structs.replace(run, status=status), entry, f"run.{status.value}", {})

    @_until_stored
    async def _save(
        self, claim: Claim, run: Run, entry: TimelineEntry, action: str, details: Mapping[str, str]
    ) -> None:
        """Write the run as it is now, with a line in the timeline and one in the audit log."""
        audited = {"runbook": run.runbook, "plan_hash": run.plan_hash, **details}
        async with self._writing(claim, run) as connection:
            if await runs.by_id(connection, run.id) == run:
                return  # the database committed, and went away before it could say so
            await runs.save(connection, [run])
            await incidents.add_to_timeline(connection, [entry])
            await audit.append(connection, AuditEntry(entry.at, "tandem", action, f"run {run.id}", audited))
            await incidents.touch(connection, run.incident_id, entry.at)

    @_until_stored
    async def _record(self, claim: Claim, run: Run, step: PlannedStep, record: StepRecord, action: str) -> None:
        """Write what became of a step: its row, a line in the audit log and, once it ended, in the timeline."""
        now = record.ended_at or record.started_at
        details = {"phase": record.phase.value, "position": record.position, "step": step.text, "output": record.output}
        async with self._writing(claim, run) as connection:
            if await runs.step_of(connection, run.id, record.phase, record.position) == record:
                return  # as above
            await runs.save_step(connection, record)
            await audit.append(connection, AuditEntry(now, "tandem", action, f"run {run.id}", details))
            if record.ended_at:
                said = f"{step.text}: {record.status}" + (f"\n{record.output}" if record.output.strip() else "")
                entry = TimelineEntry(incident_id=run.incident_id, at=now, kind=TimelineKind.RUN, text=said)
                await incidents.add_to_timeline(connection, [entry])
            await incidents.touch(connection, run.incident_id, now)

    @asynccontextmanager
    async def _writing(self, claim: Claim, run: Run) -> AsyncIterator[AsyncConnection]:
        """A transaction for what a person should see, as long as the run is ours."""
        async with self._database.write() as connection:
            await runs.check_claim(connection, claim)
            await incidents.by_id(connection, run.incident_id, lock=True)
            yield connection
        self._on_change()


def _text_of(run: Run, record: StepRecord) -> str:
    steps = run.plan.rollback if record.phase is Phase.ROLLBACK else run.plan.steps
    return steps[record.position].text


def _last_words(output: str) -> str:
    """The last line that says something: where programs write why they failed."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    return lines[-1][:300] if lines else "no output"
