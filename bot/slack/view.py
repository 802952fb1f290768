"""What is known of an incident when it is rendered."""

from datetime import datetime

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.alert import Alert
from bot.domain.incident import Incident, Tally, most_important
from bot.domain.run import Run, StepRecord
from bot.storage import alerts, incidents, runs


class IncidentView(msgspec.Struct, frozen=True, kw_only=True):
    """An incident with everything that its message shows. ``tallies`` come the most important first."""

    incident: Incident
    tallies: list[Tally]
    runs: list[Run]
    steps: list[StepRecord]
    example: Alert | None
    now: datetime

    @property
    def active(self) -> list[Tally]:
        return [tally for tally in self.tallies if tally.active]


async def load_view(connection: AsyncConnection, incident_id: str, now: datetime) -> IncidentView | None:
    incident = await incidents.by_id(connection, incident_id)
    if incident is None:
        return None
    tallies = most_important((await alerts.tallies_of(connection, [incident_id]))[incident_id])
    first = tallies[0] if tallies else None
    known = (await runs.of_incidents(connection, [incident_id]))[incident_id]
    return IncidentView(
        incident=incident,
        tallies=tallies,
        runs=known,
        steps=await runs.steps_of(connection, [run.id for run in known]),
        example=await alerts.example_of(connection, incident_id, first.service, first.name) if first else None,
        now=now,
    )
