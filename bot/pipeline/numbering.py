"""Numbers of new incidents, in the order in which they were opened.

Whoever takes a number holds up all others who do, in every partition and replica, to the end of the transaction: so
that no number is left out. They are taken late, with ``commit``, or by what has to name a new incident before that.
"""

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.pipeline.batch import Batch
from bot.storage.queries import incidents

UNNUMBERED = 0


async def number_opened(batch: Batch, connection: AsyncConnection) -> None:
    """Give the new incidents of a batch that have none their numbers."""
    new = [one for one in batch.incidents.values() if one.id in batch.opened and one.number == UNNUMBERED]
    if new:
        numbers = await incidents.take_numbers(connection, len(new))
        for number, incident in zip(numbers, new, strict=True):
            batch.incidents[incident.id] = msgspec.structs.replace(incident, number=number)
