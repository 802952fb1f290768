"""A run is verified by what others are asked, too: queries and requests must hold, and stay so."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from bot.domain.event import AlertEvent
from bot.domain.run import Run, RunStatus
from bot.domain.runbook import Runbook
from bot.integrations.prometheus import PrometheusReader, Server
from bot.remediation.asking import perform_probe
from bot.remediation.evidence import Evidence
from bot.remediation.executors import UNPROTECTED
from tests.integration.pipeline_driver import Pipeline
from tests.integration.remediation.runs_driver import Night, book, night

MakeAlert = Callable[..., AlertEvent]
pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


class Shop:
    """Answers as Prometheus does, and as a shop whose health is asked; a test changes what it says."""

    def __init__(self) -> None:
        self.value, self.was, self.health = "0.7", "5", 500
        self.broken = False
        self.asked: list[str] = []
        app = web.Application()
        app.router.add_get("/api/v1/query", self._query)
        app.router.add_get("/api/v1/query_range", self._range)
        app.router.add_get("/healthz", self._healthz)
        self.server = TestServer(app)

    @property
    def url(self) -> str:
        return str(self.server.make_url("/"))

    async def _query(self, request: web.Request) -> web.Response:
        self.asked.append(request.query["query"])
        if self.broken:
            return web.Response(status=503)
        result = [{"metric": {}, "value": [1.0, self.value]}] if self.value else []
        return self._answer("vector", result)

    async def _range(self, _request: web.Request) -> web.Response:
        return self._answer("matrix", [{"metric": {}, "values": [[1.0, "NaN"], [2.0, self.was], [3.0, self.was]]}])

    def _answer(self, kind: str, result: Any) -> web.Response:
        return web.json_response({"status": "success", "data": {"resultType": kind, "result": result}})

    async def _healthz(self, _request: web.Request) -> web.Response:
        return web.Response(status=self.health, text="the queue is full" if self.health != 200 else "ok")


@pytest.fixture
async def shop() -> Any:
    shop = Shop()
    async with shop.server:
        yield shop


async def _approved(pipeline: Pipeline, alert: MakeAlert, shop: Shop, runbook: Runbook) -> tuple[Night, Run]:
    reader = PrometheusReader({"main": Server(shop.url)})
    probe = partial(perform_probe, secrets={}, protection=UNPROTECTED)
    here = await night(pipeline, Evidence(query=reader.read, probe=probe), restart=runbook)
    await here.pipeline.send(alert())
    return here, await here.approve()


def asking(**verify: Any) -> Runbook:
    return book(verify={"within": "60s", "stable_for": "10s", **verify})


QUERY = {"prometheus": "main", "expr": 'sum(rate(http_errors_total{service="${service}"}[1m]))', "below": 0.5}


async def test_alerts_and_query_must_both_hold_and_stay_so(pipeline: Pipeline, alert: MakeAlert, shop: Shop) -> None:
    here, run = await _approved(pipeline, alert, shop, asking(query=QUERY))

    async def says(value: str) -> None:
        shop.value = value

    here.at(5, lambda: here.pipeline.send(alert("resolved")))
    here.at(10, lambda: says("0.2"))
    here.at(15, lambda: says("0.9"))  # not long enough
    here.at(30, lambda: says("0.1"))
    ended = await here.carry_out(run)
    assert ended.status is RunStatus.SUCCEEDED
    assert 40 <= here.seconds <= 45
    assert 'http_errors_total{service="checkout"}[1m])) is below 0.5' in ended.outcome
    assert set(shop.asked) == {'sum(rate(http_errors_total{service="checkout"}[1m]))'}


async def test_a_value_that_does_not_recover_rolls_it_back_and_is_named(
    pipeline: Pipeline, alert: MakeAlert, shop: Shop
) -> None:
    here, run = await _approved(pipeline, alert, shop, asking(query=QUERY))
    here.at(5, lambda: here.pipeline.send(alert("resolved")))
    ended = await here.carry_out(run)
    assert ended.status is RunStatus.ROLLED_BACK
    assert "is 0.7, not below 0.5" in ended.outcome


@pytest.mark.parametrize("how", ["broken", "empty", "nan", "away"])
async def test_what_cannot_be_read_is_not_verified_and_undoes_nothing(
    pipeline: Pipeline, alert: MakeAlert, shop: Shop, how: str
) -> None:
    shop.broken, shop.value = how == "broken", {"empty": "", "nan": "NaN"}.get(how, "0.1")
    here, run = await _approved(pipeline, alert, shop, asking(query=QUERY))
    if how == "away":
        await shop.server.close()
    here.at(5, lambda: here.pipeline.send(alert("resolved")))
    ended = await here.carry_out(run)
    assert ended.status is RunStatus.FAILED
    assert ended.outcome.startswith("It could not be verified within 1m: sum(rate(http_errors_total")
    assert "Nothing was rolled back" in ended.outcome


@pytest.mark.parametrize("value, status", [("5.5", RunStatus.SUCCEEDED), ("9", RunStatus.ROLLED_BACK)])
async def test_a_value_is_compared_with_what_it_was_before_the_incident(
    pipeline: Pipeline, alert: MakeAlert, shop: Shop, value: str, status: RunStatus
) -> None:
    shop.value = value
    query = {"prometheus": "main", "expr": "queue_depth", "below_before": 1.2}
    here, run = await _approved(pipeline, alert, shop, asking(query=query, alerts_resolved=False))
    assert (await here.carry_out(run)).status is status


async def test_a_request_must_be_answered_as_expected(pipeline: Pipeline, alert: MakeAlert, shop: Shop) -> None:
    here, run = await _approved(pipeline, alert, shop, asking(http={"url": f"{shop.url}healthz"}))

    async def recovers() -> None:
        shop.health = 200

    here.at(5, lambda: here.pipeline.send(alert("resolved")))
    here.at(20, recovers)
    ended = await here.carry_out(run)
    assert (ended.status, 30 <= here.seconds <= 35) == (RunStatus.SUCCEEDED, True)
    assert f"GET {shop.url}healthz succeeds" in ended.outcome


async def test_a_request_that_fails_on_is_named_with_its_answer(
    pipeline: Pipeline, alert: MakeAlert, shop: Shop
) -> None:
    here, run = await _approved(
        pipeline, alert, shop, asking(http={"url": f"{shop.url}healthz"}, alerts_resolved=False)
    )
    ended = await here.carry_out(run)
    assert ended.status is RunStatus.ROLLED_BACK
    assert "healthz is not as it should be: HTTP 500" in ended.outcome
