"""How many new incidents get messages of their own, so that a flood hides nothing and is readable itself."""

from collections import deque
from collections.abc import Callable, Collection

from bot.notify.digest.ranking import Standing

AT_ONCE = 10
"""So many new incidents wait without being a flood; of one, so many are posted at once."""
A_MINUTE = 60
"""So many are posted in a minute without being a flood: one by one, as they come, they hide nothing."""
SUPPORTED_A_MINUTE = 20
"""So many of a flood are posted in a minute that more than one alert supports."""
SPACED = 6.0
"""When no more come than are no flood, those that are left get messages, one in so many seconds."""
_MINUTE = 60.0
_REMEMBERED = 10 * A_MINUTE


class Pace:
    """``timer`` gives seconds that no change of the clock touches. What it counts is forgotten at a restart."""

    def __init__(self, timer: Callable[[], float]) -> None:
        self._timer = timer
        self._posted: deque[tuple[float, Standing]] = deque(maxlen=_REMEMBERED)
        self._burst = 0
        self._new = deque([(timer(), AT_ONCE + 1)], maxlen=_REMEMBERED)  # as if in a flood, until a minute has passed

    @property
    def room(self) -> bool:
        """Whether new incidents may still be posted as they come."""
        return len(self._of_last_minute()) < A_MINUTE

    def posted(self, standing: Standing) -> None:
        self._posted.append((self._timer(), standing))
        if standing < Standing.KNOWN:
            self._burst = max(self._burst - 1, 0)

    def flood_began(self) -> None:
        self._burst = max(AT_ONCE - self._others(), 0)

    def new_came(self, count: int) -> None:
        self._new.append((self._timer(), count))

    def allowed(self) -> Collection[Standing]:
        """Which of those in the digest may have messages of their own now."""
        allowed, others = [Standing.HANDLED], self._others()
        if self._of_last_minute().count(Standing.KNOWN) < AT_ONCE:
            allowed.append(Standing.KNOWN)
        if others < SUPPORTED_A_MINUTE:
            allowed.append(Standing.SUPPORTED)
        if others < AT_ONCE and (self._burst or self._calm()):
            allowed.append(Standing.UNKNOWN)
        return allowed

    def _others(self) -> int:
        """How many were posted that are not well attested."""
        return sum(standing < Standing.KNOWN for standing in self._of_last_minute())

    def _calm(self) -> bool:
        now = self._timer()
        new = sum(count for at, count in self._new if at > now - _MINUTE)
        return new <= AT_ONCE and not any(at > now - SPACED for at, _ in self._posted)

    def _of_last_minute(self) -> list[Standing]:
        since = self._timer() - _MINUTE
        return [standing for at, standing in self._posted if at > since]
