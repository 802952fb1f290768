"""One task for each tool and kind, so that a tool that is down delays no other."""

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress
from datetime import datetime
from typing import Any, TypeVar

import structlog
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type, wait_random_exponential

from bot.errors import StorageUnavailable
from bot.integrations.comparison import AlertComparison
from bot.integrations.http import ToolFailure, ToolRefused
from bot.integrations.silences import SilenceSync
from bot.integrations.statuses import StatusSync

LOOK = 2.0
"""Seconds between two looks at the database for what is to be told."""
INTERVAL = 0.5
"""The least time between two calls to a tool, in seconds."""
QUICK = 2.0
"""The least time between two looks at a tool's list of alerts, in seconds."""
_REFUSAL_WAIT = 60.0

log = structlog.get_logger(__name__)
_T = TypeVar("_T")
_backoff = wait_random_exponential(multiplier=1, max=60)


class ToolTasks:
    """``silences_every`` is how often a tool's silences are asked for, in seconds."""

    def __init__(self, clock: Callable[[], datetime], silences_every: float) -> None:
        self._clock = clock
        self._silences_every = silences_every
        self._woken: list[asyncio.Event] = []

    def wake(self) -> None:
        for event in self._woken:
            event.set()

    async def send_status(self, sync: StatusSync) -> None:
        """Tell a tool what people do to incidents, until cancelled."""
        woken = self._event()
        while True:
            if await _patiently(sync.name, lambda: sync.send_one(self._clock())):
                await asyncio.sleep(INTERVAL)
            else:
                await _rest(woken)

    async def sync(self, sync: SilenceSync) -> None:
        """Keep silences the same, until cancelled."""
        woken, loop = self._event(), asyncio.get_running_loop()
        next_round = loop.time()
        while True:
            due = loop.time() >= next_round
            if due or await _patiently(sync.name, lambda: sync.anything_to_send(self._clock())):
                await _patiently(sync.name, lambda: sync.reconcile(self._clock()))
                next_round = loop.time() + self._silences_every
                await asyncio.sleep(INTERVAL)
            else:
                await _rest(woken)

    async def compare(self, comparison: AlertComparison, every: float) -> None:
        """Compare what fires with the tool's list, until cancelled: now and then, and soon after something new."""
        woken, loop = self._event(), asyncio.get_running_loop()
        while True:
            await _patiently(comparison.name, lambda: comparison.compare(self._clock()))
            next_round = loop.time() + every
            await asyncio.sleep(min(every, QUICK))
            while (left := next_round - loop.time()) > 0:
                if not await _woken_within(woken, left):
                    break
                if await _patiently(comparison.name, lambda: comparison.is_due(self._clock())):
                    break
                await asyncio.sleep(min(left, QUICK))

    def _event(self) -> asyncio.Event:
        event = asyncio.Event()
        self._woken.append(event)
        return event


async def _patiently(tool: str, work: Callable[[], Coroutine[Any, Any, _T]]) -> _T:
    """What the work comes to; what fails is tried again, for as long as it takes."""

    async def attempt() -> _T:
        return await work()

    def note(state: RetryCallState) -> None:
        reason = str(state.outcome.exception()) if state.outcome else ""
        log.warning("tools.retry", tool=tool, reason=reason, retry_in=round(state.upcoming_sleep, 1))

    failures = (ToolFailure, ToolRefused, StorageUnavailable)
    return await AsyncRetrying(retry=retry_if_exception_type(failures), wait=_wait, before_sleep=note)(attempt)


async def _rest(woken: asyncio.Event) -> None:
    woken.clear()
    await _woken_within(woken, LOOK)


async def _woken_within(woken: asyncio.Event, seconds: float) -> bool:
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await woken.wait()
            woken.clear()
            return True
    return False


def _wait(state: RetryCallState) -> float:
    """Seconds: what the tool says, long where a person must act first, or longer after each failure."""
    error = state.outcome.exception() if state.outcome else None
    if isinstance(error, ToolRefused):
        return _REFUSAL_WAIT
    if isinstance(error, ToolFailure) and error.retry_after is not None:
        return error.retry_after
    return _backoff(state)
