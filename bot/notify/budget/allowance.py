"""So many calls in any minute, some of them at once."""

from collections.abc import Callable
from typing import NamedTuple

from bot.notify.channel import Call


class Rate(NamedTuple):
    """``a_minute`` is the most in any minute, the ``burst`` that may come at once included."""

    a_minute: int
    burst: int


RATES: dict[Call, Rate] = {
    "post": Rate(300, 60),
    "update": Rate(50, 10),
    "delete": Rate(50, 10),
    "find": Rate(50, 10),
    "find_reply": Rate(50, 10),
    "key": Rate(20, 10),
    "open": Rate(50, 10),
    "upload": Rate(100, 20),
    "share": Rate(100, 20),
    "address": Rate(300, 60),
}
"""What Slack takes from one app in one workspace, in all channels together: its tiers 2, 3 and 4 take 20, 50 and 100 a
minute; of posts and of addresses it takes "several hundred".

https://docs.slack.dev/apis/web-api/rate-limits
"""
_MINUTE = 60.0


class Allowance:
    """``timer`` gives seconds that no change of the clock touches."""

    def __init__(self, rate: Rate, timer: Callable[[], float]) -> None:
        self._timer = timer
        self._burst = float(rate.burst)
        self._a_second = (rate.a_minute - rate.burst) / _MINUTE
        self._left, self._at = self._burst, timer()

    @property
    def left(self) -> int:
        """How many may be made now."""
        return int(self._now() + 1e-9)

    def until(self, count: int) -> float:
        """Seconds until so many may be made."""
        return max((min(count, self._burst) - self._now()) / self._a_second, 0.0)

    def take(self) -> None:
        self._left = self._now() - 1.0

    def keep(self, count: int) -> None:
        """At most so many are left: others may have made calls that were not counted here."""
        self._left = min(self._now(), float(count))

    def _now(self) -> float:
        now = self._timer()
        self._left, self._at = min(self._left + (now - self._at) * self._a_second, self._burst), now
        return self._left
