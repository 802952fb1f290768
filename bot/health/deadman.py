"""The dead man's switch: an outside service hears of us while we process, another channel when we do not."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from datetime import datetime, timedelta

import aiohttp
import structlog

from bot.domain.duration import format_duration
from bot.domain.event import PingEvent
from bot.errors import InboxFull, StorageUnavailable, TandemError
from bot.inbox.backlog import Backlog
from bot.inbox.intake import Intake, entries_for
from bot.notify.slack.blocks import section
from bot.notify.slack.channel import MessageGone, SlackChannel, trouble_metadata
from bot.notify.slack.render import Rendered
from bot.notify.slack.text import literal, one_line, when
from bot.observability.metrics import DEADMAN_PINGS

SETTLE = timedelta(seconds=15)
"""So long a backlog is worked through after a start before its age alone is a trouble."""
LOOKED_BACK = timedelta(days=30)
MOST_SAID = 300
RARELY = timedelta(seconds=15)
"""Between two looks at a slow database so much passes, though it answers."""
KNOCK_SECONDS = 10.0
_TIMEOUT = aiohttp.ClientTimeout(total=10)

log = structlog.get_logger(__name__)

Clock = Callable[[], datetime]
Slack = Callable[[], tuple[str, bool]]


class Signs:
    """What shows whether Tandem processes: its doors commit, its pipeline is not far behind, its channel is told.

    ``after`` is how far behind is too far. What others do shows here too: the backlog is that of all replicas.
    """

    def __init__(self, backlog: Backlog, intake: Intake, slack: Slack, clock: Clock, after: timedelta) -> None:
        self._backlog, self._intake, self._slack = backlog, intake, slack
        self._clock = clock
        self._since: dict[str, datetime] = {}
        self.after = after

    def wrong(self) -> dict[str, str]:
        """What is wrong now, in words, by its kind."""
        found = {}
        unseen = self._clock() - self._backlog.looked_at
        if self._backlog.problem is not None:
            found["storage"] = f"the database does not answer: {self._backlog.problem}"
        elif unseen > self.after + RARELY:
            found["storage"] = f"the database has not answered for {format_duration(unseen)}"
        if self._intake.problem is not None:
            found["doors"] = f"the doors cannot store what they are sent: {self._intake.problem}"
        if self._backlog.age > self.after:
            waited = format_duration(self._backlog.age)
            found["pipeline"] = f"the oldest of {self._backlog.waiting.entries} entries that wait does so for {waited}"
        slack, _ = self._slack()
        if slack not in ("ok", "off"):
            found["slack"] = f"incidents are not told: {slack}"
        return found

    def lasting(self) -> dict[str, str]:
        """What has been wrong for long enough to call somebody, of what is wrong now."""
        found, now = self.wrong(), self._clock()
        self._since = {kind: self._since.get(kind, now) for kind in found}
        patience = {"pipeline": min(SETTLE, self.after)}
        return {kind: said for kind, said in found.items() if now - self._since[kind] >= patience.get(kind, self.after)}

    @property
    def abandoned(self) -> bool:
        """Whether the pipeline is so late that whoever should have said so must be gone, too."""
        return self._backlog.age > 2 * self.after

    async def knock(self) -> None:
        """Where the last commit failed, try one of our own: perhaps no sender comes who would show that it is over."""
        if self._intake.problem is None:
            return
        nobodys = PingEvent(source="tandem", name="", labels={})
        with suppress(InboxFull, StorageUnavailable, TimeoutError):
            async with asyncio.timeout(KNOCK_SECONDS):
                await self._intake.append(entries_for([nobodys], "tandem", self._clock(), [], 1))


async def keep_pinging(url: str, every: float, signs: Signs) -> None:
    """Ask for an address every so many seconds, for as long as nothing is wrong, until cancelled.

    A GET, as Healthchecks, Cronitor, Dead Man's Snitch, Better Stack and Uptime Kuma take it. The address is a secret:
    who knows it can ping as well.
    """
    async with aiohttp.ClientSession(timeout=_TIMEOUT, trust_env=True) as session:
        while True:
            await signs.knock()
            DEADMAN_PINGS.labels(await _ping(session, url, signs.wrong())).inc()
            await asyncio.sleep(every)


async def _ping(session: aiohttp.ClientSession, url: str, wrong: Mapping[str, str]) -> str:
    if wrong:
        log.warning("deadman.withheld", reasons=list(wrong.values()))
        return "withheld"
    try:
        async with session.get(url) as answer:
            if answer.ok:
                return "sent"
            reason = f"it answers with status {answer.status}"
    except (TimeoutError, aiohttp.ClientError, OSError, ValueError) as error:
        reason = type(error).__name__  # its words may hold the address
    log.warning("deadman.not_pinged", reason=reason)
    return "failed"


class OpsChannel:
    """Says in a channel of those who run Tandem that it does not process: one message a trouble, resolved in place.

    What stands there is found again by its metadata, so nothing need be stored: the trouble may be the database.
    ``may_speak`` says whether this replica is the one to speak; where the database is away, or nobody seems to have
    that role, any may.
    """

    def __init__(
        self, channel: SlackChannel, signs: Signs, clock: Clock, may_speak: Callable[[], bool] = lambda: True
    ) -> None:
        self._channel, self._signs, self._clock = channel, signs, clock
        self._may_speak = may_speak
        self._ts: str | None = None
        self._said: dict[str, str] = {}
        self._looked = False

    async def run(self, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
        """Look until cancelled; what Slack does not take is tried again."""
        every = min(max(self._signs.after.total_seconds() / 10, 0.2), 10.0)
        while True:
            try:
                await self.look()
            except TandemError as error:
                log.warning("deadman.not_told", reason=str(error))
            await sleep(every)

    async def look(self) -> None:
        """Bring the channel to what is true now. Raises SlackFailure and the other errors of its calls."""
        await self._signs.knock()
        lasting = self._signs.lasting()
        speaks = self._may_speak() or "storage" in lasting or self._signs.abandoned
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
        elif self._ts is not None and not self._signs.wrong():
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
