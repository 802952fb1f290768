"""How many new incidents get messages of their own, so that a flood hides nothing and is readable itself."""

from collections import deque
from collections.abc import Callable, Collection

from bot.notify.digest.ranking import Standing

AT_ONCE = 10
"""So many new incidents wait without being a flood; of one, so many are posted at once."""
A_MINUTE = 20
"""So many are posted in a minute without being a flood; of one, half of them are for what is well attested."""
SPACED = 6.0
"""When no more come than are no flood, those that are left get messages, one in so many seconds."""
_MINUTE = 60.0
_REMEMBERED = 10 * A_MINUTE


class Pace:
    """``timer`` gives seconds that no change of the clock touches. What it counts is forgotten at a restart."""

    def __init__(self, timer: Callable[[], float]) -> None:
        self._timer = timer
        self._posted: deque[tuple[float, bool]] = deque(maxlen=_REMEMBERED)
        self._burst = 0
        self._new = deque([(timer(), AT_ONCE + 1)], maxlen=_REMEMBERED)  # as if in a flood, until a minute has passed

    @property
    def room(self) -> bool:
        """Whether new incidents may still be posted as they come."""
        return len(self._of_last_minute()) < A_MINUTE

    def posted(self, standing: Standing) -> None:
        known = standing >= Standing.KNOWN
        self._posted.append((self._timer(), known))
        if not known:
            self._burst = max(self._burst - 1, 0)

    def flood_began(self) -> None:
        self._burst = max(AT_ONCE - self._of_last_minute().count(False), 0)

    def new_came(self, count: int) -> None:
        self._new.append((self._timer(), count))

    def allowed(self) -> Collection[Standing]:
        """Which of those in the digest may have messages of their own now."""
        posted = self._of_last_minute()
        allowed = [Standing.HANDLED]
        if posted.count(True) < A_MINUTE - AT_ONCE:
            allowed.append(Standing.KNOWN)
        if posted.count(False) < AT_ONCE:
            allowed.append(Standing.SUPPORTED)
            if self._burst or self._calm():
                allowed.append(Standing.UNKNOWN)
        return allowed

    def _calm(self) -> bool:
        now = self._timer()
        new = sum(count for at, count in self._new if at > now - _MINUTE)
        return new <= AT_ONCE and not any(at > now - SPACED for at, _ in self._posted)

    def _of_last_minute(self) -> list[bool]:
        """Of each that was posted, whether it was well attested."""
        since = self._timer() - _MINUTE
        return [known for at, known in self._posted if at > since]
