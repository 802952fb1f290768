"""The verdict on a service since a change: worse, not worse, or too early; and looking often costs no false alarms."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from urllib.parse import quote

import pytest
from aiohttp import encode_basic_auth

from bot.domain.event import AlertEvent, ChangeEvent, ChangeKind
from bot.domain.rules import Rules
from tests.conftest import Clock
from tests.integration.api.programs import Programs, api
from tests.integration.pipeline_driver import Pipeline

MakeAlert = Callable[..., AlertEvent]
pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture
async def known(pipeline: Pipeline) -> Pipeline:
    rules = Rules(depends_on={"web": ["checkout"]})
    return await Pipeline(pipeline.database, pipeline.inbox, pipeline.clock, rules).prepare()


async def _verdict(programs: Programs, clock: Clock, minutes: float = 0, service: str = "checkout", **more: Any) -> Any:
    since = quote((clock.now - timedelta(minutes=minutes)).isoformat())
    rest = "".join(f"&{name}={value}" for name, value in more.items())
    return await programs.ci.ok("GET", f"/api/verdict?service={service}&since={since}{rest}")


async def test_it_is_too_early_then_not_worse_and_says_for_how_long(known: Pipeline, clock: Clock) -> None:
    async with api(known) as programs:
        early = await _verdict(programs, clock, 4)
        assert (early["ok"], early["confidence"]) == (None, 0)
        assert early["reasons"] == ["nothing new is wrong so far; it is too early for another 6m"]
        good = await _verdict(programs, clock, 10)
        assert (good["ok"], good["confidence"]) == (True, 0.5)  # nothing is known of changes of before
        assert good["reasons"] == ["nothing is wrong that was not before, for 10m"]
        assert (await _verdict(programs, clock, 4, settle="3m"))["ok"] is True


async def test_alerts_that_began_since_make_it_worse(known: Pipeline, alert: MakeAlert, clock: Clock) -> None:
    async with api(known) as programs:
        clock.pass_(minutes=2)
        await known.send(alert(severity="critical"))
        clock.pass_(minutes=1)
        worse = await _verdict(programs, clock, 3)
        assert worse["ok"] is False
        assert worse["confidence"] >= 0.95
        assert worse["reasons"] == ["HighLatency began since the change; 0 began in the 0s before"]
        clock.pass_(minutes=30)
        assert (await _verdict(programs, clock, 33))["ok"] is False  # it stays so
        assert (await _verdict(programs, clock, 20))["ok"] is True  # a later change has not made it worse
        assert (await _verdict(programs, clock, 33, "web"))["ok"] is True  # nor has it made another service


async def test_what_alerts_all_the_time_is_not_worse_for_one_more(
    known: Pipeline, alert: MakeAlert, clock: Clock
) -> None:
    for number in range(40):
        await known.send(alert(pod=str(number)))
        await known.send(alert("resolved", pod=str(number)))
        clock.pass_(hours=1)
    async with api(known) as programs:
        clock.pass_(minutes=20)
        await known.send(alert(pod="one more"))
        usual = await _verdict(programs, clock, 20)
        assert usual["ok"] is None
        assert usual["reasons"][0].startswith("HighLatency began since the change, which is not unusual yet; 40 began")


async def test_information_is_no_trouble_and_an_unknown_service_has_no_verdict(
    known: Pipeline, alert: MakeAlert, clock: Clock
) -> None:
    async with api(known) as programs:
        await known.send(alert(severity="info"))
        assert (await _verdict(programs, clock, 20))["ok"] is True
        unknown = await _verdict(programs, clock, 20, "nobody")
        assert (unknown["ok"], unknown["reasons"]) == (None, ["nothing is known of nobody"])


@pytest.mark.parametrize(
    "query",
    [
        "service=checkout",
        "since=2026-03-01T11:00:00Z",
        "service=checkout&since=yesterday",
        "service=checkout&since=2026-03-01T11:00:00",
        "service=checkout&since=2026-03-02T12:00:00Z",
        "service=checkout&since=2025-03-01T12:00:00Z",
        "service=checkout&since=2026-03-01T11:00:00Z&settle=soon",
        "service=checkout&since=2026-03-01T11:00:00Z&windw=1h",
    ],
)
async def test_a_question_that_makes_no_sense_is_refused(known: Pipeline, query: str) -> None:
    async with api(known) as programs:
        await programs.ci.problem(400, "GET", f"/api/verdict?{query}")


HOOK = {"name": "checkout", "namespace": "shop", "phase": "Progressing", "checksum": "85d557f47b", "failedChecks": 0}


async def _changed(pipeline: Pipeline, clock: Clock, kind: ChangeKind = ChangeKind.DEPLOY) -> None:
    await pipeline.send(ChangeEvent("kubernetes", f"{clock.now}", "checkout", kind, "checkout 1.4.2", clock.now))


async def test_a_webhook_of_flagger_is_refused_where_the_service_is_worse_since_its_last_change(
    known: Pipeline, alert: MakeAlert, clock: Clock
) -> None:
    async with api(known) as programs:
        await _changed(known, clock)
        clock.pass_(minutes=2)
        early = await programs.ci.ok("POST", "/api/verdict", HOOK)
        assert early["ok"] is None, "the analysis goes on"
        gate = HOOK | {"metadata": {"settled": "true"}}
        assert "Too early to say" in await programs.ci.problem(409, "POST", "/api/verdict", gate)
        clock.pass_(minutes=10)
        assert (await programs.ci.ok("POST", "/api/verdict", gate))["ok"] is True
        await _changed(known, clock)
        clock.pass_(minutes=1)
        await known.send(alert(severity="critical"))
        await _changed(known, clock, ChangeKind.SCALING)  # which is no new version
        clock.pass_(minutes=1)
        assert "It is worse: HighLatency began" in await programs.ci.problem(409, "POST", "/api/verdict", HOOK)


async def test_without_a_change_that_is_known_it_is_too_early(known: Pipeline) -> None:
    async with api(known) as programs:
        found = await programs.ci.ok("POST", "/api/verdict", HOOK | {"metadata": {"service": "web"}})
        assert (found["ok"], found["reasons"]) == (None, ["no change of web is known of the last 1d"])


async def test_a_question_about_a_model_that_makes_no_sense_is_refused_before_anything_has_changed(
    known: Pipeline,
) -> None:
    async with api(known) as programs:
        for query, why in (("", "version"), ("&version=8&against=8", "against"), ("&version=8&settle=soon", "settle")):
            assert f"{why}: " in await programs.ci.problem(400, "GET", f"/api/verdict?model=fraud{query}")
        gate = HOOK | {"metadata": {"service": "web", "settled": "True"}}
        assert "settled: true or false" in await programs.ci.problem(400, "POST", "/api/verdict", gate)
        found = await programs.ci.ok("GET", "/api/verdict?model=frau&version=8")
        assert (found["ok"], found["reasons"]) == (None, ["nothing is known of the model frau"])


async def test_a_token_in_the_address_is_enough(known: Pipeline) -> None:
    async with api(known) as programs:
        client = programs.client
        for token, status in (("ci-secret", 200), ("other", 401)):
            login = {"Authorization": encode_basic_auth("tandem", token)}
            async with client.post("/api/verdict", json=HOOK, headers=login) as answer:
                assert answer.status == status
