"""Which alerts call people for nothing, by what people do with them, and what would spare them that."""

import asyncio
from collections.abc import Collection
from datetime import datetime
from functools import partial
from math import log2

from bot.domain.noise import Noise, noise_of
from bot.domain.watched.sensitivity import WatchGroup
from bot.storage.database import Database
from bot.storage.queries import noise, sensitivity, silences


async def noise_since(
    database: Database, since: datetime, now: datetime, domains: Collection[str] | None = None
) -> list[Noise]:
    """The noisiest kinds of alerts first, of these domains, or of all."""
    async with database.read() as connection:
        episodes = await noise.episodes_since(connection, since, domains)
        flaps = await noise.flaps_since(connection, since, domains)
        made = await silences.made_since(connection, since)
        said: dict[WatchGroup, int] = {
            one.of: max(round(log2(one.factor)), 0) for one in await sensitivity.changed(connection)
        }
    return await asyncio.to_thread(partial(noise_of, episodes, flaps, now, made, said))
