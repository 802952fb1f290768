"""A model under watch in the running program: rows in at the doors, one message in the channel, ``/model`` answers."""

from pathlib import Path
from typing import Any

import aiohttp
import numpy as np

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
