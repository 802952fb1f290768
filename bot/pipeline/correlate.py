"""Stage 4: every alert that began finds its incident, an open one or a new one."""

import uuid

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.alert import Alert, Change
from bot.domain.incident import Incident, IncidentStatus
from bot.pipeline.batch import Batch, Observation
from bot.storage import incidents
from bot.storage.incidents import Key
from detectors.correlation import Cluster, Signal, assign

MAX_KEYS = 200


async def correlate(batch: Batch, connection: AsyncConnection) -> None:
    began = [o for o in batch.observed if o.change in (Change.NEW, Change.REFIRED)]
    homeless = {o.identity: o for o in began if _needs_incident(batch.alerts[o.identity])}
    signals = [_signal(batch, batch.alerts[identity], o.at.timestamp()) for identity, o in homeless.items()]
    clusters = await _load_candidates(batch, signals, connection)
    window = batch.rules.correlation.window.total_seconds()
    assigned = assign(signals, clusters, window, [uuid.uuid4().hex for _ in signals])
    await _open_incidents(batch, assigned, homeless, connection)
    for identity, incident_id in assigned.items():
        batch.alerts[identity] = msgspec.structs.replace(batch.alerts[identity], incident_id=incident_id)
    for observation in batch.observed:
        alert = batch.alerts[observation.identity]
        if alert.incident_id in batch.incidents:
            _join(batch, batch.incidents[alert.incident_id], alert, observation)


def _needs_incident(alert: Alert) -> bool:
    """A resolution that came before its firing was never announced, and needs no incident."""
    return alert.incident_id is None and bool(alert.changes)


def _keys(alert: Alert) -> frozenset[tuple[str, str]]:
    keys = {("service", alert.service), ("group", alert.group)}
    return frozenset(key for key in keys if key[1]) or frozenset({("name", alert.name)})


def _signal(batch: Batch, alert: Alert, at: float) -> Signal:
    near = frozenset(("service", service) for service in batch.rules.near.get(alert.service, ()))
    return Signal(alert.identity, alert.domain, _keys(alert), at, near)


async def _load_candidates(batch: Batch, signals: list[Signal], connection: AsyncConnection) -> list[Cluster]:
    """Load the incidents that alerts of this batch are in or may join; returns those that may be joined."""
    wanted: set[Key] = {(signal.domain, kind, value) for signal in signals for kind, value in signal.keys | signal.near}
    by_key = await incidents.ids_by_key(connection, wanted) if wanted else {}
    shared: dict[str, set[tuple[str, str]]] = {}
    for (_, kind, value), ids in by_key.items():
        for incident_id in ids:
            shared.setdefault(incident_id, set()).add((kind, value))
    mentioned = {found for o in batch.observed if (found := batch.alerts[o.identity].incident_id)}
    batch.incidents |= await incidents.by_ids(connection, mentioned | shared.keys(), lock=True)
    candidates = [batch.incidents[incident_id] for incident_id in shared]
    return [
        Cluster(incident.id, incident.domain, frozenset(shared[incident.id]), incident.active_at.timestamp())
        for incident in candidates
        if incident.open
    ]


async def _open_incidents(
    batch: Batch, assigned: dict[str, str], homeless: dict[str, Observation], connection: AsyncConnection
) -> None:
    first: dict[str, str] = {}
    for identity, incident_id in assigned.items():
        if incident_id not in batch.incidents:
            first.setdefault(incident_id, identity)
    numbers = await incidents.take_numbers(connection, len(first)) if first else []
    for number, (incident_id, identity) in zip(numbers, first.items(), strict=True):
        alert, at = batch.alerts[identity], homeless[identity].at
        batch.opened.add(incident_id)
        batch.incidents[incident_id] = Incident(
            id=incident_id,
            number=number,
            domain=alert.domain,
            partition=batch.partition,
            status=IncidentStatus.TRIGGERED,
            severity=alert.severity,
            opened_at=at,
            active_at=at,
            changed_at=at,
            version=0,
        )


def _join(batch: Batch, incident: Incident, alert: Alert, observation: Observation) -> None:
    """Bring the incident's services, groups and times up to date with a change of one of its alerts."""
    batch.touched.add(incident.id)
    if observation.change is Change.RESOLVED:
        return
    services, groups = incident.services, incident.groups
    if alert.service and alert.service not in services and len(services) < MAX_KEYS:
        services = [*services, alert.service]
    if alert.group and (alert.group in groups or len(groups) < MAX_KEYS):
        groups = {**groups, alert.group: alert.truncated}
    active_at = incident.active_at if observation.change is Change.REPEATED else max(incident.active_at, observation.at)
    batch.incidents[incident.id] = msgspec.structs.replace(
        incident, services=services, groups=groups, active_at=active_at
    )
    found_by = batch.keys.setdefault(incident.id, set())
    found_by |= {(alert.domain, kind, value) for kind, value in _keys(alert)}
