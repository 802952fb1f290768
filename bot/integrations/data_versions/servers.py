"""Versions that servers know: commits of lakeFS, and the datasets of MLflow's runs."""

import base64
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlencode

import aiohttp
import msgspec

from bot.domain.watched.data import DataVersion, LakeFs, MlflowInput
from bot.integrations.http import ToolFailure, ToolRefused, call

_COMMIT = "mlflow.source.git.commit"


async def lakefs_commit(session: aiohttp.ClientSession, source: LakeFs, credentials: str | None) -> str:
    """The commit that a branch or tag is at. Raises ToolFailure."""
    headers = {"Authorization": f"Basic {base64.b64encode(credentials.encode()).decode()}"} if credentials else {}
    path = f"repositories/{quote(source.repository, safe='')}/refs/{quote(source.ref, safe='')}/commits"
    told = await _asked(session, f"{source.url.rstrip('/')}/api/v1/{path}?amount=1", headers)
    found = [one.get("id") for one in told.get("results") or []]
    if not found or not found[0]:
        raise ToolFailure(f"lakeFS has no commit of {source.repository} at {source.ref}")
    return str(found[0])


async def mlflow_input(
    session: aiohttp.ClientSession, dataset: str, source: MlflowInput, token: str | None
) -> DataVersion:
    """The dataset that a run has as its input, with the run and the commit of its code. Raises ToolFailure."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    base = f"{source.url.rstrip('/')}/api/2.0/mlflow"
    run = source.run
    if not run:
        query = urlencode({"name": source.model, "alias": source.alias})
        told = await _asked(session, f"{base}/registered-models/alias?{query}", headers)
        run = str((told.get("model_version") or {}).get("run_id") or "")
    if not run:
        raise ToolFailure(f"MLflow knows no run of {source.model}@{source.alias}")
    found = (await _asked(session, f"{base}/runs/get?{urlencode({'run_id': run})}", headers)).get("run") or {}
    inputs = [one.get("dataset") or {} for one in (found.get("inputs") or {}).get("dataset_inputs") or []]
    mine = [one for one in inputs if not source.name or one.get("name") == source.name]
    if not mine or not mine[0].get("digest"):
        raise ToolFailure(f"MLflow's run {run} has no dataset {source.name}".rstrip() + " among its inputs")
    tags = {tag.get("key"): tag.get("value") for tag in (found.get("data") or {}).get("tags") or []}
    digest = str(mine[0]["digest"])
    return DataVersion(dataset, digest, run=run, commit=str(tags.get(_COMMIT) or ""), digest=digest)


async def _asked(session: aiohttp.ClientSession, url: str, headers: Mapping[str, str]) -> dict[str, Any]:
    try:
        told = msgspec.json.decode(await call(session, "GET", url, headers))
    except (ToolRefused, msgspec.DecodeError) as error:
        raise ToolFailure(f"{url.partition('?')[0]}: {error}") from None
    if not isinstance(told, dict):
        raise ToolFailure(f"{url.partition('?')[0]} answers something else")
    return told
