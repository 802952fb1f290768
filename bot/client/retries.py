"""When a request is sent again, and after how long."""

import asyncio
import time

from tenacity import RetryCallState, wait_exponential_jitter

from bot.client.errors import Unavailable, Unreachable
from bot.client.requests import Request

PAUSE = 1.0
"""Seconds before a stream that ended is opened anew."""
_LONGEST = 60.0
sleep, sleep_async = time.sleep, asyncio.sleep
_backoff = wait_exponential_jitter(multiplier=0.2, max=10)


def may_repeat(error: BaseException, request: Request) -> bool:
    """Nothing was done where the server refused for now; where no answer came, nobody knows."""
    return isinstance(error, Unavailable) or (isinstance(error, Unreachable) and request.repeatable)


def wait_of(state: RetryCallState) -> float:
    """Seconds: what the server asks for, at most a minute; else ever longer."""
    error = state.outcome.exception() if state.outcome else None
    asked = error.retry_after if isinstance(error, Unavailable) else None
    return _backoff(state) if asked is None else min(asked, _LONGEST)
