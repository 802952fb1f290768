"""Which data a finding is about: what the reference was made of, and which versions of its datasets the model read."""

from collections.abc import Mapping, Sequence

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.event import AlertEvent, AlertStatus, domain_of
from bot.domain.lineage.observed import Dataset, Version
from bot.domain.watched.finding import DATA_VERSIONS, REFERENCE_DATA
from bot.model_store import references
from bot.model_store.references import Lineage
from bot.pipeline.batch import Batch
from bot.pipeline.causes.lineage import MOST_TOLD, as_of, datasets_of, in_words
from bot.storage.queries.learnt_edges import dependencies_of
from bot.watches.models.alerts import FAILED, STALE

_MOST_DATASETS = 20


async def with_data(batch: Batch, connection: AsyncConnection, findings: Sequence[AlertEvent]) -> list[AlertEvent]:
    """The findings; those of rows name the data that they are about, as far as it is known."""
    return [await _with_data(batch, connection, one) if _is_of_rows(one) else one for one in findings]


def _is_of_rows(finding: AlertEvent) -> bool:
    """Whether it is what a check found, and not that there is nothing to check."""
    return finding.status is AlertStatus.FIRING and finding.labels["alertname"] not in (STALE, FAILED)


async def _with_data(batch: Batch, connection: AsyncConnection, finding: AlertEvent) -> AlertEvent:
    model, version = finding.labels["model"], finding.annotations.get("reference", "")
    datasets = await _datasets_below(batch, connection, model, finding)
    reference = await references.get(connection, model, version) if version else None
    made_of = completed(reference.lineage, datasets).data_in_words if reference is not None else ""
    there = {service: as_of(dataset, finding.starts_at) for service, dataset in datasets.items()}
    read = [in_words(service, one) for service, one in there.items() if one is not None][:MOST_TOLD]
    notes = {REFERENCE_DATA: made_of, DATA_VERSIONS: "; ".join(read)}
    known = {name: text for name, text in notes.items() if text}
    return msgspec.structs.replace(finding, annotations={**finding.annotations, **known}) if known else finding


async def _datasets_below(
    batch: Batch, connection: AsyncConnection, model: str, finding: AlertEvent
) -> dict[str, Dataset]:
    domain = domain_of(finding.labels, batch.rules.correlation.partition_by)
    learnt = await dependencies_of(connection, batch.now, [domain], [model])
    services = [*batch.topology.below(model), *learnt.get(model, ())]
    return await datasets_of(connection, batch.rules, domain, services[:_MOST_DATASETS])


def completed(lineage: Lineage, datasets: Mapping[str, Dataset]) -> Lineage:
    """With run and commit of the version of a dataset that it names, where it has none itself."""
    if not lineage.data_version or (lineage.run and lineage.commit):
        return lineage
    every = [one for dataset in datasets.values() for one in dataset.versions]
    mine = next((one for one in every if one.version == lineage.data_version), Version(0))
    return msgspec.structs.replace(lineage, run=lineage.run or mine.run, commit=lineage.commit or mine.commit)
