"""What Slack shows around an answer in a conversation with the bot: that it is at work, then what fits the incident."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec
import structlog

from bot.errors import StorageUnavailable
from bot.incidents.permissions import Who
from bot.storage.queries import incidents
from bot.storage.queries.shown import panes
from bot.storage.queries.shown.panes import EVERYWHERE, Pane
from handlers.slack.calls import Mention, Place, SlackEndpoint
from handlers.slack.panes.viewing import suggest

_AT_WORK = "is looking it up …"
_LONGEST_WAIT = 0.5
"""Seconds."""

log = structlog.get_logger(__name__)


async def pane_of(endpoint: SlackEndpoint, place: Place) -> Pane | None:
    """What is known of the conversation; None where the app has no panes, or the database is away."""
    if endpoint.panes is None or not place.direct:
        return None
    try:
        async with endpoint.database.read() as connection:
            return await panes.of_thread(connection, place.channel, place.thread)
    except StorageUnavailable:
        return None


@asynccontextmanager
async def at_work(endpoint: SlackEndpoint, place: Place, pane: Pane | None) -> AsyncIterator[None]:
    """Slack says that the bot is at work: before the answer is posted, which ends it. No answer waits for that long."""
    if pane is None or endpoint.panes is None:
        yield
        return
    shown = asyncio.create_task(endpoint.panes.status(place.channel, place.thread, _AT_WORK))
    try:
        yield
    finally:
        await asyncio.wait([shown], timeout=_LONGEST_WAIT)
        shown.cancel()


async def remember(mention: Mention, incident_id: str) -> None:
    """What else is written in this thread is about the same incident."""
    place, known = mention.place, await pane_of(mention.endpoint, mention.place)
    if known is None or (known.thread, known.incident_id) == (place.thread, incident_id):
        return
    pane = Pane(
        channel=place.channel,
        thread=place.thread,
        viewed=known.viewed,
        incident_id=incident_id,
        changed_at=mention.now,
    )
    async with mention.database.write() as connection:
        await panes.save(connection, pane)


async def settle(endpoint: SlackEndpoint, place: Place, who: Who, before: Pane | None) -> None:
    """Once a thread is about another incident than before: its title, and what to ask next."""
    now = await pane_of(endpoint, place)
    if endpoint.panes is None or before is None or now is None or not now.incident_id:
        return
    if (now.thread, now.incident_id) == (before.thread, before.incident_id):
        return
    try:
        async with endpoint.database.read() as connection:
            incident = await incidents.by_id(connection, now.incident_id)
            of_all_threads = await panes.of_thread(connection, place.channel, EVERYWHERE)
        if incident is not None and of_all_threads is None:
            await endpoint.panes.title(place.channel, place.thread, f"#{incident.number} {incident.title}")
        place_of_prompts = EVERYWHERE if of_all_threads else place.thread
        await suggest(endpoint, who, msgspec.structs.replace(now, thread=place_of_prompts))
    except StorageUnavailable as error:
        log.warning("slack.pane_not_shown", what="title", reason=str(error))
