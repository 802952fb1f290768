"""Models over the API: what their monitors say, in which domain, and what each check said before."""

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from prometheus_client import REGISTRY

from bot.health import model_metrics
from bot.health.model_metrics import ModelMetrics, withdraw
from bot.inbox.inbox import Inbox
from bot.maintenance.model_data import remove_unused
from bot.model_store import checks, pulls
from bot.model_store.checks import CheckState
from bot.model_store.pulls import Progress
from bot.model_store.references import Lineage
from bot.storage.database import Database
from handlers.api.operation import all_operations
from handlers.mcp.tools import all_tools
from tests.conftest import Clock
from tests.integration.api.programs import api
from tests.integration.api.test_mcp import agent
from tests.integration.watches.models_driver import MODEL, Models, rules_for
from tests.integration.watches.test_models_apart import reference, send

HIDDEN = "hidden-vault"
DRIFT = {"kind": "drift", "window": {"rows": 500}}


@pytest.fixture
async def models(database: Database, inbox: Inbox, clock: Clock, tmp_path: Path) -> AsyncIterator[Models]:
    made = Models(database, inbox, clock, rules_for(DRIFT, {"kind": "prediction_drift"}), tmp_path)
    await made.prepare()
    yield made
    await made.watch.close()


async def test_each_check_is_in_the_history_of_the_domains_that_a_token_sees(models: Models, clock: Clock) -> None:
    random = np.random.default_rng(7)
    rows: dict[str, Any] = {"random": random, "rows": 500}
    await reference(models, random)
    await send(models, rows, cluster="eu-1")
    clock.pass_(hours=1)
    drifted_at = clock().isoformat().replace("+00:00", "Z")
    await send(models, rows, shift=3, cluster="us-2")
    at = f"/api/models/{MODEL}"
    async with api(models) as programs:
        [model] = (await programs.ci.ok("GET", "/api/models"))["models"]
        assert model == await programs.ci.ok("GET", at)
        assert model["reference"]["version"] == "v1"
        states = {(one["name"], one["domain"]): one["state"] for one in model["monitors"]}
        assert states == {("drift", "eu-1"): "ok", ("drift", "us-2"): "firing", ("prediction_drift", ""): "unchecked"}
        history = await programs.ci.ok("GET", f"{at}/history")
        checks = [(one["domain"], one["state"], one["rows"], one["reference"]) for one in history["history"]]
        assert checks == [("us-2", "firing", 500, "v1"), ("eu-1", "ok", 500, "v1")]
        assert [one["domain"] for one in history["episodes"]] == ["us-2"]
        assert len((await programs.ci.ok("GET", f"{at}/history?monitor=drift&from={drifted_at}"))["history"]) == 1
        first = await programs.ci.ok("GET", f"{at}/history?limit=1")
        second = await programs.ci.ok("GET", f"{at}/history?limit=1&cursor={first['next']}")
        assert (first["history"] + second["history"], second["next"]) == (history["history"], None)
        [seen] = (await programs.eu.ok("GET", f"{at}/history"))["history"]
        assert (seen["domain"], seen["state"]) == ("eu-1", "ok")
        assert {one["domain"] for one in (await programs.eu.ok("GET", at))["monitors"]} == {"eu-1", ""}
        assert "monitor: 'dritf'" in await programs.ci.problem(400, "GET", f"{at}/history?monitor=dritf")
        await programs.ci.problem(400, "GET", f"{at}/history?from=yesterday")
        await programs.ci.problem(404, "GET", "/api/models/none/history")


async def test_the_versions_of_data_that_pulls_read_are_listed(models: Models, clock: Clock) -> None:
    read = {"dataset": "scored", "version": "41", "since": clock().isoformat(), "labels": {"cluster": "eu-1"}}
    newer = {**read, "version": "42", "commit": "abc", "run": "7", "digest": "d1"}
    late = clock() + timedelta(hours=1)
    async with models.database.write() as connection:
        await pulls.save(connection, Progress(key="a", model=MODEL, at=clock(), data={"scored": read}))
        await pulls.save(connection, Progress(key="b", model=MODEL, at=late, data={"scored": newer}))
        await pulls.save(connection, Progress(key="c", model="other", at=late, data={"train": read}))
        await pulls.save(connection, Progress(key="d", model=MODEL, at=late))
    async with api(models) as programs:
        [data] = (await programs.eu.ok("GET", f"/api/models/{MODEL}"))["data"]
    assert (data["dataset"], data["version"], data["commit"], data["run"]) == ("scored", "42", "abc", "7")
    assert (data["digest"], data["pulled"], data["job"]) == ("d1", True, "")
    assert datetime.fromisoformat(data["since"]) == clock()


async def test_a_token_sees_of_what_pulls_and_references_read_only_what_is_of_its_domains(
    models: Models, clock: Clock
) -> None:
    random = np.random.default_rng(7)
    lineage = Lineage(data_version=HIDDEN, commit=HIDDEN)
    await models.reference(HIDDEN, {"price": random.normal(10, 1, 3000)}, lineage=lineage)
    there = {"version": HIDDEN, "since": clock().isoformat(), "commit": HIDDEN}
    kept: dict[str, dict[str, Any]] = {
        "earlier": {"dataset": f"{HIDDEN}-1", **there},
        "of all": {"dataset": f"{HIDDEN}-2", **there, "labels": {}},
        "theirs": {"dataset": f"{HIDDEN}-3", **there, "labels": {"cluster": "us-2"}},
        "newer": {"dataset": "scored", **there, "labels": {"cluster": "us-2"}},
        "reference": {"dataset": f"{HIDDEN}-4", **there, "labels": None},
        "ours": {"dataset": "scored", **there, "version": "41", "commit": "", "labels": {"cluster": "eu-1"}},
    }
    async with models.database.write() as connection:
        for place, (key, read) in enumerate(kept.items()):
            at = clock() + timedelta(hours=9 - place)
            await pulls.save(connection, Progress(key=key, model=MODEL, at=at, data={read["dataset"]: read}))
    await send(models, {"random": random, "rows": 500}, shift=3, cluster="us-2")
    paths = [one.path.replace("{model}", MODEL) for one in all_operations() if one.path.startswith("/api/models")]
    async with api(models) as programs, agent(programs, "eu-secret") as client:
        for path in paths:
            status, answer, _ = await programs.eu("GET", path)
            assert status == 200 and HIDDEN not in str(answer) and "us-2" not in str(answer), (path, answer)
            whole = await programs.ci.ok("GET", path)
            assert "us-2" in str(whole) or "data" in str(whole), path
        for name, tool in all_tools().items():
            if tool.operation.path.startswith("/api/models"):
                found = await client.call_tool(name, dict.fromkeys(tool.schema["required"], MODEL))
                assert not found.is_error and HIDDEN not in str(found.structured_content), name
        model = await programs.eu.ok("GET", f"/api/models/{MODEL}")
        assert [(one["dataset"], one["version"]) for one in model["data"]] == [("scored", "41")]
        assert model["reference"] is None
        whole = await programs.ci.ok("GET", f"/api/models/{MODEL}")
        assert len(whole["data"]) == 5 and whole["reference"]["version"] == HIDDEN
        await send(models, {"random": random, "rows": 500}, cluster="eu-1")
        model = await programs.eu.ok("GET", f"/api/models/{MODEL}")
        assert model["reference"]["version"] == HIDDEN, "its own data is compared with it"
        assert [one["dataset"] for one in model["data"]] == [f"{HIDDEN}-4", "scored"]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_a_check_that_could_not_be_made_is_in_the_history_and_old_ones_go(models: Models, clock: Clock) -> None:
    await send(models, {"random": np.random.default_rng(7), "rows": 500}, cluster="eu-1")
    at = f"/api/models/{MODEL}/history"
    async with api(models) as programs:
        [made] = (await programs.ci.ok("GET", at))["history"]
        assert made["state"] in ("unchecked", "failed")
        assert "reference" in made["summary"]
        clock.pass_(days=91)
        await remove_unused(models.database, models.frames, clock(), timedelta(days=90))
        assert (await programs.ci.ok("GET", at))["history"] == []


async def test_what_a_check_measured_is_in_the_history_and_its_columns_are_beside_the_reference(
    models: Models, clock: Clock
) -> None:
    random = np.random.default_rng(7)
    rows: dict[str, Any] = {"random": random, "rows": 500}
    await reference(models, random)
    for shift in (0, 3):
        await send(models, rows, shift=shift, cluster="eu-1")
        clock.pass_(hours=1)
    await send(models, rows, cluster="us-2")
    at = f"/api/models/{MODEL}"
    async with api(models) as programs:
        newest, before = (await programs.eu.ok("GET", f"{at}/history?monitor=drift"))["history"]
        assert (newest["metric"], newest["value"], newest["limit"]) == ("psi", newest["psi"]["price"], None)
        assert newest["value"] > 1 > before["value"]
        look, answers = (await programs.eu.ok("GET", f"{at}/columns"))["looks"]
        assert [column["column"] for column in answers["columns"]] == ["prediction"]
        assert (look["monitor"], look["domain"], look["rows"], look["reference"]) == ("drift", "eu-1", 500, "v1")
        [column] = look["columns"]
        assert (column["column"], column["psi"], column["missing_now"]) == ("price", newest["value"], 0)
        assert len(column["bins"]) == len(column["reference"]) == len(column["now"]) == 11
        assert sum(column["now"]) == pytest.approx(100, abs=0.1)
        assert "us-2" in {one["domain"] for one in (await programs.ci.ok("GET", f"{at}/columns"))["looks"]}
        await programs.ci.problem(404, "GET", "/api/models/none/columns")


async def test_what_was_seen_of_columns_stays_where_a_check_cannot_be_made_and_goes_with_old_checks(
    models: Models, clock: Clock
) -> None:
    random = np.random.default_rng(7)
    await reference(models, random)
    await send(models, {"random": random, "rows": 500})
    before = await standing_of(models)
    made = msgspec.structs.replace(before, state=CheckState.FAILED, at=clock(), measured=None, looks=None)
    async with models.database.write() as connection:
        await checks.add(connection, [made])
    after = await standing_of(models)
    assert (after.state, after.measured, after.looks) == (CheckState.FAILED, None, before.looks)
    clock.pass_(days=91)
    await remove_unused(models.database, models.frames, clock(), timedelta(days=90))
    async with models.database.read() as connection:
        assert await checks.standings(connection, [MODEL]) == []


async def standing_of(models: Models) -> checks.Standing:
    async with models.database.read() as connection:
        [one] = await checks.standings(connection, [MODEL], looks=True)
    return one


async def test_metrics_show_where_monitors_stand_and_no_more_series_than_their_bound(
    models: Models, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    random = np.random.default_rng(7)
    rows: dict[str, Any] = {"random": random, "rows": 500}
    await reference(models, random)
    await send(models, rows, cluster="eu-1")
    await send(models, rows, shift=3, cluster="us-2")
    metrics = ModelMetrics(models.database, models.rules)
    await metrics.publish()
    labels = {"model": MODEL, "monitor": "drift", "model_version": ""}
    firing = {domain: sample("monitor_firing", labels | {"domain": domain}) for domain in ("eu-1", "us-2")}
    assert firing == {"eu-1": 0, "us-2": 1}
    there = labels | {"domain": "us-2"}
    value = sample("monitor_value", there | {"metric": "psi"})
    assert value is not None and value > 1
    assert sample("column_psi", there | {"column": "price"}) == value
    assert sample("monitor_checked_timestamp_seconds", there) == clock().timestamp()
    monkeypatch.setattr(model_metrics, "MOST_MONITORS", 1)
    await metrics.publish()
    assert sample("monitor_firing", there) == 1, "what fires comes first"
    assert sample("monitor_firing", labels | {"domain": "eu-1"}) is None
    assert sample("series_left_out", {}) == 1
    withdraw()
    assert sample("monitor_firing", there) is None


def sample(name: str, labels: dict[str, str]) -> float | None:
    return REGISTRY.get_sample_value(f"tandem_model_{name}", labels)
