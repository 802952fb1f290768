"""Gaps in the numbers of the feed: on PostgreSQL a transaction takes its numbers before it commits."""

import time
from collections.abc import Callable

from bot.storage.queries.listed.feed import Happening

GAP_SECONDS = 3.0
"""So long a number that is missing may still be committed."""


class Gaps:
    """One reader's: it waits for a missing number, and then goes on without it."""

    def __init__(self, is_sqlite: bool, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._is_sqlite, self._monotonic = is_sqlite, monotonic
        self._since: float | None = None

    def sure(self, found: list[Happening], position: int) -> list[Happening]:
        """Of those behind a position, those before the first number that may still be committed."""
        if self._is_sqlite:
            return found
        expected = position + 1
        for place, one in enumerate(found):
            if one.position != expected and not self._given_up(place):
                return found[:place]
            expected = one.position + 1
        self._since = None
        return found

    def _given_up(self, place: int) -> bool:
        """Whether the missing number before this place was waited for long enough."""
        if place > 0 or self._since is None:
            self._since = self._monotonic()
            return False
        return self._monotonic() - self._since >= GAP_SECONDS
