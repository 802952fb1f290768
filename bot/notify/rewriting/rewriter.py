"""The rewriter keeps summaries in a language model's words, where one is configured and its answer passes the check.

It is level-triggered, like the notifier, and beside everything else: no transaction and no message waits for it. It
sends the same facts once; what it stored for others is no longer shown.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection
from contextlib import suppress
from datetime import datetime
from typing import NamedTuple

import msgspec
import structlog

from bot.domain.summary.rewriting import Facts, facts_of, fault_of, tidied
from bot.errors import StorageUnavailable
from bot.notify.rewriting.language_model import Complete, Unanswered
from bot.storage.database import Database
from bot.storage.queries import incidents, rewrites
from bot.storage.queries.rewrites import Rewrite

POLL = 2.0
_OUTAGE_WAIT = 5.0

log = structlog.get_logger(__name__)


class _Loaded(NamedTuple):
    facts: Facts
    version: int
    rewrite: Rewrite | None


class Rewriter:
    """``names`` are the services that are known; ``interval`` is the least time between two questions, in seconds.

    ``on_change`` is called when a summary was stored, so that the notifier looks at once.
    """

    def __init__(
        self,
        database: Database,
        complete: Complete,
        names: Collection[str],
        clock: Callable[[], datetime],
        interval: float,
        on_change: Callable[[], None] = lambda: None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._database = database
        self._complete = complete
        self._names = names
        self._clock = clock
        self._interval = interval
        self._on_change = on_change
        self._sleep = sleep
        self._next_question = 0.0
        self._woken = asyncio.Event()

    def wake(self) -> None:
        self._woken.set()

    async def run(self) -> None:
        """Rewrite until cancelled."""
        while True:
            try:
                if not await self.look():
                    await self._rest()
            except StorageUnavailable as error:
                log.warning("rewriter.retry", reason=str(error))
                await self._sleep(_OUTAGE_WAIT)

    async def look(self) -> bool:
        """Look at one incident; False where none has changed since. Raises StorageUnavailable."""
        async with self._database.read() as connection:
            incident_id = await rewrites.next_to_look_at(connection)
        if incident_id is None:
            return False
        loaded = await self._loaded(incident_id)
        if loaded.rewrite and loaded.rewrite.facts == loaded.facts.digest:
            await self._save(msgspec.structs.replace(loaded.rewrite, version=loaded.version))
            return True
        await self._paced()
        loaded = await self._loaded(incident_id)
        text = await self._rewritten(loaded.facts)
        await self._store(
            Rewrite(incident_id=incident_id, version=loaded.version, facts=loaded.facts.digest, text=text)
        )
        return True

    async def _loaded(self, incident_id: str) -> _Loaded:
        async with self._database.read() as connection:
            [incident] = (await incidents.by_ids(connection, [incident_id])).values()
            return _Loaded(facts_of(incident), incident.version, await rewrites.of_incident(connection, incident_id))

    async def _save(self, rewrite: Rewrite) -> None:
        async with self._database.write() as connection:
            await rewrites.save(connection, rewrite)

    async def _rewritten(self, facts: Facts) -> str:
        """The model's words, or nothing where that cannot be used."""
        try:
            answer = tidied(await self._complete(facts.text))
        except Unanswered as error:
            log.warning("rewriter.unanswered", reason=str(error))
            return ""
        fault = fault_of(answer, facts, self._names)
        if fault:
            log.warning("rewriter.refused", reason=fault)
        return "" if fault else answer

    async def _store(self, rewrite: Rewrite) -> None:
        """Let the message be shown again, if the facts are still those."""
        async with self._database.write() as connection:
            await rewrites.save(connection, rewrite)
            incident = await incidents.by_id(connection, rewrite.incident_id, lock=True)
            fits = incident is not None and facts_of(incident).digest == rewrite.facts
            if fits and rewrite.text:
                await incidents.touch(connection, rewrite.incident_id, self._clock())
        if fits and rewrite.text:
            self._on_change()

    async def _paced(self) -> None:
        loop = asyncio.get_running_loop()
        wait = self._next_question - loop.time()
        if wait > 0:
            await self._sleep(wait)
        self._next_question = max(loop.time(), self._next_question) + self._interval

    async def _rest(self) -> None:
        self._woken.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(POLL):
                await self._woken.wait()
