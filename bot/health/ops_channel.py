"""The ops channel: a message for those who run Tandem while it does not process."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta

import structlog

from bot.domain.duration import format_duration
from bot.errors import TandemError
from bot.health.self_check import SelfCheck
from bot.notify.card import Notice
from bot.notify.channel import Channel, MessageGone, Posted, trouble_mark

LOOKED_BACK = timedelta(days=30)

log = structlog.get_logger(__name__)

Clock = Callable[[], datetime]


class OpsChannel:
    """Posts in a channel of those who run Tandem that it does not process: one message a trouble, edited at the end.

    What stands there is found again by its mark, so nothing need be stored: the trouble may be the database.
    ``may_speak`` says whether this replica is the one to speak; where the database is away, or nobody seems to have
    that role, any may.
    """

    def __init__(
        self, channel: Channel, check: SelfCheck, clock: Clock, may_speak: Callable[[], bool] = lambda: True
    ) -> None:
        self._channel, self._check, self._clock = channel, check, clock
        self._may_speak = may_speak
        self._posted: Posted | None = None
        self._published: dict[str, str] = {}
        self._looked = False
        self._serious = True

    async def run(self, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
        """Look until cancelled; what the channel does not take is tried again."""
        every = min(max(self._check.after.total_seconds() / 10, 0.2), 10.0)
        while True:
            try:
                await self.look()
            except TandemError as error:
                log.warning("deadman.not_published", reason=str(error))
            await sleep(every)

    async def look(self) -> None:
        """Bring the channel to what is true now. Raises ChannelFailure and the other errors of its calls."""
        await self._check.probe()
        lasting = self._check.lasting_problems()
        speaks = self._may_speak() or "storage" in lasting or self._check.abandoned
        if not speaks and self._posted is None:  # who has published a trouble says when it is over
            self._looked = False
            return
        if not self._looked:
            self._posted = await self._standing()
            self._looked = True
        if lasting and self._posted is None:
            await self._begin(lasting)
        elif lasting and self._tells_anew(lasting):
            await self._update(self._trouble(lasting), over=False)
            self._published = lasting
        elif self._posted is not None and not self._check.problems() and not self._check.minor_problems():
            await self._update(self._over(self._posted.at), over=True)
            self._posted, self._published = None, {}

    def _tells_anew(self, lasting: Mapping[str, str]) -> bool:
        """Words of serious troubles change all the time, as they say for how long; others name what is concerned."""
        minor = self._check.minor_problems()
        return lasting.keys() != self._published.keys() or any(self._published[kind] != minor[kind] for kind in minor)

    def _trouble(self, lasting: Mapping[str, str]) -> Notice:
        self._serious = bool(lasting.keys() - self._check.minor_problems().keys())
        title = "Tandem is not processing as it should" if self._serious else "Slack refuses some of what Tandem shows"
        return Notice(title, tuple(lasting.values()))

    def _over(self, begun: datetime) -> Notice:
        now = self._clock()
        works = "Tandem processes again" if self._serious else "Slack takes again what Tandem shows"
        title = f"{works}, {format_duration(now - begun)} after this was said"
        return Notice(title, tuple(self._published.values()), begun.astimezone(now.tzinfo))

    async def _begin(self, lasting: dict[str, str]) -> None:
        """Another replica may have published it meanwhile."""
        self._posted = await self._standing()
        if self._posted is None:
            self._posted = await self._channel.post(self._trouble(lasting), trouble_mark(over=False))
            log.error("deadman.published", reasons=list(lasting.values()))
        self._published = lasting

    async def _standing(self) -> Posted | None:
        """What was published of Tandem itself, and is not over."""
        return await anext(self._channel.find(trouble_mark(over=False), self._clock() - LOOKED_BACK), None)

    async def _update(self, notice: Notice, over: bool) -> None:
        assert self._posted is not None
        try:
            await self._channel.update(self._posted.id, notice, trouble_mark(over))
        except MessageGone:  # somebody deleted it: a trouble that lasts is posted anew
            self._posted = None
