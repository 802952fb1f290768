"""The steps of a run with a span around each, in the trace of the incident that the run is for."""

from bot.domain.run import Phase, RunStatus
from bot.observability import tracing
from bot.remediation.steps import Steps
from bot.remediation.verifying import Ending
from bot.storage.queries import traces
from bot.storage.queries.runs import Claim


class TracedSteps(Steps):
    """Spans end in the process that began them; those of one run share the incident's trace, whoever carries it out."""

    async def begin(self, claim: Claim) -> bool:
        with tracing.span("run.begin", parent=await self._trace(claim), attributes=_about(claim)):
            return await super().begin(claim)

    async def perform(self, claim: Claim, phase: Phase, position: int) -> bool | None:
        about = _about(claim) | {"tandem.run.phase": phase.value, "tandem.run.position": position}
        with tracing.span("run.step", parent=await self._trace(claim), attributes=about):
            succeeded = await super().perform(claim, phase, position)
            tracing.note({"tandem.run.step_succeeded": bool(succeeded)})
            return succeeded

    async def verify(self, claim: Claim) -> Ending:
        with tracing.span("run.verify", parent=await self._trace(claim), attributes=_about(claim)):
            return await super().verify(claim)

    async def finish(self, claim: Claim, status: RunStatus, outcome: str) -> None:
        about = _about(claim) | {"tandem.run.status": status.value}
        with tracing.span("run.finish", parent=await self._trace(claim), attributes=about):
            await super().finish(claim, status, outcome)

    async def _trace(self, claim: Claim) -> str:
        run = await self._records.load(claim)
        async with self._records.reading(claim) as connection:
            return await traces.of_incident(connection, run.incident_id)


def _about(claim: Claim) -> dict[str, tracing.Value]:
    return {"tandem.run": claim.run_id}
