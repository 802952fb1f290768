"""Gate preview: what the gates of an offer answer before anybody approves it, shown beside the buttons.

A gate only asks. Those that a plan begins with are asked when the run is offered, and again every :data:`EVERY` while
it waits. What they say is for people and no part of the plan: when the run is carried out, the gate is asked once
more, and that answer decides.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime

import structlog
from sqlalchemy.exc import DBAPIError

from bot.domain.incident import TimelineEntry, TimelineKind
from bot.domain.run import GatePreview, Run, RunStatus, first_gates
from bot.errors import StorageUnavailable
from bot.remediation.approval import locked
from bot.remediation.executors import Outcome
from bot.remediation.offers.looking import Looking
from bot.storage.database import Database
from bot.storage.queries import incidents, runs

TIMEOUT = 300.0
"""So many seconds a gate may take before the approval, whatever its own ``timeout`` is."""

log = structlog.get_logger(__name__)


class GatePreviews(Looking):
    """``preview`` performs a step of an offer."""

    def __init__(
        self,
        database: Database,
        preview: Callable[[Run, int], Awaitable[Outcome]],
        clock: Callable[[], datetime],
        on_change: Callable[[], None],
        may: Callable[[], bool],
    ) -> None:
        super().__init__(database, clock, on_change, may)
        self._preview = preview

    def _looked_at(self, run: Run) -> datetime | None:
        return run.gate.at if run.gate else None

    def _has_any(self, run: Run) -> bool:
        return bool(first_gates(run.plan))

    async def _look_at(self, run: Run) -> None:
        at = self._clock()
        answers = [await self._answer(run, position) for position in range(len(first_gates(run.plan)))]
        look = GatePreview(at, all(answer.ok for answer in answers), "\n".join(answer.output for answer in answers))
        try:
            if self._may() and await self._keep(run, look):
                self._on_change()
        except (StorageUnavailable, DBAPIError) as error:
            log.warning("gate.not_kept", run=run.id, reason=str(getattr(error, "orig", error)))

    async def _answer(self, run: Run, position: int) -> Outcome:
        try:
            async with asyncio.timeout(TIMEOUT):
                return await self._preview(run, position)
        except TimeoutError:
            return Outcome(False, f"not compared: no answer within {TIMEOUT:g} s")
        except Exception as error:  # the offer stands all the same, and people are told
            log.error("gate.broke_off", run=run.id, exc_info=error)
            return Outcome(False, "not compared: an error inside Tandem, its log says more")

    async def _keep(self, run: Run, look: GatePreview) -> bool:
        """Write what was said, if the offer still stands; True where a person should see something new."""
        now = self._clock()
        async with self._database.write() as connection:
            _, found = await locked(connection, run.id)
            if found is None or found.status is not RunStatus.PROPOSED:
                return False
            await runs.save_gate(connection, run.id, look)
            before = found.gate
            if before and (before.passes, before.said) == (look.passes, look.said):
                return False
            if before is None or before.passes is not look.passes:
                await incidents.add_to_timeline(connection, [_entry(found, look, now)])
            await incidents.touch(connection, found.incident_id, now)
            return True


def _entry(run: Run, look: GatePreview, now: datetime) -> TimelineEntry:
    verdict = "would let it pass now" if look.passes else "would refuse it now"
    said = f"Gate of “{run.plan.title}”, before any approval: {verdict}\n{look.said}"
    return TimelineEntry(incident_id=run.incident_id, at=now, kind=TimelineKind.RUN, text=said)
