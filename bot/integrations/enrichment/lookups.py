"""Asks what is not known yet of alerts, and waits for it a little while: what does not answer holds up nobody.

Each key is asked for once at a time, whoever wants to know. One that was not answered is not asked again for half a
minute, and a system that failed some times in a row not at all, for ever longer, up to five minutes. What comes late
is kept for the alert's next delivery.
"""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog

from bot.domain.enrichment import Enrichment
from bot.domain.enrichment.lookups import Answer, Key
from bot.domain.event import Event
from bot.errors import TandemError
from bot.integrations.enrichment.source import AT_ONCE, Source
from bot.observability.metrics import ENRICHMENT_LOOKUPS

MOST_WAITING = 1_000
"""Keys of one system that are asked for at a time; more are not looked up, and their alerts go on without."""
AGAIN_AFTER = timedelta(seconds=30)
_IN_A_ROW = 3
_LONGEST_PAUSE = timedelta(minutes=5)

log = structlog.get_logger(__name__)


@dataclass
class _Asking:
    """What is under way with one system."""

    source: Source
    tasks: dict[Key, asyncio.Task[None]] = field(default_factory=dict)
    at_once: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(AT_ONCE))
    failures: int = 0
    paused_until: datetime | None = None

    def is_paused(self, now: datetime) -> bool:
        return self.paused_until is not None and now < self.paused_until


class Lookups:
    def __init__(self, enrichment: Enrichment, sources: Sequence[Source], clock: Callable[[], datetime]) -> None:
        self._enrichment, self._clock = enrichment, clock
        self._asking = [_Asking(source) for source in sources]
        self.reasons: dict[str, str] = {}

    async def prepare(self, events: Iterable[Event]) -> None:
        """Let the enrichment know of these alerts what can be known now. Never raises what a system did wrong."""
        if not self._asking:
            return
        events = list(events)
        for _ in self._asking:  # what one adds may be what the next is asked with
            asked_for = sorted(self._enrichment.asked_for(events))
            tasks = [task for place, key in asked_for for task in self._ask(place, key)]
            if not tasks:
                return
            longest = max(asking.source.lookup.timeout for asking in self._asking)
            await asyncio.wait(tasks, timeout=longest.total_seconds() * 1.5)

    def _ask(self, place: int, key: Key) -> list[asyncio.Task[None]]:
        """What is to be waited for: nothing where the answer is known, or there is no use in asking."""
        asking, now = self._asking[place], self._clock()
        if key in asking.tasks:
            return [asking.tasks[key]]
        known = asking.source.lookup.answers.get(key)
        if known is not None and not _is_due(known, asking.source.lookup.ttl, now):
            return []
        if len(asking.tasks) >= MOST_WAITING:
            ENRICHMENT_LOOKUPS.labels("not_asked").inc()
            return []
        if asking.is_paused(now):
            _leave_alone(asking, key, now)
            return []
        task = asyncio.create_task(self._answer(asking, key), name=f"lookup at {asking.source.lookup.name}")
        asking.tasks[key] = task
        task.add_done_callback(lambda _done: asking.tasks.pop(key, None))
        return [task]

    async def _answer(self, asking: _Asking, key: Key) -> None:
        lookup = asking.source.lookup
        try:
            async with asking.at_once:
                if asking.is_paused(now := self._clock()):  # since this began to wait for its turn
                    _leave_alone(asking, key, now)
                    return
                labels = await asking.source.ask(key)
        except TandemError as error:
            self._note_failure(asking, key, str(error))
            return
        except Exception as error:  # whatever a system answers: alerts go on without it
            log.error("enrichment.failed", system=lookup.name, exc_info=error)
            self._note_failure(asking, key, f"{lookup.name}: {type(error).__name__}")
            return
        asking.failures, asking.paused_until = 0, None
        self.reasons.pop(lookup.name, None)
        lookup.answers.note(key, labels, self._clock())
        ENRICHMENT_LOOKUPS.labels("answered" if any(labels.values()) else "unknown").inc()

    def _note_failure(self, asking: _Asking, key: Key, reason: str) -> None:
        now = self._clock()
        asking.failures += 1
        asking.source.lookup.answers.note_failure(key, now)
        ENRICHMENT_LOOKUPS.labels("failed").inc()
        name = asking.source.lookup.name
        if self.reasons.get(name) != reason:
            log.warning("enrichment.no_answer", system=name, reason=reason)
        self.reasons[name] = reason
        if asking.failures >= _IN_A_ROW:
            pause = min(_LONGEST_PAUSE, AGAIN_AFTER * 2 ** min(asking.failures - _IN_A_ROW, 10))
            asking.paused_until = now + pause

    async def close(self) -> None:
        tasks = [task for asking in self._asking for task in asking.tasks.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for asking in self._asking:
            await asking.source.close()


def _leave_alone(asking: _Asking, key: Key, now: datetime) -> None:
    asking.source.lookup.answers.note_failure(key, now)
    ENRICHMENT_LOOKUPS.labels("not_asked").inc()


def _is_due(known: Answer, ttl: timedelta, now: datetime) -> bool:
    if known.failed:
        return now - known.tried_at >= AGAIN_AFTER or now < known.tried_at
    return known.at is None or not timedelta(0) <= now - known.at < ttl
