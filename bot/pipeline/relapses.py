"""An alert that fires again for another reason than its resolved incident had looks for an incident anew.

An incident reopens only where its cause can be the same. It cannot where something was changed since it was over, or
where another incident has trouble, open now, that explains this one.
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import NamedTuple

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.alert import Alert, Change
from bot.domain.change import Change as Changed
from bot.domain.change import domains_that_count
from bot.domain.event import ChangeKind
from bot.domain.incident import Incident, TimelineKind
from bot.pipeline.batch import Batch, Observation
from bot.storage.queries import changes, incidents
from bot.storage.queries.records import incident_keys
from bot.storage.queries.records.incident_keys import Seen
from detectors.rootcause.changes import CHANGE_WITHIN

_REMEDIES = (ChangeKind.ROLLBACK, ChangeKind.SCALING)
"""Changes that are made to end an incident; where it comes back, they have not."""


class Relapse(NamedTuple):
    """An alert of a resolved incident fires again, and why that cannot have the same cause."""

    incident_id: str
    why: str


async def begin_anew(batch: Batch, connection: AsyncConnection) -> dict[str, Relapse]:
    """Let alerts that fire again for another reason look for an incident as if they were new; by identity."""
    again = [o for o in batch.observed if o.change is Change.REFIRED and batch.alerts[o.identity].incident_id]
    known = await incidents.by_ids(connection, {batch.alerts[o.identity].incident_id or "" for o in again}, lock=True)
    over = [o for o in again if (was := known.get(batch.alerts[o.identity].incident_id or "")) and not was.open]
    if not over:
        return {}
    batch.incidents |= known
    fired = [batch.alerts[o.identity] for o in over]
    changed = await _changes(batch, fired, connection)
    troubled = await _troubled(batch, fired, connection)
    found: dict[str, Relapse] = {}
    for observation, alert in zip(over, fired, strict=True):
        incident = known[alert.incident_id or ""]
        if why := _other_reason(batch, alert, incident, changed, troubled):
            _begin_anew(batch, observation, alert)
            found[alert.identity] = Relapse(incident.id, why)
    return found


def link(batch: Batch, relapses: Mapping[str, Relapse]) -> None:
    """Note in both timelines that a new incident follows one that was over, and why it is not the same."""
    linked: dict[tuple[str, str], str] = {}
    for identity, one in relapses.items():
        if now := batch.alerts[identity].incident_id:
            linked.setdefault((one.incident_id, now), one.why)
    for (before, now), why in linked.items():
        if before != now and before in batch.incidents and now in batch.incidents:
            number, earlier = batch.incidents[now].number, batch.incidents[before].number
            batch.note(now, TimelineKind.NOTE, f"Follows #{earlier}, of which an alert fires again, but: {why}")
            batch.note(before, TimelineKind.NOTE, f"An alert fires again in #{number} and not here: {why}")


def _other_reason(
    batch: Batch,
    alert: Alert,
    incident: Incident,
    changed: Sequence[Changed],
    troubled: Mapping[str, Mapping[str, str]],
) -> str:
    """Why the cause of the incident cannot be that of the alert; empty where it can."""
    around = {alert.service, *batch.topology.below(alert.service)}
    domains = domains_that_count(alert.domain, batch.rules.correlation.partition_by)
    at_latest = alert.starts_at + timedelta(seconds=alert.tolerance)
    since = max(incident.resolved_at or alert.starts_at, alert.starts_at - timedelta(seconds=CHANGE_WITHIN))
    for change in changed:
        if change.service in around and change.domain in domains and since <= change.at <= at_latest:
            what = change.title or change.change.value
            return f"{change.service} was changed after it was over ({what})"
    for service in sorted(troubled.get(alert.domain, ())):
        if service in around and service not in incident.services:
            return f"{service}, on which {alert.service} depends, is in trouble now and was not then"
    return ""


async def _changes(batch: Batch, fired: Sequence[Alert], connection: AsyncConnection) -> list[Changed]:
    services = {name for one in fired for name in (one.service, *batch.topology.below(one.service)) if name}
    partition_by = batch.rules.correlation.partition_by
    domains = {domain for one in fired for domain in domains_that_count(one.domain, partition_by)}
    since = min(one.starts_at for one in fired) - timedelta(seconds=CHANGE_WITHIN)
    until = max(one.starts_at + timedelta(seconds=one.tolerance) for one in fired)
    found = await changes.between(connection, domains, services, since, until)
    return [one for one in found if one.change not in _REMEDIES]


async def _troubled(batch: Batch, fired: Sequence[Alert], connection: AsyncConnection) -> dict[str, dict[str, str]]:
    """By domain the services of open incidents that began near in time, each with its incident."""
    window = batch.rules.correlation.window
    began = [one.starts_at for one in fired]
    domains = {one.domain for one in fired}
    found: dict[str, dict[str, str]] = {}
    seen = Seen(min(began) - window, max(began) + window, ["service"])
    for incident_id, keys in (await incident_keys.newest(connection, domains, seen)).items():
        for domain, _, value in keys:
            found.setdefault(domain, {})[value] = incident_id
    return found


def _begin_anew(batch: Batch, observation: Observation, alert: Alert) -> None:
    batch.alerts[alert.identity] = msgspec.structs.replace(
        alert, episode=alert.episode + 1, incident_id=None, changes=alert.changes[-1:], repeats=0
    )
    at = batch.observed.index(observation)
    batch.observed[at] = observation._replace(change=Change.NEW)
