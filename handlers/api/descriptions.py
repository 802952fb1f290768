"""Incidents as the JSON API shows them: alerts and timelines a page at a time, so that none holds up other requests."""

import asyncio
from collections.abc import Sequence
from typing import Any, cast

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.access.team import Teams
from bot.domain.alert import Alert
from bot.domain.incident import Incident, TimelineEntry
from bot.domain.run import PreviousRun, Run, StepRecord
from bot.domain.runs.preview import Preview
from bot.storage.queries import alerts, incidents, routing, runs
from bot.storage.queries.deeds import own_channels, tickets
from bot.storage.queries.deeds.tickets import IncidentTicket
from handlers.api.shapes import (
    AlertShape,
    BlastRadiusShape,
    GateShape,
    HoldShape,
    IncidentShape,
    PreviewShape,
    PreviousShape,
    RunShape,
    StepPreviewShape,
    StepShape,
    TicketShape,
    TimelineShape,
)

MOST_ALERTS = MOST_ENTRIES = 100_000
PAGE = 200


async def describe(
    connection: AsyncConnection, found: Sequence[Incident], teams: Teams, *, with_alerts: bool = True
) -> list[IncidentShape]:
    ids = [incident.id for incident in found]
    alerts_of = await _alerts_of(connection, ids) if with_alerts else {}
    runs_of = await runs.of_incidents(connection, ids)
    places = await routing.places_of(connection, ids)
    own = await own_channels.of_incidents(connection, ids)
    opened = await tickets.of_incidents(connection, ids)
    steps = await runs.steps_of(connection, [run.id for known in runs_of.values() for run in known])
    return [
        IncidentShape(
            id=incident.id,
            number=incident.number,
            title=incident.title,
            status=incident.status,
            severity=incident.severity,
            summary=incident.summary,
            services=incident.services,
            team=incident.team,
            teams=teams.of_incident(incident.team, incident.services),
            channels=[place.channel for place in places[incident.id] if place.current],
            ticket=_ticket(opened.get(incident.id)),
            own_channel=own[incident.id].channel or None if incident.id in own else None,
            domain=incident.domain,
            opened_at=incident.opened_at,
            resolved_at=incident.resolved_at,
            owner=incident.owner,
            acknowledged_by=incident.acknowledged_by,
            resolved_by=incident.resolved_by,
            severity_by=incident.severity_by,
            alerts_severity=incident.alerts_severity,
            kept_open_by=incident.kept_open_by,
            lead=incident.lead,
            scribe=incident.scribe,
            next_update_at=incident.next_update_at,
            part_of=incident.part_of,
            drill=incident.drill,
            truncated=incident.truncated,
            version=incident.version,
            alerts=alerts_of.get(incident.id, msgspec.UNSET),
            causes=incident.causes,
            past=incident.past,
            runs=[run_shape(run, steps) for run in runs_of[incident.id]],
        )
        for incident in found
    ]


def _ticket(ticket: IncidentTicket | None) -> TicketShape | None:
    return TicketShape(ticket.tracker, ticket.key, ticket.url, ticket.reason) if ticket else None


async def _alerts_of(connection: AsyncConnection, ids: Sequence[str]) -> dict[str, list[AlertShape]]:
    """The alerts of incidents, encoded a page at a time: other requests have their turn in between."""
    encoded: dict[str, list[bytes]] = {incident_id: [] for incident_id in ids}
    async for page in alerts.in_pages(connection, ids, MOST_ALERTS):
        for alert in page:
            encoded[alert.incident_id or ""].append(msgspec.json.encode(_alert(alert)))
        await asyncio.sleep(0)
    return {incident_id: _encoded(parts) for incident_id, parts in encoded.items()}


async def timeline_of(connection: AsyncConnection, incident_id: str) -> list[TimelineShape]:
    """Likewise, an incident's timeline."""
    encoded: list[bytes] = []
    after = 0
    while page := await incidents.timeline_of(connection, incident_id, after=after, limit=PAGE):
        encoded += [msgspec.json.encode(_entry(entry)) for _, entry in page]
        after = page[-1][0]
        if len(encoded) >= MOST_ENTRIES:
            break
        await asyncio.sleep(0)
    return _encoded(encoded)


def _encoded(parts: Sequence[bytes]) -> list[Any]:
    """A list that is JSON already, in the place of the one that it stands for."""
    return cast(list[Any], msgspec.Raw(b"[" + b",".join(parts) + b"]"))


def _alert(alert: Alert) -> AlertShape:
    return AlertShape(
        fingerprint=alert.fingerprint,
        status=alert.status,
        labels=alert.labels,
        annotations=alert.annotations,
        starts_at=alert.starts_at,
        ends_at=alert.ends_at,
        source=alert.source,
        severity=alert.severity,
        service=alert.service,
        flapping=alert.flapping,
        repeats=alert.repeats,
        link=alert.link,
    )


def run_shape(run: Run, steps: Sequence[StepRecord], *, alone: bool = False) -> RunShape:
    """``alone``: it is not shown within its incident."""
    return RunShape(
        id=run.id,
        runbook=run.runbook,
        status=run.status,
        title=run.plan.title,
        plan_hash=run.plan_hash,
        plan=[step.text for step in run.plan.steps],
        rollback=[step.text for step in run.plan.rollback],
        approvers=run.approvers,
        required=run.required,
        decisions=run.decisions,
        created_at=run.created_at,
        expires_at=run.expires_at,
        ended_at=run.ended_at,
        outcome=run.outcome,
        targets=run.plan.targets,
        watched=[one.what for one in run.watched],
        previous=_previous(run.previous) if run.previous else None,
        gate=GateShape(run.gate.at, run.gate.passes, run.gate.said) if run.gate else None,
        drill=run.drill,
        preview=_preview(run.preview) if run.preview else None,
        proposed_by=run.proposed_by or None,
        parameters=run.plan.parameters,
        cause=run.cause or None,
        announced=run.announced,
        alone=run.alone,
        stopped_by=run.stopped_by or None,
        started_at=run.started_at,
        guards=[HoldShape(one.guard, one.name, one.why, one.until, one.break_glass) for one in run.holds],
        glass=run.glass,
        blast_radius=BlastRadiusShape(run.reach.count, run.reach.critical, run.reach.named) if run.reach else None,
        steps=[StepShape(s.phase, s.position, s.status, s.output) for s in steps if s.run_id == run.id],
        incident_id=run.incident_id if alone else msgspec.UNSET,
    )


def _preview(preview: Preview) -> PreviewShape:
    steps = [StepPreviewShape(one.position, one.possible, one.ok, one.output) for one in preview.steps]
    return PreviewShape(preview.at, preview.hash, preview.ok, steps)


def _previous(previous: PreviousRun) -> PreviousShape:
    return PreviousShape(previous.at, previous.status, previous.relapsed_after)


def _entry(entry: TimelineEntry) -> TimelineShape:
    return TimelineShape(entry.at, entry.kind, entry.text, entry.actor)
