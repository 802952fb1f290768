"""The digest at the end of quiet hours: one message in each channel about what came meanwhile, once, also after a
crash. Who is mentioned there are those whom the incidents that are still open would have mentioned."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime, timedelta

import structlog

from bot.domain.incident import Incident, IncidentStatus
from bot.errors import StorageUnavailable
from bot.notify.channel import (
    Channel,
    ChannelFailure,
    ContentRefused,
    MessageRefused,
    RateLimited,
    quiet_mark,
)
from bot.notify.channels.routed import Routed
from bot.notify.incident_card import title_of
from bot.notify.outlet import SETTLE
from bot.notify.paging.page_card import PageCard
from bot.storage.collisions import begun_anew
from bot.storage.database import Database
from bot.storage.queries import incidents, routing
from bot.storage.queries.shown import quiet
from bot.storage.queries.shown.quiet import QuietDigest

POLL = 10.0
NAMED = 9
_AGAIN = 60.0
_REMEMBERED = timedelta(days=30)

log = structlog.get_logger(__name__)


class QuietDigests:
    """Of all channels. ``open_at`` opens a channel by its key; ``keys`` are those of the names that routes give;
    ``routed`` knows whom their mentions stand for. ``timer`` gives seconds that no change of the clock touches."""

    def __init__(
        self,
        database: Database,
        open_at: Callable[[str], Channel],
        keys: Mapping[str, str],
        routed: Routed,
        clock: Callable[[], datetime],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        timer: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database, self._open_at, self._keys, self._routed = database, open_at, keys, routed
        self._clock, self._sleep, self._timer = clock, sleep, timer
        self._not_before: dict[tuple[str, datetime], float] = {}

    async def run(self) -> None:
        """Until cancelled. A channel that fails or refuses delays no other."""
        while True:
            try:
                if not await self.post_next():
                    await self._sleep(POLL)
            except StorageUnavailable as error:
                log.warning("quiet.waits", reason=str(error))
                await self._sleep(POLL)

    async def post_next(self) -> bool:
        """Post what is due, one; False where nothing is. Raises StorageUnavailable."""
        async with self._database.read() as connection:
            due = await quiet.due(connection, self._clock())
        now = self._timer()
        digest = next((one for one in due if self._not_before.get((one.channel, one.until), now) <= now), None)
        if digest is None:
            return False
        try:
            await self._bring(digest)
        except ChannelFailure as failure:
            wait = failure.retry_after or _AGAIN
            self._not_before[digest.channel, digest.until] = now + wait
            log.warning("quiet.not_posted", channel=digest.channel, reason=str(failure), retry_in=wait)
        except (ContentRefused, MessageRefused) as refused:
            log.error("quiet.refused", channel=digest.channel, reason=str(refused))
            await self._note(digest, None, done=True)
        else:
            self._not_before.pop((digest.channel, digest.until), None)
        return True

    async def _bring(self, digest: QuietDigest) -> None:
        """The moment is committed first: if the answer is lost, we look for our message."""
        channel, mark = self._open_at(digest.channel), quiet_mark(digest.until)
        since = digest.posting_since
        if since is not None:
            await self._sleep(max(SETTLE - (self._clock() - since).total_seconds(), 0.0))
            if await anext(channel.find(mark, since), None) is not None:
                await self._note(digest, since, done=True)
                return
        card = await self._card(digest)
        if card is not None:
            await self._note(digest, self._clock())
            try:
                try:
                    await channel.post(card, mark)
                except ContentRefused:
                    await channel.post(card, mark, plain=True)
            except RateLimited:  # Slack's own word that it was not posted
                await self._note(digest, None)
                raise
        await self._note(digest, since, done=True)

    async def _card(self, digest: QuietDigest) -> PageCard | None:
        """None where nothing is left of what it was to name."""
        async with self._database.read() as connection:
            known = await incidents.by_ids(connection, await quiet.held(connection, digest))
        came = sorted(known.values(), key=lambda one: (not one.open, one.severity.rank, one.number))
        if not came:
            return None
        still = [one for one in came if one.open]
        ended = f", {len(came) - len(still)} of them over by now" if len(still) < len(came) else ""
        what = "an incident" if len(came) == 1 else f"{len(came)} incidents"
        more = [f"… and {len(came) - NAMED} more: /incident list"] if len(came) > NAMED else []
        return PageCard(
            number=0,
            title="",
            severity=came[0].severity,
            people=tuple(await self._whom(digest.channel, still)),
            text=f"Quiet hours are over: {what} came meanwhile{ended}",
            notes=(*map(_line, came[:NAMED]), *more),
        )

    async def _whom(self, channel: str, still: Sequence[Incident]) -> list[str]:
        """Of what is open and nobody has yet."""
        waiting = [one for one in still if one.status is IncidentStatus.TRIGGERED]
        async with self._database.read() as connection:
            places = await routing.places_of(connection, [one.id for one in waiting])
        found: dict[str, None] = {}
        for one in waiting:
            here = [place for place in places[one.id] if place.current and self._is(place.channel, channel)]
            found |= dict.fromkeys(await self._routed.ids_of(here, one.team))
        return list(found)

    def _is(self, name: str, key: str) -> bool:
        return self._keys.get(name, name) == key

    @begun_anew
    async def _note(self, digest: QuietDigest, posting_since: datetime | None, done: bool = False) -> None:
        now = self._clock()
        async with self._database.write() as connection:
            await quiet.save(connection, digest, posting_since, now if done else None)
            if done:
                await quiet.forget(connection, now - _REMEMBERED)


def _line(incident: Incident) -> str:
    state = "resolved" if not incident.open else f"{incident.status}, {incident.severity}"
    return f"#{incident.number} {title_of(incident)} ({state})"
