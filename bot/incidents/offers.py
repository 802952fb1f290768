"""The runs of an incident: which are under way, and offers that are withdrawn because it is over."""

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.run import Run, RunStatus, withdraw
from bot.storage.queries import runs

_WHY = "the incident is resolved"


async def under_way(connection: AsyncConnection, incident_ids: Collection[str]) -> list[Run]:
    """The runs of these incidents that were approved and have not ended."""
    known = await runs.of_incidents(connection, incident_ids) if incident_ids else {}
    decided = (run for found in known.values() for run in found if run.status is not RunStatus.PROPOSED)
    return [run for run in decided if not run.status.ended]


def withdrawn(known: Sequence[Run], now: datetime) -> list[Run]:
    """What is offered among the runs of an incident that is over, withdrawn."""
    return [withdraw(run, _WHY, now) for run in known if run.status is RunStatus.PROPOSED]


async def withdraw_offers(connection: AsyncConnection, incident_id: str, now: datetime) -> None:
    known = (await runs.of_incidents(connection, [incident_id]))[incident_id]
    await runs.save(connection, withdrawn(known, now))
