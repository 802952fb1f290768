"""The steps of a run: their effects and their records. Each function may be called again after a crash.

Each raises LostLease, without an effect, where another process carries the run out by now.
"""

import asyncio
from collections.abc import Coroutine, Mapping
from contextlib import suppress
from dataclasses import replace
from time import monotonic
from typing import Any

import msgspec

from bot.domain.guards.hold import held_up_by
from bot.domain.run import Phase, PlannedStep, Run, RunStatus, StepRecord, StepStatus
from bot.remediation.as_previewed import performed_as_previewed, previewed_as
from bot.remediation.asking import QueryReader
from bot.remediation.executors import UNPROTECTED, Foreseen, Outcome, Protection, StepContext, execute, foresee
from bot.remediation.records import RunRecords, until_stored
from bot.remediation.starting import Start
from bot.remediation.supervised import wait_for_earlier_steps
from bot.remediation.verifying import Ending, Verifier
from bot.storage.queries import incidents, runs
from bot.storage.queries.runs import Claim

LOOK_EVERY = 1.0
WAIT_FOR_EARLIER = 15.0
"""For so many seconds a start waits for steps that a crash interrupted to be gone; they end with the bot."""
TRUSTED_FOR = 1.5
"""For so many seconds what was just read of a claim is acted on: a process is declared dead after more silence."""


_FORGED = Outcome(False, "The stored plan is not the one that was approved: this step was not run.")


class Steps:
    """The steps of a run, in the order in which :mod:`bot.remediation.sequence` asks for them."""

    def __init__(
        self,
        records: RunRecords,
        secrets: Mapping[str, str],
        start: Start,
        verifier: Verifier | None = None,
        protection: Protection = UNPROTECTED,
    ) -> None:
        self._records = records
        self._secrets = secrets
        self._start = start
        self._verifier = verifier or Verifier(records)
        self._protection = protection
        self._performing = 0
        self._stopping = False
        self._idle = asyncio.Event()
        self._idle.set()

    @property
    def read_query(self) -> QueryReader:
        """What a verification reads queries with."""
        return self._verifier.read_query

    async def wait_for_earlier(self) -> None:
        """Wait until no step runs any more that a process before this one had started. Raises StorageUnavailable."""
        if self._protection.lock is not None:
            await asyncio.to_thread(wait_for_earlier_steps, self._protection.lock, WAIT_FOR_EARLIER)

    async def stop(self, grace: float) -> None:
        """Begin no further step; wait ``grace`` seconds for those that are being performed."""
        self._stopping = True
        with suppress(TimeoutError):
            async with asyncio.timeout(grace):
                await self._idle.wait()

    async def preview(self, run: Run, position: int) -> Outcome:
        """Perform a step that only reads, before the run is approved: nothing is written."""
        context = self._named(run, f"{Phase.STEP}/{position}/preview")
        return await execute(run.plan.steps[position], context)

    async def foresee(self, run: Run, position: int) -> Foreseen | None:
        """What a step would change, before the run is approved; None where its executor cannot say."""
        return await foresee(run.plan.steps[position], self._named(run, f"{Phase.STEP}/{position}/preview"))

    async def begin(self, claim: Claim) -> bool:
        """Mark the run as running, once its target is free. False where it may not start."""
        return await self._start.begin(claim)

    async def lengths(self, claim: Claim) -> tuple[int, int]:
        """How many steps the plan has, and how many its rollback."""
        plan = (await self._records.load(claim)).plan
        return len(plan.steps), len(plan.rollback)

    async def perform(self, claim: Claim, phase: Phase, position: int) -> bool | None:
        """Execute one step, at most once unless it is marked repeatable. True where it succeeded.

        None: it is not begun. The rollback, because a person has resolved the incident; a further step, because a
        freeze window that ends runs has opened.
        """
        if self._stopping:
            await asyncio.Event().wait()  # the next process goes on here
        if phase is Phase.STEP and await self.stopped_by(claim, position):
            return None
        if await self._is_not_to_be_undone(claim, phase, position):
            return None
        self._performing += 1
        self._idle.clear()
        try:
            return await self._perform(claim, phase, position)
        finally:
            self._performing -= 1
            if not self._performing:
                self._idle.set()

    @until_stored
    async def stopped_by(self, claim: Claim, position: int) -> str:
        """Who or what ends the run before a step that was not begun, in words; empty where nothing does."""
        run = await self._records.load(claim)
        async with self._records.reading(claim) as connection:
            if await runs.step_of(connection, run.id, Phase.STEP, position):
                return ""
            if run.stopped_by:
                return f"@{run.stopped_by}"
            incident = await incidents.by_id(connection, run.incident_id)
            return held_up_by(await self._start.stopped_by(run, incident, connection)) if incident else ""

    async def stop_words(self, claim: Claim) -> str:
        """How a run ended that a freeze window stopped between two steps."""
        run, done = await self._records.load(claim), await self._records.steps_of(claim)
        why = await self.stopped_by(claim, len(done)) or "a freeze window"
        return f"Stopped after {len(done)} of {len(run.plan.steps)} steps because of {why}. Nothing was rolled back."

    async def _is_not_to_be_undone(self, claim: Claim, phase: Phase, position: int) -> bool:
        if phase is not Phase.ROLLBACK or position or await self._records.load_step(claim, phase, position):
            return False
        return bool(await self._verifier.resolved_by(claim))

    async def _perform(self, claim: Claim, phase: Phase, position: int) -> bool:
        run = await self._records.load(claim)
        step = (run.plan.rollback if phase is Phase.ROLLBACK else run.plan.steps)[position]
        record = await self._records.load_step(claim, phase, position)
        if record is not None and record.status is not StepStatus.STARTED:
            return record.status is StepStatus.SUCCEEDED
        if record is not None and not step.repeatable:
            return await self._settle_after_crash(claim, run, step, record)
        # What a crash interrupted may have taken effect in part, so that it finds something else than its preview did.
        previewed = "" if record else previewed_as(run, phase, position)
        record = StepRecord(
            run_id=run.id, phase=phase, position=position, status=StepStatus.STARTED, started_at=self._records.clock()
        )
        await self._begin_step(claim, run, step, record)
        outcome = _FORGED
        if self._start.is_approved(run):
            context = replace(self._context(run, record), previewed=previewed)
            outcome = await self._execute(claim, performed_as_previewed(step, context))
        return await self._end_step(
            claim, run, step, record, StepStatus.SUCCEEDED if outcome.ok else StepStatus.FAILED, outcome
        )

    async def _settle_after_crash(self, claim: Claim, run: Run, step: PlannedStep, record: StepRecord) -> bool:
        """A step that a crash caught in flight is not repeated: its check says how it ended, or nobody knows."""
        if step.check is None or not self._start.is_approved(run):
            doubt = Outcome(False, "A crash interrupted this step; whether it took effect is not known.")
            return await self._end_step(claim, run, step, record, StepStatus.IN_DOUBT, doubt)
        outcome = await self._execute(claim, execute(step.check, self._context(run, record, "/check")))
        said = "took effect" if outcome.ok else "did not take effect"
        looked = Outcome(outcome.ok, f"A crash interrupted this step; its check says that it {said}. {outcome.output}")
        return await self._end_step(
            claim, run, step, record, StepStatus.SUCCEEDED if outcome.ok else StepStatus.FAILED, looked
        )

    async def _begin_step(self, claim: Claim, run: Run, step: PlannedStep, record: StepRecord) -> None:
        """Write that a step begins. Where that took long the process may have been stalled, and it looks again."""
        began = monotonic()
        await self._records.save_step(claim, run, step, record, "run.step.started")
        while monotonic() - began > TRUSTED_FOR:
            began = monotonic()
            await self._records.check(claim)

    async def _execute(self, claim: Claim, performing: Coroutine[Any, Any, Outcome]) -> Outcome:
        """Execute a step, and break it off when the run is handed to another process meanwhile."""
        work, watch = asyncio.create_task(performing), asyncio.create_task(self._watch(claim))
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
        return self._named(run, f"{record.phase}/{record.position}{part}")

    def _named(self, run: Run, step: str) -> StepContext:
        targets = tuple(run.plan.targets)
        return StepContext(run.id, run.incident_id, step, self._secrets, self._protection, targets, drill=run.drill)

    async def _watch(self, claim: Claim) -> None:
        while True:
            await asyncio.sleep(LOOK_EVERY)
            await self._records.check(claim)

    async def _end_step(
        self, claim: Claim, run: Run, step: PlannedStep, record: StepRecord, status: StepStatus, outcome: Outcome
    ) -> bool:
        ended = msgspec.structs.replace(record, status=status, ended_at=self._records.clock(), output=outcome.output)
        await self._records.save_step(claim, run, step, ended, f"run.step.{status.replace(' ', '_')}")
        return status is StepStatus.SUCCEEDED

    async def begin_verification(self, claim: Claim) -> float:
        """Mark the run as verifying; returns how many seconds that may take."""
        return await self._verifier.begin(claim)

    async def verify(self, claim: Claim) -> Ending:
        """Look until it is verified, or cannot be any more. Only looks."""
        return await self._verifier.verify(claim)

    async def resolved_by(self, claim: Claim) -> str:
        """The person who resolved the incident meanwhile; empty where nobody did."""
        return await self._verifier.resolved_by(claim)

    async def finish(self, claim: Claim, status: RunStatus, outcome: str) -> None:
        """Write how the run ended; a second call changes nothing."""
        await self._records.finish(claim, status, outcome)

    async def failure_of(self, claim: Claim) -> str:
        """The failed or doubtful steps in words."""
        run, records = await self._records.load(claim), await self._records.steps_of(claim)
        bad = [record for record in records if record.status in (StepStatus.FAILED, StepStatus.IN_DOUBT)]
        return "; ".join(f"{_text_of(run, record)} {record.status}: {_last_words(record.output)}" for record in bad)


def _text_of(run: Run, record: StepRecord) -> str:
    steps = run.plan.rollback if record.phase is Phase.ROLLBACK else run.plan.steps
    return steps[record.position].text


def _last_words(output: str) -> str:
    """The last line that says something, which is where programs write why they failed, without its full stop."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    return lines[-1][:300].rstrip(".") if lines else "no output"
