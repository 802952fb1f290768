"""The whole way of a forecast: metrics come, capacity is offered, approved and grows, and the alert ends, verified."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import aiohttp
import pytest

from bot.app import App
from bot.components import process
from bot.config import Environment, load_config
from bot.incidents.guarding import guards_of
from bot.remediation.approval import Terms, decide
from bot.storage.queries import runs
from tests.acceptance.harness import until

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

TOKEN = "a-token-of-enough-length"
CONFIG = """
metrics:
  watch:
    queue:
      match: [__name__=queue_length]
      by: [service]
      forecast: {{limit: {{metric: queue_capacity}}, ahead: 2h}}
runbooks:
  scale:
    title: Scale out checkout
    when: {{service: checkout, cause: resource}}
    steps:
      - command: {{argv: [touch, "{done}"], timeout: 60s}}
    verify: {{alerts_resolved: true, within: 3h, stable_for: 1s}}
    approval: {{approvers: ["U012AB3CD"]}}
"""
MINUTE = timedelta(minutes=1)


class Shop:
    """A queue that grows for as long as there is room, and a clock that is moved by hand."""

    def __init__(self, app: App, session: aiohttp.ClientSession, done: Path, clock: "MovedClock") -> None:
        self._app, self._session, self._done, self._clock = app, session, done, clock
        self._random = Random(1)
        self.length = 200.0

    async def send(self, minutes: int, growth: float, until_ago: int = 0) -> None:
        """A sample a minute, by OTLP; the last one is of so many minutes ago."""
        now, capacity = self._clock(), 5000 if self._done.exists() else 1000
        queue, limit = [], []
        for ago in range(minutes - 1, -1, -1):
            self.length += growth
            at = str(int((now - (ago + until_ago) * MINUTE).timestamp() * 1e9))
            queue.append({"timeUnixNano": at, "asDouble": self.length + self._random.gauss(0, 4)})
            limit.append({"timeUnixNano": at, "asDouble": capacity})
        metrics = [
            {"name": "queue_length", "gauge": {"dataPoints": queue}},
            {"name": "queue_capacity", "gauge": {"dataPoints": limit}},
        ]
        service = {"key": "service.name", "value": {"stringValue": "checkout"}}
        body = {"resourceMetrics": [{"resource": {"attributes": [service]}, "scopeMetrics": [{"metrics": metrics}]}]}
        async with self._session.post(f"{self._app.url}/v1/metrics", json=body) as answer:
            assert answer.status == 200, await answer.text()

    async def incident(self) -> Any:
        async with self._session.get(f"{self._app.url}/api/incidents") as answer:
            found = (await answer.json())["incidents"]
        if not found:
            return None
        async with self._session.get(f"{self._app.url}/api/incidents/{found[0]['id']}") as answer:
            return await answer.json()


class MovedClock:
    def __init__(self) -> None:
        self.ahead = timedelta()

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.ahead


async def test_capacity_that_will_not_do_is_scaled_out_before_it_breaks_and_that_is_verified(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock, done = MovedClock(), tmp_path / "scaled"
    monkeypatch.setattr(process, "utc_now", clock)
    path = tmp_path / "tandem.yaml"
    path.write_text(CONFIG.format(done=done))
    config, _ = load_config(path)
    settings = {"TANDEM_DATABASE_URL": database_url, "TANDEM_SEAL_KEY": TOKEN, "TANDEM_WEBHOOK_TOKEN": TOKEN}
    async with (
        App(Environment.model_validate(settings), config, port=0) as app,
        aiohttp.ClientSession(headers={"Authorization": f"Bearer {TOKEN}"}) as session,
    ):
        shop = Shop(app, session, done, clock)
        await shop.send(500, growth=0.0, until_ago=100)
        await shop.send(100, growth=5.0)
        found: dict[str, Any] = {}

        async def offered() -> bool:
            found.update(await shop.incident() or {})
            return bool(found.get("runs"))

        await until(offered, "the scale-out is offered")
        [alert] = found["alerts"]
        assert alert["labels"]["alertname"] == "SaturationForecast" and alert["status"] == "firing"
        assert float(alert["annotations"]["value"]) < 800, "nothing is broken yet"
        assert found["causes"][0]["kind"] == "resource" and found["runs"][0]["runbook"] == "scale"
        terms = Terms(config.runbooks, guards_of(config.rules()))
        database = app._process.services.database
        async with database.read() as connection:
            run = await runs.by_id(connection, found["runs"][0]["id"])
        assert run is not None
        await decide(database, terms, run.id, run.plan_hash, "U012AB3CD", "approve", clock())

        async def scaled() -> bool:
            return done.exists()

        await until(scaled, "the step ran")
        for _ in range(8):
            clock.ahead += 5 * MINUTE
            await shop.send(5, growth=5.0)

        async def verified() -> bool:
            found.update(await shop.incident())
            return bool(found["runs"][0]["status"] == "succeeded" and found["status"] == "resolved")

        await until(verified, "the run is verified by the alert's end")
        assert shop.length > 750 and [one["status"] for one in found["alerts"]] == ["resolved"]
