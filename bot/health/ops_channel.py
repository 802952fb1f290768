"""The ops channel: a message for those who run Tandem while it does not process."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta

import structlog

from bot.domain.duration import format_duration
from bot.errors import TandemError
from bot.health.self_check import SelfCheck
from bot.notify.slack.blocks import section
from bot.notify.slack.channel import MessageGone, SlackChannel, trouble_metadata
from bot.notify.slack.render import Rendered
from bot.notify.slack.text import literal, one_line, when

LOOKED_BACK = timedelta(days=30)
MOST_SAID = 300

log = structlog.get_logger(__name__)

Clock = Callable[[], datetime]


class OpsChannel:
    """Says in a channel of those who run Tandem that it does not process: one message a trouble, resolved in place.

    What stands there is found again by its metadata, so nothing need be stored: the trouble may be the database.
    ``may_speak`` says whether this replica is the one to speak; where the database is away, or nobody seems to have
    that role, any may.
    """

    def __init__(
        self, channel: SlackChannel, check: SelfCheck, clock: Clock, may_speak: Callable[[], bool] = lambda: True
    ) -> None:
        self._channel, self._check, self._clock = channel, check, clock
        self._may_speak = may_speak
        self._ts: str | None = None
        self._said: dict[str, str] = {}
        self._looked = False

    async def run(self, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
        """Look until cancelled; what Slack does not take is tried again."""
        every = min(max(self._check.after.total_seconds() / 10, 0.2), 10.0)
        while True:
            try:
                await self.look()
            except TandemError as error:
                log.warning("deadman.not_told", reason=str(error))
            await sleep(every)

    async def look(self) -> None:
        """Bring the channel to what is true now. Raises SlackFailure and the other errors of its calls."""
        await self._check.probe()
        lasting = self._check.lasting_problems()
        speaks = self._may_speak() or "storage" in lasting or self._check.abandoned
        if not speaks and self._ts is None:  # who has told of a trouble says when it is over
            self._looked = False
            return
        if not self._looked:
            self._ts = await self._channel.find_trouble(self._clock() - LOOKED_BACK)
            self._looked = True
        if lasting and self._ts is None:
            await self._begin(lasting)
        elif lasting and lasting.keys() != self._said.keys():
            await self._update(_told(lasting), over=False)
            self._said = lasting
        elif self._ts is not None and not self._check.problems():
            await self._update(_over(self._ts, self._clock(), self._said), over=True)
            self._ts, self._said = None, {}

    async def _begin(self, lasting: dict[str, str]) -> None:
        """Another replica may have said it meanwhile."""
        self._ts = await self._channel.find_trouble(self._clock() - LOOKED_BACK)
        if self._ts is None:
            self._ts = await self._channel.post(_told(lasting), trouble_metadata(over=False))
            log.error("deadman.told", reasons=list(lasting.values()))
        self._said = lasting

    async def _update(self, said: Rendered, over: bool) -> None:
        assert self._ts is not None
        try:
            await self._channel.update(self._ts, said, trouble_metadata(over))
        except MessageGone:  # somebody deleted it: a trouble that lasts is told anew
            self._ts = None


def _told(lasting: Mapping[str, str]) -> Rendered:
    lines = [f"• {literal(said, MOST_SAID)}" for said in lasting.values()]
    title = "Tandem is not processing as it should"
    text = one_line(f"🚨 {title}: {'; '.join(lasting.values())}", 2000)
    return Rendered(text, [section("\n".join([f"🚨 *{title}*", *lines]))])


def _over(ts: str, now: datetime, said: Mapping[str, str]) -> Rendered:
    begun = datetime.fromtimestamp(float(ts), now.tzinfo)
    lines = [f"• {literal(reason, MOST_SAID)}" for reason in said.values()]
    title = f"Tandem processes again, {format_duration(now - begun)} after this was said"
    first = f"✅ *{title}* · {when(begun)}"
    return Rendered(one_line(f"✅ {title}", 2000), [section("\n".join([first, *lines]))])
