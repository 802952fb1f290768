"""A tabular model whose rows are pulled from PostgreSQL goes through a canary, and is promoted by the verdict alone.

The program runs in the test's process; the runbook is that of docs/verdict.md, step by step.
"""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import psycopg
import pytest
from aiohttp import ClientSession, web
from aiohttp.test_utils import TestServer

from bot.app import App
from bot.config import Environment, load_config
from bot.config.document import read_documents
from bot.domain.run import PlannedStep
from bot.remediation.executors import Outcome, Protection, StepContext, execute
from tests.acceptance.harness import until
from tests.migrated import copy_migrated

TOKEN = "a-token-of-some-length"
PATIENCE = 240
PAGE = (Path(__file__).parents[3] / "docs" / "verdict.md").read_text()
[BLOCK] = [one for one in re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL) if "promote-fraud:" in one]
CONFIG = """
models:
  fraud:
    positive: fraud
    monitors: [{kind: performance, metric: recall, minimum: 0.5, by: version}]
    pull:
      - sql: select seq, id, ts as timestamp, version, prediction, amount from scored
        from: WAREHOUSE
        cursor: seq
        every: 1s
      - {sql: "select seq, id, label from decided", from: WAREHOUSE, cursor: seq, every: 1s, holds: labels}
"""
TABLES = """
create table scored (seq serial, id text, ts timestamptz, version text, prediction text, amount float8);
create table decided (seq serial, id text, label text);
"""


class Shop:
    """Who serves, by the registry's aliases: it writes what it predicts into the warehouse, and later what was true."""

    def __init__(self, warehouse: str, recall: dict[str, float]) -> None:
        self.warehouse, self.recall = warehouse, recall
        self.aliases = {"champion": "7", "challenger": "8"}
        self.random, self.rows, self.changed = np.random.default_rng(3), 0, asyncio.Event()
        app = web.Application()
        app.router.add_route("*", "/api/2.0/mlflow/{path:.*}", self._registry)
        self.server = TestServer(app)

    async def _registry(self, request: web.Request) -> web.Response:
        if request.method == "POST":
            given = await request.json()
            self.aliases[given["alias"]] = given["version"]
            self.changed.set()
            return web.json_response({})
        version = self.aliases.get(request.query["alias"])
        found = {"model_version": {"version": version}} if version else {"error_code": "RESOURCE_DOES_NOT_EXIST"}
        return web.json_response(found, status=200 if version else 404)

    async def serve(self) -> None:
        """Rows until cancelled, a fifth of them by the canary."""
        async with await psycopg.AsyncConnection.connect(self.warehouse, autocommit=True) as connection:
            while True:
                await self._some(connection)
                await asyncio.sleep(0.2)

    async def _some(self, connection: psycopg.AsyncConnection[Any], count: int = 300) -> None:
        scored, decided, now = [], [], datetime.now(UTC)
        for _ in range(count):
            self.rows += 1
            canary = self.aliases.get("canary") if self.random.random() < 0.2 else None
            version = canary or self.aliases["champion"]
            label = "fraud" if self.random.random() < 0.5 else "fine"
            found = label == "fraud" and self.random.random() < self.recall[version]
            name = f"r{self.rows}"
            scored.append((name, now, version, "fraud" if found else "fine", float(self.random.normal(50, 10))))
            decided.append((name, label))
        async with connection.transaction(), connection.cursor() as cursor:
            await cursor.executemany(
                "insert into scored (id, ts, version, prediction, amount) values (%s, %s, %s, %s, %s)", scored
            )
            await cursor.executemany("insert into decided (id, label) values (%s, %s)", decided)


@asynccontextmanager
async def tandem(folder: Path, warehouse: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[str]:
    copy_migrated(folder)
    (folder / "tandem.yaml").write_text(CONFIG)
    config, _ = load_config(folder / "tandem.yaml")
    monkeypatch.setenv("TANDEM_SECRET_WAREHOUSE", warehouse)
    settings = {"TANDEM_DATABASE_URL": f"sqlite:///{folder}/tandem.db", "TANDEM_WEBHOOK_TOKEN": TOKEN}
    async with App(Environment.model_validate(settings), config, port=0) as app:
        yield app.url


async def _tell(url: str, shop: Shop) -> None:
    """What MLflow's webhook does when an alias is moved."""
    await shop.changed.wait()
    change = {"service": "fraud", "kind": "model", "title": "another version is tried"}
    async with (
        ClientSession(headers={"Authorization": f"Bearer {TOKEN}"}, trust_env=True) as session,
        session.post(f"{url}/webhooks/changes", json=change) as answer,
    ):
        assert answer.status == 202, await answer.text()


async def _promotion(url: str, shop: Shop) -> list[Outcome]:
    """The runbook's steps, and its rollback where one fails."""
    text = BLOCK.replace("https://tandem.example", url).replace("every: 30s", "every: 500ms")
    text = re.sub(r"https://mlflow\.example/?", str(shop.server.make_url("/")), text)
    book = read_documents(Path("block"), text)[0].value["runbooks"]["promote-fraud"]
    done = list[Outcome]()
    for part in ("steps", "rollback"):
        for at, step in enumerate(book[part]):
            [(kind, parameters)] = step.items()
            context = StepContext("run", "incident", f"{part}/{at}", {"VERDICT": TOKEN}, Protection(), ("fraud",))
            done.append(await execute(PlannedStep(kind, parameters), context))
            if not done[-1].ok:
                break
        if done[-1].ok:
            break
    return done


async def _verdict(url: str, query: str) -> Any:
    async with (
        ClientSession(headers={"Authorization": f"Bearer {TOKEN}"}, trust_env=True) as session,
        session.get(f"{url}/api/verdict?{query}") as answer,
    ):
        assert answer.status == 200, await answer.text()
        return await answer.json()


@pytest.mark.parametrize("recall, champion", [(0.9, "8"), (0.5, "7")], ids=["as good", "worse"])
async def test_a_canary_over_rows_in_postgresql_is_promoted_or_sent_back_by_the_verdict(
    tmp_path: Path, empty_database: str, monkeypatch: pytest.MonkeyPatch, recall: float, champion: str
) -> None:
    with psycopg.connect(empty_database, autocommit=True) as connection:
        connection.execute(TABLES)
    shop = Shop(empty_database, {"7": 0.9, "8": recall})
    async with shop.server, tandem(tmp_path, empty_database, monkeypatch) as url:
        early = await _verdict(url, "model=fraud&version=8")
        assert (early["ok"], early["reasons"]) == (None, ["no change of fraud is known of the last 1d"])
        serving, telling = asyncio.create_task(shop.serve()), asyncio.create_task(_tell(url, shop))
        try:
            found = await asyncio.wait_for(_promotion(url, shop), PATIENCE)
            await telling
            assert shop.aliases["champion"] == champion
            assert [one.ok for one in found] == ([True] * 4 if champion == "8" else [True, True, False, True, True])
            shop.aliases["canary"] = "8"  # predictions alone may have sent it back, before labels were enough

            async def by_labels() -> bool:
                answer = await _verdict(url, "model=fraud&version=8&against=7")
                measured = r"recall is 0\.\d+ beside 0\.\d+ of version 7, of \d+ and \d+ labelled rows"
                return answer["ok"] is (champion == "8") and bool(re.search(measured, answer["reasons"][0]))

            await until(by_labels, "labels say the same", PATIENCE)
        finally:
            serving.cancel()
