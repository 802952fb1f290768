"""How long to wait before a channel is tried again, for those who bring it one thing after the other."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type, wait_random_exponential

from bot.errors import StorageUnavailable
from bot.notify.channel import ChannelFailure, ChannelRefusal
from bot.notify.rate_limits import EARLY


def is_worth_a_line(attempt: int) -> bool:
    """Whether a failed attempt belongs in the log: the first, tenth, hundredth … of an outage.

    >>> [attempt for attempt in range(1, 2000) if is_worth_a_line(attempt)]
    [1, 10, 100, 1000]
    """
    return str(attempt).rstrip("0") == "1"


_backoff = wait_random_exponential(multiplier=1, max=60)


def wait_for_channel(state: RetryCallState, refusal_wait: float) -> float:
    """Seconds: what the channel asks for, ``refusal_wait`` where a person must act first, or longer each time."""
    error = state.outcome.exception() if state.outcome else None
    if isinstance(error, ChannelRefusal):
        return refusal_wait
    if isinstance(error, ChannelFailure) and error.retry_after is not None:
        first = state.attempt_number == 1
        return min(error.retry_after, EARLY) if first else error.retry_after
    return _backoff(state)


POLL = 2.0
"""Seconds between two looks of who is not told when there is something to bring."""
_REFUSAL_WAIT = 300.0
Sleep = Callable[[float], Awaitable[None]]


async def until_taken(
    work: Callable[[], Awaitable[bool]], sleep: Sleep, note: Callable[[RetryCallState], None]
) -> bool:
    """What ``work`` returns, once neither the channel nor the storage fails; ``note`` is called before each wait."""
    retrying = AsyncRetrying(
        retry=retry_if_exception_type((ChannelFailure, StorageUnavailable)),
        wait=lambda state: wait_for_channel(state, _REFUSAL_WAIT),
        sleep=sleep,
        before_sleep=note,
    )
    return await retrying(work)


async def rest(wanted: asyncio.Event | None, seldom: float, sleep: Sleep) -> None:
    """Wait until something may be wanted, or ``seldom`` seconds; without the event, until the next look is due."""
    if wanted is None:
        await sleep(POLL)
        return
    with suppress(TimeoutError):
        async with asyncio.timeout(seldom):
            await wanted.wait()
    wanted.clear()
