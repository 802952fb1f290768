"""Who is on call in PagerDuty, Opsgenie and Grafana IRM, as their APIs answer."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from bot.config.environment import Environment
from bot.domain.oncall.schedule import Schedule
from bot.domain.oncall.shift import Shift
from bot.integrations.http import ToolRefused
from bot.integrations.oncall.fetching import Fetching

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


class Tools:
    def __init__(self) -> None:
        self.asked: list[web.Request] = []

    async def pagerduty(self, request: web.Request) -> web.Response:
        """https://developer.pagerduty.com/api-reference/3a6b910f11050-list-all-of-the-on-calls"""
        self.asked.append(request)
        if request.headers.get("Authorization") != "Token token=pd-token":
            return web.json_response({"error": {"message": "Unauthorized"}}, status=401)
        first = request.query["offset"] == "0"
        user = {"id": "PT23IWX", "type": "user", "summary": "Tim Wright", "email": "tim@shop.example"}
        entry = {"escalation_level": 1, "user": user, "schedule": {"id": "PSCHED1"}}
        times = {"start": "2026-03-01T10:00:00-05:00", "end": "2026-03-02T10:00:00-05:00"}
        later = {"start": "2026-03-02T15:00:00Z", "end": None}
        return web.json_response({"oncalls": [entry | times] * 2 if first else [entry | later], "more": first})

    async def opsgenie(self, request: web.Request) -> web.Response:
        """https://docs.opsgenie.com/docs/schedule-api#get-schedule-timeline"""
        self.asked.append(request)
        period = {"startDate": "2026-03-01T09:00:00Z", "endDate": "2026-03-08T09:00:00Z", "type": "default"}
        somebody = {"id": "4580", "type": "user", "name": "ada@shop.example"}
        periods = [period | {"recipient": somebody}, period | {"recipient": {"type": "none"}}, period]
        return web.json_response({"data": {"finalTimeline": {"rotations": [{"name": "Rot1", "periods": periods}]}}})

    async def grafana(self, request: web.Request) -> web.Response:
        """https://grafana.com/docs/oncall/latest/oncall-api-reference/schedules/"""
        self.asked.append(request)
        shift = {
            "user_pk": "U4DNY931HHJS5",
            "user_email": "ben@shop.example",
            "user_username": "ben",
            "shift_start": "2026-03-01T00:00:00Z",
            "shift_end": "2026-03-02T00:00:00Z",
        }
        return web.json_response({"count": 1, "next": None, "previous": None, "results": [shift]})


@pytest.fixture
async def tools(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Tools]:
    serving, app = Tools(), web.Application()
    app.router.add_get("/oncalls", serving.pagerduty)
    app.router.add_get("/v2/schedules/{name}/timeline", serving.opsgenie)
    app.router.add_get("/api/v1/schedules/{id}/final_shifts/", serving.grafana)
    async with TestServer(app) as server:
        for name in ("PAGERDUTY", "OPSGENIE", "GRAFANA_IRM"):
            monkeypatch.setenv(f"TANDEM_{name}_URL", str(server.make_url("")))
        monkeypatch.setenv("TANDEM_PAGERDUTY_TOKEN", "pd-token")
        monkeypatch.setenv("TANDEM_OPSGENIE_TOKEN", "og-token")
        monkeypatch.setenv("TANDEM_GRAFANA_IRM_TOKEN", "irm-token")
        monkeypatch.setenv("TANDEM_GRAFANA_URL", "https://stack.grafana.example")
        yield serving


async def fetched(**written: Any) -> list[Shift]:
    async with aiohttp.ClientSession() as session:
        return await Fetching(session, Environment(), {})(Schedule.model_validate(written), NOON)


async def test_pagerdutys_on_calls_are_read_page_by_page_and_each_counts_once(tools: Tools) -> None:
    found = await fetched(pagerduty="PSCHED1")
    assert [(shift.begins.isoformat(), shift.people) for shift in found] == [
        ("2026-03-01T15:00:00+00:00", ("tim@shop.example",)),
        ("2026-03-02T15:00:00+00:00", ("tim@shop.example",)),
    ]
    assert tools.asked[0].query["schedule_ids[]"] == "PSCHED1"


async def test_opsgenies_timeline_is_read_by_the_schedules_name(tools: Tools) -> None:
    [shift] = await fetched(opsgenie="Shop / night")
    assert shift.people == ("ada@shop.example",)
    [asked] = tools.asked
    assert asked.match_info["name"] == "Shop / night"
    assert asked.query["identifierType"] == "name"
    assert asked.headers["Authorization"] == "GenieKey og-token"


async def test_the_final_shifts_of_grafana_irm_are_read(tools: Tools) -> None:
    [shift] = await fetched(grafana_irm="SBM7DV7BKFUYU")
    assert shift.people == ("ben@shop.example",)
    [asked] = tools.asked
    assert asked.headers["X-Grafana-URL"] == "https://stack.grafana.example"
    assert asked.query["start_date"] == "2026-02-28"


async def test_a_token_that_is_missing_or_refused_is_said_without_it(
    tools: Tools, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TANDEM_PAGERDUTY_TOKEN", "wrong-token")
    with pytest.raises(ToolRefused, match="status 401") as refused:
        await fetched(pagerduty="PSCHED1")
    assert "wrong-token" not in str(refused.value)
    monkeypatch.delenv("TANDEM_PAGERDUTY_TOKEN")
    with pytest.raises(ToolRefused, match="TANDEM_PAGERDUTY_TOKEN is not set"):
        await fetched(pagerduty="PSCHED1")
