"""What is found out about offers while they wait, beside everything else and again from time to time."""

import asyncio
import hmac
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from bot.domain.run import Run, plan_hash
from bot.storage.database import Database
from bot.storage.queries import runs

EVERY = timedelta(minutes=10)
AT_ONCE = 2


class Looking(ABC):
    """Looks at :data:`AT_ONCE` offers at once, each again every :data:`EVERY`, while this replica may."""

    def __init__(
        self,
        database: Database,
        clock: Callable[[], datetime],
        on_change: Callable[[], None],
        may: Callable[[], bool],
    ) -> None:
        self._database = database
        self._clock = clock
        self._on_change = on_change
        self._may = may
        self._under_way: dict[str, asyncio.Task[None]] = {}

    async def look(self, offered: Sequence[Run]) -> None:
        """Begin to look at the offers whose turn it is; break off for those that wait no longer."""
        waiting = {(run.id, run.plan_hash) for run in offered}
        for run_id, task in self._under_way.items():
            if (run_id, task.get_name()) not in waiting:
                task.cancel()
        self._under_way = {run_id: task for run_id, task in self._under_way.items() if not task.done()}
        due = [run for run in offered if run.id not in self._under_way and self._is_due(run)]
        due.sort(key=lambda run: (self._looked_at(run) is not None, self._looked_at(run) or run.created_at))
        for run in due[: max(0, AT_ONCE - len(self._under_way))]:
            self._under_way[run.id] = asyncio.create_task(self._look_at(run), name=run.plan_hash)

    async def close(self) -> None:
        """Break off whatever is being looked at."""
        tasks = list(self._under_way.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _is_due(self, run: Run) -> bool:
        looked_at = self._looked_at(run)
        if looked_at and self._clock() - looked_at < EVERY:
            return False
        # A plan that was changed behind our back asks nobody anything.
        untouched = hmac.compare_digest(plan_hash(run.plan), run.plan_hash)
        return self._has_any(run) and untouched and runs.is_authentic(self._database.seal, run)

    @abstractmethod
    def _looked_at(self, run: Run) -> datetime | None:
        """When it was last looked at."""

    @abstractmethod
    def _has_any(self, run: Run) -> bool:
        """Whether there is anything to find out."""

    @abstractmethod
    async def _look_at(self, run: Run) -> None:
        """Find out and keep it."""
