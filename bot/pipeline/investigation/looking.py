"""The plan: which incidents are looked into in a batch, and all checks over one of them."""

import math
from collections.abc import Mapping, Sequence
from datetime import timedelta

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.change import domains_that_count
from bot.domain.incident import Incident, TimelineEntry, TimelineKind
from bot.domain.review.investigation import MOST_FINDINGS, Checked, Investigation
from bot.pipeline.batch import Batch
from bot.pipeline.investigation.check import Case, all_checks, began
from bot.storage.queries import alerts, incidents
from bot.storage.queries.records import investigations

YOUNG = timedelta(minutes=15)
"""For so long after an incident opened or reopened it is looked into again."""
AGAIN_AFTER = timedelta(minutes=1)
AT_A_TIME = 1
"""Incidents in a batch: in a storm the others wait for their next alert."""
MOST_SUSPECTS, MOST_BELOW, MOST_ALERTS, MOST_BESIDE = 10, 50, 200, 200
BESIDE = timedelta(minutes=15)
"""So long before an incident began others may have shown already what it comes from."""


async def look(
    batch: Batch, suspects: Mapping[str, Sequence[str]], connection: AsyncConnection
) -> dict[str, list[Checked]]:
    """What is known of the open incidents of the batch, after those that are due were looked into.

    ``suspects`` are the likely causes of each by what is known without that.
    """
    open_ones = [one.id for one in batch.touched_incidents() if one.open]
    if not open_ones:
        return {}
    known = await investigations.of_incidents(connection, open_ones)
    looked = [
        await look_into(batch, one, known.get(one.id), suspects.get(one.id, ()), connection)
        for one in due(batch, known, suspects)
    ]
    if looked:
        await investigations.save(connection, looked)
    for one in looked:
        _note_news(batch, known.get(one.incident_id), one)
    return {one.incident_id: one.findings for one in (*known.values(), *looked)}


def due(batch: Batch, known: Mapping[str, Investigation], suspects: Mapping[str, Sequence[str]]) -> list[Incident]:
    """The open young incidents of the batch that were not looked into lately, or whose likely cause is another one now;
    the worst first, and of these the oldest: those without a number are new, in the order in which they were opened."""
    order = {incident_id: place for place, incident_id in enumerate(batch.incidents)}
    found = [
        one
        for one in batch.touched_incidents()
        if one.open
        and batch.now - one.troubled_since <= YOUNG
        and (one.id not in known or batch.now - known[one.id].at >= AGAIN_AFTER or _renamed(one, suspects))
    ]
    found.sort(key=lambda one: (one.severity.rank, one.number or math.inf, order[one.id]))
    return found[:AT_A_TIME]


def _renamed(incident: Incident, suspects: Mapping[str, Sequence[str]]) -> bool:
    first = suspects.get(incident.id, ())[:1]
    return bool(first) and list(first) != [cause.service for cause in incident.causes[:1]]


async def look_into(
    batch: Batch,
    incident: Incident,
    before: Investigation | None,
    suspects: Sequence[str],
    connection: AsyncConnection,
) -> Investigation:
    """What all checks find now."""
    case = await _case(batch, incident, suspects, connection)
    found: list[Checked] = []
    for work in all_checks().values():
        found += await work(case)
    kept = found[:MOST_FINDINGS]
    if before is None:
        shown = 0 if kept else 1  # nothing to show is shown already
        return Investigation(
            incident_id=incident.id, partition=batch.partition, at=batch.now, findings=kept, shown=shown
        )
    version = before.version + (before.findings != kept)
    return msgspec.structs.replace(before, at=batch.now, rounds=before.rounds + 1, findings=kept, version=version)


async def _case(batch: Batch, incident: Incident, named: Sequence[str], connection: AsyncConnection) -> Case:
    suspects = _suspects(incident, named)
    own = {*suspects, *incident.services}
    below = {name: None for one in suspects for name in batch.topology.below(one) if name not in own}
    watched = bool(batch.rules.logs.watch)  # nothing else looks at single alerts
    since = began(incident) - BESIDE
    beside = await incidents.services_between(connection, incident.domain, since, batch.now, MOST_BESIDE)
    some = (await alerts.of_incidents(connection, [incident.id], MOST_ALERTS))[incident.id] if watched else []
    return Case(
        connection=connection,
        incident=incident,
        tallies=batch.tallies[incident.id],
        alerts=some,
        topology=batch.topology,
        rules=batch.rules,
        domains=sorted(domains_that_count(incident.domain, batch.rules.correlation.partition_by)),
        suspects=suspects,
        below=list(below)[:MOST_BELOW],
        beside=beside,
        histories=batch.histories,
        now=batch.now,
    )


def _suspects(incident: Incident, named: Sequence[str]) -> Sequence[str]:
    return [one for one in dict.fromkeys([*named, *incident.services]) if one][:MOST_SUSPECTS]


def _note_news(batch: Batch, before: Investigation | None, now: Investigation) -> None:
    """The thread has them by a reply of its own."""
    old = {one.text for one in before.findings} if before else set()
    if new := [one.text for one in now.findings if one.text not in old]:
        text = f"Looked into it: {'; '.join(new)}"
        entry = TimelineEntry(incident_id=now.incident_id, at=batch.now, kind=TimelineKind.NOTE, text=text, posted=True)
        batch.timeline.append(entry)
