"""Which kinds of calls a channel does not take at the moment, each for itself."""

from collections.abc import Callable
from typing import NamedTuple

from bot.notify.channel import Call, RateLimited

EARLY = 30.0
"""A longer wait is doubted once: so many seconds later one call is made to see whether it still holds."""


class _Limit(NamedTuple):
    until: float
    probing: bool


class RateLimits:
    """``timer`` gives seconds that no change of the clock touches."""

    def __init__(self, timer: Callable[[], float]) -> None:
        self._timer = timer
        self._limits: dict[Call, _Limit] = {}

    def note(self, limited: RateLimited) -> float:
        """A call was refused; returns the seconds until the next one of its kind. A probe that fails is the last."""
        before = self._limits.get(limited.call)
        probing = limited.wait > EARLY and not (before and before.probing)
        wait = EARLY if probing else limited.wait
        self._limits[limited.call] = _Limit(self._timer() + wait, probing)
        return wait

    def closed(self, call: Call) -> bool:
        limit = self._limits.get(call)
        return limit is not None and limit.until > self._timer()

    def __bool__(self) -> bool:
        """Whether any call is limited."""
        return any(map(self.closed, self._limits))

    def passed(self) -> None:
        """A call succeeded: what had run out is over, also where it was doubted early."""
        self._limits = {call: limit for call, limit in self._limits.items() if limit.until > self._timer()}
