"""A clock that does not jump while the process runs: a wait is as long as it was meant to be."""

import time
from collections.abc import Callable
from datetime import datetime, timedelta

JUMP = timedelta(seconds=2)
"""What the clock of the machine gains or loses by so much between two readings is a jump, and not its drift."""


class SteadyClock:
    """``clock`` is the machine's, ``timer`` gives seconds that no change of it touches."""

    def __init__(self, clock: Callable[[], datetime], timer: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._timer = clock, timer
        self._read_at = clock(), timer()
        self._jumped = timedelta(0)

    def __call__(self) -> datetime:
        before, elapsed_before = self._read_at
        self._read_at = now, elapsed = self._clock(), self._timer()
        gained = (now - before) - timedelta(seconds=elapsed - elapsed_before)
        if abs(gained) >= JUMP:
            self._jumped += gained
        return now - self._jumped
