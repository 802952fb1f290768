"""What senders were refused for good: they do not send it again, so those who run Tandem are told."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from bot.errors import TandemError
from bot.notify.card import Notice
from bot.notify.channel import Channel, refusal_mark

EVERY = timedelta(hours=1)
"""One message in this time for each source: a sender that repeats what is refused is no flood."""
_LOOK_SECONDS = 2.0
_LONGEST_REASON = 200

log = structlog.get_logger(__name__)

Clock = Callable[[], datetime]


@dataclass
class _Refused:
    since: datetime
    count: int = 0
    reason: str = ""


class Refusals:
    """Counts, by source, what was refused since it was last published. Sources are those that are configured."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._waiting: dict[str, _Refused] = {}
        self._published_at: dict[str, datetime] = {}

    def note(self, source: str, reason: str) -> None:
        """A delivery of the source, or a part of one, was refused for good."""
        refused = self._waiting.setdefault(source, _Refused(self._clock()))
        refused.count += 1
        refused.reason = reason[:_LONGEST_REASON]

    async def publish(self, channel: Channel) -> None:
        """Post what is due; what the channel does not take waits. Raises the errors of the channel's calls."""
        for source, refused in list(self._waiting.items()):
            published_at = self._published_at.get(source)
            if published_at is not None and timedelta(0) <= self._clock() - published_at < EVERY:
                continue
            del self._waiting[source]  # what is refused during the call is for the next message
            try:
                await channel.post(_notice(source, refused), refusal_mark(source))
            except TandemError:
                self._keep(source, refused)
                raise
            self._published_at[source] = self._clock()

    def _keep(self, source: str, refused: _Refused) -> None:
        later = self._waiting.get(source)
        if later is not None:
            refused.count, refused.reason = refused.count + later.count, later.reason
        self._waiting[source] = refused


async def publish_refusals(
    refusals: Refusals, channel: Channel, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
) -> None:
    """Tell the ops channel what was refused, until cancelled."""
    while True:
        try:
            await refusals.publish(channel)
        except TandemError as error:
            log.warning("refusals.not_published", reason=str(error))
        await sleep(_LOOK_SECONDS)


def _notice(source: str, refused: _Refused) -> Notice:
    deliveries = "a delivery" if refused.count == 1 else f"{refused.count} deliveries"
    last = "" if refused.count == 1 else "the last one: "
    return Notice(
        f"Tandem refused {deliveries} of {source}, in whole or in part, since {refused.since:%H:%M} UTC",
        (
            f"{last}{refused.reason}",
            f"{source} does not send it again: look there for what fires, and compare what it sends with the "
            "documentation of sources",
        ),
    )
