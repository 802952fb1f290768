"""What holds up offers, looked at again while they wait: windows open and close, and others run."""

from collections.abc import Callable
from datetime import datetime
from time import monotonic

from bot.domain.run import Run, RunStatus
from bot.remediation.approval import Terms, holds_now, locked
from bot.storage.database import Database
from bot.storage.queries import incidents, runs

EVERY = 5.0
AT_ONCE = 100
"""So many offers are looked at in one transaction; the others have their turn in the next ones."""


class GuardLooks:
    """Looks every :data:`EVERY` seconds. What a message shows is only for people: a click and the start decide anew."""

    def __init__(
        self, database: Database, terms: Terms, clock: Callable[[], datetime], timer: Callable[[], float] = monotonic
    ) -> None:
        self._database = database
        self._terms = terms
        self._clock = clock
        self._timer = timer
        self._looked = float("-inf")

    async def look(self) -> bool:
        """Bring up to date what holds up each offer; True where a person should see something new."""
        watched = any(self._terms.guards.watch(runbook) for runbook in self._terms.runbooks.values())
        if not watched or self._timer() - self._looked < EVERY:
            return False
        self._looked = self._timer()
        async with self._database.read() as connection:
            offered = await runs.with_status(connection, [RunStatus.PROPOSED])
        changed = [await self._look_at(offered[start : start + AT_ONCE]) for start in range(0, len(offered), AT_ONCE)]
        return any(changed)

    async def _look_at(self, offered: list[Run]) -> bool:
        now, found = self._clock(), list[str]()
        async with self._database.read() as connection:
            around = await incidents.by_ids(connection, {run.incident_id for run in offered})
            for run in offered:
                incident = around.get(run.incident_id)
                if incident and run.holds != await holds_now(connection, self._terms, run, incident, now):
                    found.append(run.id)
        changed = [await self._keep(run_id) for run_id in found]
        return any(changed)

    async def _keep(self, run_id: str) -> bool:
        now = self._clock()
        async with self._database.write() as connection:
            incident, run = await locked(connection, run_id)
            if incident is None or run is None or run.status is not RunStatus.PROPOSED:
                return False
            await runs.save_holds(connection, run_id, await holds_now(connection, self._terms, run, incident, now))
            await incidents.touch(connection, run.incident_id, now)
            return True
