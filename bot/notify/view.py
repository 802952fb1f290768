"""What is known of an incident when it is rendered."""

from datetime import datetime, timedelta

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.alert import Alert
from bot.domain.incident import Incident, Tally, most_important, visible
from bot.domain.run import Run, StepRecord
from bot.domain.summary.rewriting import facts_of
from bot.domain.watched.sensitivity import OWN_SOURCE, watch_group_of
from bot.notify.card import Elsewhere
from bot.storage.queries import alerts, incidents, rewrites, runs, sensitivity
from bot.storage.queries.deeds import own_channels, tickets
from bot.storage.queries.deeds.own_channels import OwnChannel
from bot.storage.queries.deeds.tickets import IncidentTicket, TicketState

MAX_LESSENED = 2
MAX_NAMED = 200


class IncidentView(msgspec.Struct, frozen=True, kw_only=True):
    """An incident with everything that its message shows. ``tallies`` come the most important first.

    ``behind`` says how far the pipeline is behind with what this incident is made of, None where it is not. ``lessen``
    has an alert of each group of a watch that somebody may mark as not useful, and ``rewritten`` what a
    language model made of the summary as it is now, if anything. ``part_of`` is the incident that it became part of, at
    ``part_of_url`` in the channel. ``position`` is that of the last timeline entry.
    ``alerts`` are some of its alerts, for what they say and what tells them apart. ``elsewhere`` are the other channels
    that show it, ``mentioned`` whom it reached when it was posted here, ``on_call`` who is on call for it now.
    ``own_channel`` is the channel that it has for itself, ``ticket`` its ticket, and ``tracker`` where
    one can be opened.
    """

    incident: Incident
    tallies: list[Tally]
    runs: list[Run]
    steps: list[StepRecord]
    example: Alert | None
    lessen: list[Alert] = []
    rewritten: str = ""
    behind: timedelta | None = None
    part_of: Incident | None = None
    part_of_url: str = ""
    now: datetime
    position: int = 0
    alerts: list[Alert] = []
    elsewhere: Elsewhere = Elsewhere()
    mentioned: list[str] = []
    on_call: list[str] = []
    own_channel: OwnChannel | None = None
    ticket: IncidentTicket | None = None
    tracker: str = ""

    @property
    def warns_behind(self) -> bool:
        """Whether the message warns that newer alerts are still coming in."""
        return self.behind is not None and self.incident.open

    @property
    def offers_ticket(self) -> bool:
        """Whether there is a tracker, and no ticket."""
        asked = self.ticket is not None and self.ticket.state is not TicketState.REFUSED
        return bool(self.tracker) and self.incident.open and not asked

    @property
    def active(self) -> list[Tally]:
        return [tally for tally in self.tallies if tally.active]

    @property
    def shown(self) -> list[Tally]:
        """What the message lists: what fires, or fired, without what is folded."""
        left = most_important(visible(self.tallies, self.incident.inhibited))
        return [tally for tally in left if tally.active] or left if self.incident.open else left


async def load_view(connection: AsyncConnection, incident_id: str, now: datetime) -> IncidentView | None:
    incident = await incidents.by_id(connection, incident_id)
    if incident is None:
        return None
    tallies = most_important((await alerts.tallies_of(connection, [incident_id]))[incident_id])
    ticket, tracker = await tickets.of_incident(connection, incident_id)
    first = next(iter(most_important(visible(tallies, incident.inhibited))), None)
    known = (await runs.of_incidents(connection, [incident_id]))[incident_id]
    return IncidentView(
        incident=incident,
        tallies=tallies,
        runs=known,
        steps=await runs.steps_of(connection, [run.id for run in known]),
        example=await alerts.example_of(connection, incident_id, first.service, first.name) if first else None,
        lessen=await _to_lessen(connection, incident_id),
        rewritten=await _rewritten(connection, incident),
        part_of=await incidents.by_id(connection, incident.part_of) if incident.part_of else None,
        now=now,
        position=await incidents.last_position(connection, incident_id),
        alerts=(await alerts.of_incidents(connection, [incident_id], MAX_NAMED))[incident_id],
        own_channel=await own_channels.of_incident(connection, incident_id),
        ticket=ticket,
        tracker=tracker,
    )


async def _rewritten(connection: AsyncConnection, incident: Incident) -> str:
    known = await rewrites.of_incident(connection, incident.id)
    return known.text if known and known.facts == facts_of(incident).digest else ""


async def _to_lessen(connection: AsyncConnection, incident_id: str) -> list[Alert]:
    """Of the groups of watches that alerted here the first few, without those that somebody has marked already."""
    found = {watch_group_of(alert): alert for alert in await alerts.of_source(connection, incident_id, OWN_SOURCE)}
    groups = {group: alert for group, alert in found.items() if group is not None}
    lessened = await sensitivity.of_groups(connection, groups)
    left = [
        alert for group, alert in groups.items() if group not in lessened or lessened[group].incident_id != incident_id
    ]
    return left[:MAX_LESSENED]
