"""A model under watch in the running program: rows in at the doors, one message in the channel, ``/model`` answers."""

import io
import re
from pathlib import Path
from typing import Any

import aiohttp
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from tests.acceptance.harness import CHANNEL, ON_CALL, TOKEN, Tandem, running, until

CONFIG: dict[str, Any] = {
    "services": {"sales": {}, "forecast-api": {}},
    "models": {
        "demand-forecast": {
            "served_by": "forecast-api",
            "reads": ["sales"],
            "features": {"price": "numeric", "shop": "categorical"},
            "monitors": [
                {"kind": "quality", "window": {"rows": 200}},
                {"kind": "drift", "window": {"rows": 200}},
            ],
        }
    },
}


def rows(random: np.random.Generator, count: int, price: float) -> list[dict[str, Any]]:
    prices, shops = random.normal(price, 1, count), random.choice(["a", "b"], count)
    return [{"features": {"price": float(p), "shop": str(s)}} for p, s in zip(prices, shops, strict=True)]


async def put_reference(tandem: Tandem, version: str, data: list[dict[str, Any]]) -> None:
    url = f"{tandem.url}/models/demand-forecast/references/{version}"
    headers = {"Authorization": f"Bearer {TOKEN}"}
    async with aiohttp.ClientSession() as session, session.put(url, json={"rows": data}, headers=headers) as answer:
        assert answer.status in (200, 201), await answer.text()


async def predict(tandem: Tandem, batch: str, data: list[dict[str, Any]]) -> None:
    numbered = [{"id": f"{batch}-{at}", **row} for at, row in enumerate(data)]
    status, _ = await tandem.post("/models/demand-forecast/predictions", {"rows": numbered})
    assert status == 202


async def test_a_drift_is_one_message_that_names_the_feature_also_across_a_crash(tmp_path: Path) -> None:
    random = np.random.default_rng(5)
    async with running(tmp_path, CONFIG) as tandem:
        await put_reference(tandem, "2026-02", rows(random, 1000, 10.0))
        await predict(tandem, "calm", rows(random, 200, 10.0))
        await predict(tandem, "half", rows(random, 150, 14.0))
        await tandem.kill()
        await tandem.start()
        await predict(tandem, "rest", rows(random, 100, 14.0))
        await tandem.message("FeatureDrift", "demand-forecast", seconds=30)
        [incident] = await tandem.incidents()
        [alert] = [one for one in incident["alerts"] if one["labels"]["alertname"] == "FeatureDrift"]
        assert alert["source"] == "tandem" and alert["labels"]["feature"] == "price"
        assert alert["annotations"]["reference"] == "2026-02"

        await tandem.slack.command(ON_CALL, CHANNEL, "/model", "show demand-forecast")

        async def answered() -> bool:
            return any("price drifted" in str(said["text"]) for said in tandem.slack.ephemerals(ON_CALL))

        await until(answered, "/model answers")


def odd_batch(shape: str, rows: int = 200) -> dict[str, Any]:
    random = np.random.default_rng(6)
    usual = {"price": random.normal(10.0, 1, rows), "shop": random.choice(["a", "b"], rows)}
    return {
        "of one row": {name: column[:1] for name, column in usual.items()},
        "without a row": {name: column[:0] for name, column in usual.items()},
        "with nothing in it": {"price": pa.nulls(rows, pa.float64()), "shop": pa.nulls(rows, pa.string())},
        "of other columns": {"weight": random.normal(size=rows)},
        "of other types": {"price": usual["shop"], "shop": np.arange(rows)},
        "of categories never seen": {**usual, "shop": [f"shop-{n}" for n in range(rows)]},
        "of a million rows": {"price": random.normal(10.0, 1, 10**6), "shop": random.choice(["a", "b"], 10**6)},
    }[shape]


async def predict_parquet(tandem: Tandem, batch: str, columns: dict[str, Any]) -> int:
    table = pa.table(columns)
    table = table.append_column("id", pa.array([f"{batch}-{n}" for n in range(table.num_rows)], pa.string()))
    packed = io.BytesIO()
    pq.write_table(table, packed)
    url = f"{tandem.url}/models/demand-forecast/predictions"
    headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/vnd.apache.parquet"}
    async with (
        aiohttp.ClientSession() as session,
        session.post(url, data=packed.getvalue(), headers=headers) as answer,
    ):
        assert answer.status == 202, await answer.text()
        return int((await answer.json())["accepted"])


async def test_after_batches_of_every_odd_shape_the_monitors_still_see_a_drift(tmp_path: Path) -> None:
    random = np.random.default_rng(5)
    async with running(tmp_path, CONFIG) as tandem:
        await put_reference(tandem, "2026-02", rows(random, 1000, 10.0))
        shapes = [
            "of one row",
            "without a row",
            "with nothing in it",
            "of other columns",
            "of other types",
            "of categories never seen",
            "of a million rows",
        ]
        accepted = {shape: await predict_parquet(tandem, shape, odd_batch(shape)) for shape in shapes}
        assert accepted["without a row"] == 0 and accepted["of a million rows"] == 10**6
        await tandem.message("DataQuality", "demand-forecast", seconds=60)
        for turn in range(3):
            await predict(tandem, f"moved-{turn}", rows(random, 200, 16.0))

        async def price_has_moved() -> bool:
            fired = [one for incident in await tandem.incidents() for one in incident["alerts"]]
            return any(re.search(r"price: median \d+\.?\d* → 1[56]", str(one["annotations"])) for one in fired)

        await until(price_has_moved, "the drift of price is found", seconds=60)
