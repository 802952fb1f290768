"""Transactions that met another one and were undone by the database: they are begun anew."""

from collections.abc import Callable, Coroutine
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from tenacity import AsyncRetrying, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from bot.errors import Collision

MOST_ATTEMPTS = 6

_P = ParamSpec("_P")
_T = TypeVar("_T")


def begun_anew(work: Callable[_P, Coroutine[Any, Any, _T]]) -> Callable[_P, Coroutine[Any, Any, _T]]:
    """For a function that is one transaction: on a Collision it begins anew, a few times, after a random wait."""

    @wraps(work)
    async def attempt(*args: _P.args, **kwargs: _P.kwargs) -> _T:
        async for one in AsyncRetrying(
            retry=retry_if_exception_type(Collision),
            stop=stop_after_attempt(MOST_ATTEMPTS),
            wait=wait_random_exponential(multiplier=0.05, max=0.5),
            reraise=True,
        ):
            with one:
                return await work(*args, **kwargs)
        raise AssertionError("tenacity ends with a result or an error")

    return attempt
