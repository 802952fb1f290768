"""Stage: the likely cause of each touched incident that is open, from alerts, changes, metrics and checks."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.cause import Cause, CauseKind, Observed
from bot.domain.change import domains_that_count
from bot.domain.event import ChangeKind
from bot.domain.incident import Incident, Tally, TimelineKind
from bot.domain.review.investigation import Checked
from bot.pipeline.batch import Batch
from bot.pipeline.causes.lineage import with_lineage
from bot.pipeline.investigation.looking import YOUNG, look
from bot.pipeline.stage import stage
from bot.storage.queries import changes
from detectors.rootcause import Changed, Finding, Symptom, rank
from detectors.rootcause.changes import DATA_CHANGE_WITHIN
from detectors.rootcause.checked import Said, sharpen

_NAMED = {ChangeKind.CONFIG: "config change", ChangeKind.DATA: "data change", ChangeKind.MODEL: "model change"}

_MOST_SEEN = 2


@stage(
    reads={"touched", "merged", "incidents", "tallies", "topology", "histories"},
    writes={"incidents", "timeline"},
    after={"inhibit"},
)
async def explain(batch: Batch, connection: AsyncConnection) -> None:
    touched = batch.touched_incidents()
    open_ones = [incident for incident in touched if incident.open]
    recent = await _recent_changes(batch, open_ones, connection)
    found = {one.id: _found(batch, one, recent) for one in open_ones}
    checked = await look(batch, {one: [finding.service for finding in some] for one, some in found.items()}, connection)
    for incident in touched:
        causes = _causes(batch, incident, found.get(incident.id, []), checked.get(incident.id, ()))
        causes = await with_lineage(batch, connection, incident, causes)
        batch.incidents[incident.id] = _explain(batch, incident, causes)


def _domains(batch: Batch, incident: Incident) -> list[str]:
    """Those whose changes may matter: also changes whose sender does not name the whole domain."""
    return sorted(domains_that_count(incident.domain, batch.rules.correlation.partition_by))


async def _recent_changes(
    batch: Batch, explained: list[Incident], connection: AsyncConnection
) -> dict[str, list[Changed]]:
    """By domain, the changes near the beginning of incidents, and until their last alerts began; of their services and
    of what these depend on."""
    if not explained:
        return {}
    services = {service for incident in explained for service in incident.services}
    services |= {below for service in services for below in batch.topology.below(service)}
    since = min(incident.learnt_at for incident in explained) - timedelta(seconds=DATA_CHANGE_WITHIN)
    until = max(incident.troubled_since for incident in explained)
    domains = {domain for incident in explained for domain in _domains(batch, incident)}
    some = await changes.between(connection, domains, services, since, until)
    if (last := _last_began(batch, explained)) > until:
        some += await changes.between(connection, domains, services, until + timedelta(microseconds=1), last)
    found: dict[str, list[Changed]] = {}
    for change in some:
        named = _NAMED.get(change.change, str(change.change))
        what = f"{named} of {change.service}: {change.title}" if change.title else f"{named} of {change.service}"
        found.setdefault(change.domain, []).append(Changed(change.service, what, change.at.timestamp(), change.change))
    return found


def _last_began(batch: Batch, explained: list[Incident]) -> datetime:
    """When the last kind of alert of these incidents began, at the latest."""
    return max(
        (one.first_at + timedelta(seconds=one.tolerance) for it in explained for one in batch.tallies[it.id]),
        default=datetime.min.replace(tzinfo=UTC),
    )


def _explain(batch: Batch, incident: Incident, found: list[Cause]) -> Incident:
    causes = found if incident.open else incident.causes
    if text := _what_changed(incident.causes, causes, anew=incident.reopened_at == batch.now):
        batch.note(incident.id, TimelineKind.CAUSE, text)
    return msgspec.structs.replace(incident, causes=causes)


def _found(batch: Batch, incident: Incident, recent: Mapping[str, list[Changed]]) -> list[Finding]:
    """By alerts, changes and metrics."""
    near = [change for domain in _domains(batch, incident) for change in recent.get(domain, [])]
    seen = [Symptom(one.service, one.name, 1, one.at.timestamp(), observed=True) for one in _symptoms_seen(incident)]
    held = incident.causes[0].service if incident.causes and incident.reopened_at != batch.now else ""
    hosts = {one.host_of: [one.service] for one in _symptoms_seen(incident) if one.host_of}
    topology = batch.topology.joined(hosts) if hosts else batch.topology

    def ranked(tallies: Sequence[Tally]) -> list[Finding]:
        symptoms = [
            Symptom(tally.service, tally.name, tally.alerts, tally.first_at.timestamp(), tally.tolerance)
            for tally in tallies
            if _counts(tally, incident)
        ]
        return rank([*symptoms, *seen], topology, near, held)

    if batch.histories is None:
        return ranked(batch.tallies[incident.id])
    from bot.pipeline.causes.metrics import weigh_metrics

    return weigh_metrics(batch, batch.histories, incident, ranked)


def _causes(batch: Batch, incident: Incident, found: list[Finding], checked: Sequence[Checked]) -> list[Cause]:
    """With what checks found; what stood for long is not weighed twice."""
    stands = [(one.service, one.score) for one in found] == [(one.service, one.score) for one in incident.causes]
    if not (stands and batch.now - incident.troubled_since > YOUNG):
        found = sharpen(found, [Said(one.service, one.text, one.weight) for one in checked])
    return [Cause(f.service, CauseKind(f.kind), f.score, _evidence(f, incident)) for f in found]


def _symptoms_seen(incident: Incident) -> list[Observed]:
    """What was seen where its services run, and is a symptom that no alert may tell of; not of before it reopened."""
    since = incident.reopened_at
    return [one for one in incident.observed or [] if one.name and (since is None or one.at >= since)]


def _evidence(found: Finding, incident: Incident) -> list[str]:
    seen = [one.text for one in _symptoms_seen(incident) if one.service == found.service]
    return [*found.evidence, *seen[:_MOST_SEEN]]


def _counts(tally: Tally, incident: Incident) -> bool:
    """What has resolved counts too: while alerts end one by one, the cause must not wander to the last of them. But of
    an incident that reopened, what had ended before says nothing of why it did."""
    if tally.active or incident.reopened_at is None or tally.last_at is None:
        return True
    return tally.last_at >= incident.reopened_at


def _what_changed(before: Sequence[Cause], now: Sequence[Cause], anew: bool) -> str:
    """For people: which cause is named now, by what evidence, and what became of the one that was named before.

    ``anew``: the incident has just reopened, so that the cause is said again where it is the same.
    """
    if not now:
        return f"The cause is no longer clear: what came since speaks against {_lower(before[0])}" if before else ""
    same = bool(before) and _what_and_where(before[0]) == _what_and_where(now[0])
    text = f"Likely cause: {now[0].phrase} ({'; '.join(now[0].evidence)})"
    if same or not before:
        return "" if same and not anew else text
    score = next((one.score for one in now if _what_and_where(one) == _what_and_where(before[0])), None)
    instead = "which nothing speaks for any more" if score is None else f"which is now {score:.0%} likely"
    return f"{text}; before it was: {_lower(before[0])}, {instead}"


def _lower(cause: Cause) -> str:
    return cause.phrase[:1].lower() + cause.phrase[1:]


def _what_and_where(cause: Cause) -> tuple[str, CauseKind]:
    return cause.service, cause.kind
