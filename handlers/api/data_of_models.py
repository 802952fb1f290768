"""The versions of the datasets that a model reads: what its pulls read, and what jobs report of them."""

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.event import domain_of
from bot.domain.lineage.observed import Dataset, Version
from bot.domain.rules import Rules
from bot.domain.watched.data import DataVersion
from bot.model_store import pulls
from bot.pipeline.causes.lineage import datasets_of
from handlers.api.shapes_of_models import DataShape
from handlers.api.tokens import Caller

_MOST_DOMAINS = 20
_BESIDE = ("since", "labels")
"""What is kept of a version that was read, beside the version."""


async def data_of(
    connection: AsyncConnection, rules: Rules, model: str, domains: Collection[str], caller: Caller
) -> list[DataShape]:
    """By dataset; ``domains`` are those in which the model's data comes and that are shown.

    What a pull read is of the domain of its rows; what a reference was read from, of all of ``domains``.
    """

    def seen(read: Mapping[str, Any]) -> bool:
        if "labels" not in read:  # kept by an earlier version: of which domain it is will be known with the next pull
            return caller.domains is None
        labels = read["labels"]
        return bool(domains) if labels is None else caller.sees(domain_of(labels, rules.correlation.partition_by))

    read = {one["dataset"]: one for one in await pulls.versions_read(connection, model, seen)}
    services = [*read, *(one for one in rules.depends_on.get(model, ()) if one not in read)]
    known: dict[str, Dataset] = {}
    for domain in sorted(domains)[:_MOST_DOMAINS]:
        missing = [one for one in services if one not in known]
        known |= await datasets_of(connection, rules, domain, missing) if missing else {}
    pulled = [_pulled(one, known) for one in read.values()]
    reported = [_reported(one, known[one].versions) for one in services if one not in read and one in known]
    return sorted([*pulled, *(one for one in reported if one)], key=lambda one: one.dataset)


def _pulled(read: Mapping[str, Any], known: Mapping[str, Dataset]) -> DataShape:
    """What a pull read, with what a job reported of just this version."""
    version = msgspec.convert({key: value for key, value in read.items() if key not in _BESIDE}, DataVersion)
    versions = known[version.dataset].versions if version.dataset in known else ()
    mine = next((one for one in versions if one.version == version.version), Version(0))
    return DataShape(
        dataset=version.dataset,
        version=version.version,
        since=datetime.fromisoformat(read["since"]) if read.get("since") else None,
        pulled=True,
        run=mine.run or version.run,
        job=mine.job,
        commit=mine.commit or version.commit,
        digest=version.digest,
    )


def _reported(service: str, versions: Sequence[Version]) -> DataShape | None:
    """The newest that a job reported; None where it only reported that it failed to write it."""
    if not versions:
        return None
    newest = versions[-1]
    return DataShape(
        dataset=service,
        version=newest.version,
        since=datetime.fromtimestamp(newest.at / 1000, UTC),
        pulled=False,
        run=newest.run,
        job=newest.job,
        commit=newest.commit,
    )
