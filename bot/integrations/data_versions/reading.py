"""The versions of datasets now, by whichever way tandem.yaml names."""

import asyncio
from collections.abc import Callable, Sequence

import aiohttp

from bot.domain.watched.data import DataSource, DataVersion
from bot.integrations.data_versions import files
from bot.integrations.data_versions.servers import lakefs_commit, mlflow_input
from bot.integrations.http import ToolFailure

Secret = Callable[[str], str | None]
"""The value of a secret by name, None where it is not set."""


async def versions_of(sources: Sequence[DataSource], secret: Secret) -> tuple[list[DataVersion], list[str]]:
    """Those that can be read, and in words why others cannot: no pull waits for the version of its data."""
    found, problems = list[DataVersion](), list[str]()
    async with aiohttp.ClientSession(trust_env=True) as session:
        for source in sources:
            try:
                found.append(await _version_of(session, source, secret))
            except ToolFailure as error:
                problems.append(f"the version of {source.dataset} is not known: {error}")
    return found, problems


async def _version_of(session: aiohttp.ClientSession, source: DataSource, secret: Secret) -> DataVersion:
    if source.delta is not None:
        return DataVersion(source.dataset, await asyncio.to_thread(files.delta_version, source.delta))
    if source.iceberg is not None:
        return DataVersion(source.dataset, await asyncio.to_thread(files.iceberg_snapshot, source.iceberg))
    if source.dvc is not None:
        digest = await asyncio.to_thread(files.dvc_digest, source.dvc)
        return DataVersion(source.dataset, digest, digest=digest)
    if source.lakefs is not None:
        commit = await lakefs_commit(session, source.lakefs, _of(secret, source.lakefs.secret))
        return DataVersion(source.dataset, commit, commit=commit)
    assert source.mlflow is not None
    return await mlflow_input(session, source.dataset, source.mlflow, _of(secret, source.mlflow.secret))


def _of(secret: Secret, name: str | None) -> str | None:
    if name is None:
        return None
    value = secret(name)
    if value is None:
        raise ToolFailure(f"TANDEM_SECRET_{name} is not set")
    return value
