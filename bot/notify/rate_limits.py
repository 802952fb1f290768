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
    """``timer`` gives seconds that no change of the clock touches. ``others`` are those of another channel of the same
    workspace: Slack counts posts by channel, and every other kind of call for the whole workspace.

    https://docs.slack.dev/apis/web-api/rate-limits
    """

    def __init__(self, timer: Callable[[], float], others: "RateLimits | None" = None) -> None:
        self._timer = timer
        self._mine: dict[Call, _Limit] = {}
        self._shared: dict[Call, _Limit] = others._shared if others is not None else {}

    def _limits(self, call: Call) -> dict[Call, _Limit]:
        return self._mine if call == "post" else self._shared

    def note(self, limited: RateLimited) -> float:
        """A call was refused; returns the seconds until the next one of its kind. A probe that fails is the last."""
        before = self._limits(limited.call).get(limited.call)
        probing = limited.wait > EARLY and not (before and before.probing)
        wait = EARLY if probing else limited.wait
        self._limits(limited.call)[limited.call] = _Limit(self._timer() + wait, probing)
        return wait

    def closed(self, call: Call) -> bool:
        limit = self._limits(call).get(call)
        return limit is not None and limit.until > self._timer()

    def __bool__(self) -> bool:
        """Whether any call is limited."""
        return any(map(self.closed, [*self._mine, *self._shared]))

    def passed(self) -> None:
        """A call succeeded: what had run out is over, also where it was doubted early."""
        for limits in (self._mine, self._shared):
            for call in [call for call, limit in limits.items() if limit.until <= self._timer()]:
                del limits[call]
