"""Keeps the pages of people true: those of whoever opened theirs lately, at most so often, and only what changed.

It is level-triggered like the notifier: what is to be shown follows from what is stored, so a restart loses nothing.
"""

import asyncio
import hashlib
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any, Protocol

import structlog

from bot.errors import StorageUnavailable
from bot.notify.backoff import is_worth_a_line
from bot.notify.channel import ChannelFailure, ChannelRefusal, MessageRefused
from bot.notify.home.collecting import Known, Moment, collect, read_moment
from bot.notify.home.home_card import HomeCard
from bot.storage.database import Database
from bot.storage.queries.shown import homes
from bot.storage.queries.shown.homes import Home

LATELY = timedelta(hours=8)
"""Whoever has not opened their page for so long sees it made anew when they do."""
MOST = 200
EVERY = 10.0
"""Seconds between two looks at all pages; what changes meanwhile is shown at once."""
REFRESH = 60.0
"""Seconds after which all are looked at although nothing was published: who is on call changes with time."""
INTERVAL = 0.7
"""Seconds between two pages: Slack takes a hundred a minute. https://docs.slack.dev/apis/web-api/rate-limits"""
_REST = 0.2
_AFTER_A_REFUSAL = 120.0
_LONGEST_WAIT = 60.0

log = structlog.get_logger(__name__)


class Pages(Protocol):
    """Where a person sees their page."""

    def render(self, card: HomeCard) -> Mapping[str, Any]:
        """A page in the form of the tool."""
        ...

    async def publish(self, user: str, page: Mapping[str, Any]) -> None:
        """Show it. Raises ChannelFailure, ChannelRefusal, and MessageRefused for what is about this person alone."""
        ...


class Homes:
    """``problem`` says why no page is shown; None while they are."""

    def __init__(
        self,
        database: Database,
        known: Known,
        pages: Pages,
        clock: Callable[[], datetime],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        timer: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database, self._known, self._pages, self._clock = database, known, pages, clock
        self._sleep, self._timer = sleep, timer
        self._woken = asyncio.Event()
        self._changed, self._looked_at = True, float("-inf")
        self.problem: str | None = None

    def wake(self) -> None:
        self._changed = True
        self._woken.set()

    async def run(self) -> None:
        """Until cancelled. Where it cannot, it waits longer each time, and tries again."""
        failures = 0
        while True:
            try:
                await self.look()
                failures, self.problem = 0, None
            except (StorageUnavailable, ChannelFailure) as error:
                failures += 1
                await self._sleep(self._wait_after(error, failures))  # whatever changes meanwhile
                continue
            await self._sleep(_REST)
            with suppress(TimeoutError):
                async with asyncio.timeout(self._until_next()):
                    await self._woken.wait()
            self._woken.clear()

    def _wait_after(self, error: Exception, failures: int) -> float:
        self._looked_at = float("-inf")
        if isinstance(error, ChannelRefusal):
            self.problem = str(error)
        if is_worth_a_line(failures):
            log.warning("slack.homes_not_shown", reason=str(error))
        if isinstance(error, ChannelRefusal):
            return _AFTER_A_REFUSAL
        asked = getattr(error, "retry_after", None)
        return float(asked) if asked else min(2.0 ** min(failures, 10), _LONGEST_WAIT)

    def _until_next(self) -> float:
        return max(self._looked_at + (EVERY if self._changed else REFRESH) - self._timer(), 0.0)

    async def look(self, everything: bool = False) -> int:
        """Show what was asked for, and where it is time all that changed. Returns how many were shown.

        Raises StorageUnavailable, ChannelFailure.
        """
        due = everything or self._timer() - self._looked_at >= (EVERY if self._changed else REFRESH)
        now = self._clock()
        async with self._database.read() as connection:
            opened = await homes.opened_since(connection, now - LATELY, MOST)
        wanted = [home for home in opened if due or home.is_asked_for]
        if due:
            self._looked_at, self._changed = self._timer(), False
        if not wanted:
            return 0
        moment = await read_moment(self._database, self._known, now)
        return sum([await self._show(home, moment) for home in wanted])

    async def _show(self, home: Home, moment: Moment) -> bool:
        card = await collect(self._database, self._known, moment, home.person, home.page)
        if card is None:
            return False
        page = self._pages.render(card)
        digest = hashlib.sha256(repr(page).encode()).hexdigest()
        if digest == home.digest and not home.is_asked_for:
            return False
        try:
            await self._pages.publish(home.person, page)
        except MessageRefused as refused:
            log.warning("slack.home_refused", person=home.person, reason=str(refused))
        async with self._database.write() as connection:
            await homes.shown(connection, home, digest)
        await self._sleep(INTERVAL)
        return True
