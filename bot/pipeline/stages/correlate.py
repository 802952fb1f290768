"""Stage: every alert that began finds its incident, an open one or a new one."""

import uuid
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime, timedelta

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.alert import Alert, Change
from bot.domain.event import bounded
from bot.domain.grouping import tells
from bot.domain.incident import Incident, IncidentStatus, TimelineKind
from bot.pipeline.batch import Batch, Observation
from bot.pipeline.by_model import join_by_model
from bot.pipeline.learning.rates import rates_of
from bot.pipeline.numbering import UNNUMBERED, number_opened
from bot.pipeline.regrouping import regroup
from bot.pipeline.relapses import begin_anew, link
from bot.pipeline.stage import stage
from bot.storage.queries import co_occurrence, incident_tokens, incidents
from bot.storage.queries.incidents import KINDS
from bot.storage.queries.records import incident_keys
from bot.storage.queries.records.incident_keys import Candidate, Seen
from detectors import correlation
from detectors.correlation import LEAST_AT_ONCE, Assignment, Cluster, CoOccurrences, Signal, assign, tokens_of

MAX_KEYS = 200
TAKES_SHAPE = timedelta(minutes=1)
"""For so long after its beginning an incident still gathers its services."""


@stage(
    reads={"observed", "alerts", "incidents", "topology", "last_seen", "changed_keys"},
    writes={"observed", "alerts", "incidents", "opened", "touched", "merged", "last_seen", "changed_keys", "timeline"},
    after={"silence"},
)
async def correlate(batch: Batch, connection: AsyncConnection) -> None:
    relapses = await begin_anew(batch, connection)
    homeless = {o.identity: o for o in batch.began_to_fire() if _needs_incident(batch.alerts[o.identity])}
    await join_by_model(batch, homeless, connection)
    signals = [_signal(batch, batch.alerts[identity]) for identity in homeless]
    clusters = await _load_candidates(batch, signals, connection)
    new_ids = [uuid.uuid4().hex for _ in signals]
    rates = await _rates_of(batch, signals, clusters, connection)
    learnt = await _co_occurrences_of(batch, signals, clusters if rates else [], connection)
    window = batch.rules.correlation.window.total_seconds()
    assigned = assign(signals, clusters, batch.topology, window, new_ids, learnt, rates)
    await _load_changing(batch, signals, assigned, connection)
    _open_incidents(batch, assigned.homes, homeless)
    if relapses or assigned.moved or assigned.merged:
        await number_opened(batch, connection)  # timelines of others name them
    await regroup(batch, assigned.moved, assigned.merged, connection)
    for identity, incident_id in assigned.homes.items():
        batch.alerts[identity] = msgspec.structs.replace(batch.alerts[identity], incident_id=incident_id)
    leads_to = {one: home for one, home in assigned.first_homes.items() if home in batch.incidents}
    await _keep_tokens(signals, leads_to, connection)
    named = {signal.id: signal for signal in signals}
    for observation in batch.observed:
        alert = batch.alerts[observation.identity]
        if alert.incident_id in batch.incidents:
            _join(batch, batch.incidents[alert.incident_id], alert, observation)
            if observation.change not in (Change.RESOLVED, Change.REPEATED, Change.UPDATED):
                keys = (named.get(alert.identity) or _named(batch, alert)).keys
                _note_keys(batch, alert, keys, leads_to.get(alert.identity, alert.incident_id))
    link(batch, relapses)


def _needs_incident(alert: Alert) -> bool:
    """A resolution that came before its firing was never announced, and needs no incident."""
    return alert.incident_id is None and bool(alert.changes)


def _signal(batch: Batch, alert: Alert) -> Signal:
    """Its time is that at which it began: what was delivered together may have begun hours apart."""
    tokens = tokens_of(alert.service, alert.labels, alert.annotations.values())
    return _named(batch, alert)._replace(at=alert.starts_at.timestamp(), tokens=tokens)


def _named(batch: Batch, alert: Alert) -> Signal:
    """The keys of an alert. A group that holds whatever its sender has is no evidence that two services belong
    together: only alerts without a service are found by it."""
    about = batch.about(alert.labels)
    namespace = about.namespace if about.service == alert.service else ""
    group = "" if alert.service and not tells(alert.group, batch.rules.correlation) else alert.group
    return Signal(alert.identity, alert.domain, alert.service, alert.name, group, 0.0, namespace=namespace)


async def _co_occurrences_of(
    batch: Batch, signals: list[Signal], clusters: list[Cluster], connection: AsyncConnection
) -> Mapping[str, CoOccurrences]:
    """What was learnt of the services of signals; where there may be a burst, also of those that clusters hold."""
    services = {signal.service for signal in signals if signal.service}
    domains = {signal.domain for signal in signals}
    troubled = {value for one in clusters for kind, value in one.keys if kind == "service"}
    beside = troubled | services if troubled else set()
    return await co_occurrence.around(connection, domains, services, batch.now, beside) if services else {}


async def _rates_of(
    batch: Batch, signals: list[Signal], clusters: list[Cluster], connection: AsyncConnection
) -> Mapping[str, float]:
    """Looked up only where so many services of which nobody said what they depend on are troubled that it matters."""
    known = batch.topology.described
    troubled = {(s.domain, s.service) for s in signals if s.service and s.service not in known}
    if not troubled:
        return {}
    seen = {(one.domain, value) for one in clusters for kind, value in one.keys if kind == "service"}
    domains = {domain for domain, _ in troubled}
    several = {d for d in domains if sum(one[0] == d for one in troubled | seen) >= LEAST_AT_ONCE}
    return await rates_of(connection, several, batch.now, batch.rules.correlation.window) if several else {}


async def _keep_tokens(signals: list[Signal], leads_to: Mapping[str, str], connection: AsyncConnection) -> None:
    added: dict[str, set[int]] = {}
    for signal in signals:
        if signal.id in leads_to:
            added.setdefault(leads_to[signal.id], set()).update(signal.tokens)
    await incident_tokens.add(connection, added)


async def _load_candidates(batch: Batch, signals: list[Signal], connection: AsyncConnection) -> list[Cluster]:
    """Load the incidents that alerts of this batch are in; returns those that may be joined, which may be many more."""
    recent = {}
    if signals:
        domains = {signal.domain for signal in signals}
        recent = await incident_keys.newest(connection, domains, _seen_near(batch, signals, _searched_by(signals)))
    mentioned = {found for o in batch.observed if (found := batch.alerts[o.identity].incident_id)}
    locked = await incident_keys.locked(connection, mentioned | recent.keys())
    batch.incidents |= await incidents.by_ids(connection, mentioned)
    open_ones = [candidate for candidate in locked if candidate.id in recent]
    batch.last_seen |= {candidate.id: recent[candidate.id] for candidate in open_ones}
    without_service = any(not signal.service for signal in signals)
    tokens = await incident_tokens.of_incidents(connection, batch.last_seen) if without_service else {}
    return [_cluster(batch, one, tokens) for one in open_ones]


def _searched_by(signals: list[Signal]) -> set[str]:
    """The kinds of keys by which these signals may find an incident. An incident has more names than all other keys."""
    kinds = {"service", "namespace"}
    if any(signal.group for signal in signals):
        kinds.add("group")
    return set(KINDS) if any(not signal.service for signal in signals) else kinds


def _seen_near(batch: Batch, signals: list[Signal], kinds: Collection[str]) -> Seen:
    began = [datetime.fromtimestamp(signal.at, batch.now.tzinfo) for signal in signals]
    window = batch.rules.correlation.window
    return Seen(min(began) - window, max(began) + window, kinds)


async def _load_changing(
    batch: Batch, signals: list[Signal], assigned: Assignment, connection: AsyncConnection
) -> None:
    """Load the incidents that alerts join; of all that change, the keys of the kinds that no signal was searched by."""
    others = set(KINDS) - _searched_by(signals)
    changed = {one for move in assigned.moved for one in (move.left, move.joined)}
    changed.update(assigned.homes.values(), assigned.first_homes.values(), *assigned.merged.items())
    candidates = batch.last_seen.keys()
    batch.incidents |= await incidents.by_ids(connection, (changed & candidates) - batch.incidents.keys())
    known = changed & candidates | batch.incidents.keys()
    if signals and others and known:
        seen = await incident_keys.of_incidents(connection, known, _seen_near(batch, signals, others))
        for incident_id, keys in seen.items():
            batch.last_seen.setdefault(incident_id, {}).update(keys)


def _cluster(batch: Batch, one: Candidate, tokens: Mapping[str, frozenset[int]]) -> Cluster:
    keys = {
        (kind, value): correlation.Span(first.timestamp(), last.timestamp())
        for (_, kind, value), (first, last) in batch.last_seen[one.id].items()
    }
    return Cluster(one.id, one.domain, keys, tokens.get(one.id, frozenset()), one.opened_at.timestamp())


def _open_incidents(batch: Batch, homes: dict[str, str], homeless: dict[str, Observation]) -> None:
    first: dict[str, str] = {}
    began: dict[str, datetime] = {}
    for identity, incident_id in homes.items():
        if incident_id not in batch.incidents:
            first.setdefault(incident_id, identity)
            starts_at = batch.alerts[identity].starts_at
            began[incident_id] = min(starts_at, began.get(incident_id, starts_at))
    for incident_id, identity in first.items():
        alert, at = batch.alerts[identity], homeless[identity].at
        batch.opened.add(incident_id)
        batch.incidents[incident_id] = Incident(
            id=incident_id,
            number=UNNUMBERED,
            domain=alert.domain,
            partition=batch.partition,
            status=IncidentStatus.TRIGGERED,
            severity=alert.severity,
            opened_at=began[incident_id],
            created_at=at,
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
        _note_spread(batch, incident, alert.service)
        services = [*services, alert.service]
    if alert.group and (alert.group in groups or len(groups) < MAX_KEYS):
        groups = {**groups, alert.group: alert.truncated}
    quiet = observation.change in (Change.REPEATED, Change.UPDATED)
    active_at = incident.active_at if quiet else max(incident.active_at, observation.at)
    batch.incidents[incident.id] = msgspec.structs.replace(
        incident, services=services, groups=groups, active_at=active_at
    )


def _note_spread(batch: Batch, incident: Incident, service: str) -> None:
    """A further service is news, but not while the incident is still taking shape."""
    if incident.open and incident.services and batch.now - incident.learnt_at >= TAKES_SHAPE:
        batch.note(incident.id, TimelineKind.STATUS, f"Another service is affected: {service}", worse=True)


def _note_keys(batch: Batch, alert: Alert, keys: Iterable[tuple[str, str]], first_home: str) -> None:
    """The service leads to the alert's incident; its group and name to where the alert was first."""
    if alert.incident_id is None:
        return
    began = alert.starts_at
    for kind, value in keys:
        incident_id = alert.incident_id if kind in ("service", "namespace") else first_home
        batch.note_seen(incident_id, (alert.domain, kind, bounded(value)), began, began)
        batch.touched.add(incident_id)
