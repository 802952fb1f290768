"""Models over the API: what their monitors say, in which domain, and what each check said before."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bot.inbox.inbox import Inbox
from bot.maintenance.model_data import remove_unused
from bot.storage.database import Database
from tests.conftest import Clock
from tests.integration.api.programs import api
from tests.integration.watches.models_driver import MODEL, Models, rules_for
from tests.integration.watches.test_models_apart import reference, send

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
