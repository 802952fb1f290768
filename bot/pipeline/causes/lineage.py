"""Which versions of datasets a cause or a finding rests on: which run of which job wrote them, from which commit."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.cause import Cause, CauseKind
from bot.domain.change import domains_that_count
from bot.domain.event import partition_of
from bot.domain.incident import Incident
from bot.domain.lineage.observed import Dataset, Version
from bot.domain.lineage.stored import DATASET, WATCH, decode_dataset, piece
from bot.domain.rules import Rules
from bot.pipeline.batch import Batch
from bot.storage.queries import snapshots

MOST_LOOKED_AT = 20
MOST_TOLD = 3
_OF_DATA = (CauseKind.DATA, CauseKind.MODEL)


async def with_lineage(
    batch: Batch, connection: AsyncConnection, incident: Incident, causes: Sequence[Cause]
) -> list[Cause]:
    """The causes; one in data or a model has as evidence which versions of which datasets are below it."""
    found: list[Cause] = []
    for cause in causes:
        more = await _evidence(batch, connection, incident, cause) if cause.kind in _OF_DATA else []
        evidence = [*cause.evidence, *(one for one in more if one not in cause.evidence)]
        found.append(msgspec.structs.replace(cause, evidence=evidence))
    return found


async def _evidence(batch: Batch, connection: AsyncConnection, incident: Incident, cause: Cause) -> list[str]:
    services = [cause.service, *batch.topology.below(cause.service)][:MOST_LOOKED_AT]
    told: list[str] = []
    for service in services:
        dataset = (await datasets_of(connection, batch.rules, incident.domain, [service])).get(service)
        version = as_of(dataset, incident.troubled_since) if dataset is not None else None
        if version is not None:
            told.append(in_words(service, version))
        if len(told) == MOST_TOLD:
            break
    return told


async def datasets_of(
    connection: AsyncConnection, rules: Rules, domain: str, services: Iterable[str]
) -> dict[str, Dataset]:
    """What is known of these datasets in the domain, or in one whose sender knew less of it."""
    found: dict[str, Dataset] = {}
    missing = list(dict.fromkeys(services))
    for one in domains_that_count(domain, rules.correlation.partition_by):
        names = {piece(DATASET, one, service): service for service in missing}
        kept = await snapshots.states_of(connection, partition_of(one, rules.partitions), WATCH, names)
        found |= {names[name]: decode_dataset(state) for name, state in kept.items()}
        missing = [service for service in missing if service not in found]
        if not missing:
            break
    return found


def as_of(dataset: Dataset, moment: datetime) -> Version | None:
    """The version that was there at a moment; the first one where all are later."""
    milliseconds = moment.timestamp() * 1000
    before = [one for one in dataset.versions if one.at <= milliseconds]
    return before[-1] if before else next(iter(dataset.versions), None)


def in_words(service: str, version: Version) -> str:
    """
    >>> in_words("sales", Version(at=1772366400000, version="42", run="0176", job="load", commit="abc"))
    'sales: version 42, written by run 0176 of load from commit abc, 2026-03-01 12:00 UTC'
    """
    named = f" version {version.version}," if version.version else ""
    commit = f" from commit {version.commit}" if version.commit else ""
    at = datetime.fromtimestamp(version.at / 1000, UTC)
    if not version.job:
        made = f" made by run {version.run}{commit}," if version.run else f"{commit}," if commit else ""
        return f"{service}:{named}{made} first read {at:%Y-%m-%d %H:%M} UTC"
    return f"{service}:{named} written by run {version.run} of {version.job}{commit}, {at:%Y-%m-%d %H:%M} UTC"
