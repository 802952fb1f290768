"""The overview: services as a graph, who is on call, what was approved, what is noisy; of the token's domains."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from bot.domain.event import AlertEvent
from bot.domain.noise import Noise
from bot.domain.oncall.schedule import Schedule
from bot.domain.rules import Rules
from bot.domain.runbook import Runbook
from bot.incidents import lifecycle
from bot.incidents.noise import noise_since
from bot.routing.schedules.roster import Roster
from bot.storage.database import Database
from bot.storage.queries import noise
from handlers.pages import lately
from tests.conftest import Clock
from tests.integration.handlers.slack_workspace import MEMBER
from tests.integration.pages.browsers import Browser, Page, browser
from tests.integration.pipeline_driver import Pipeline
from tests.integration.remediation.runs_driver import book, night

MakeAlert = Callable[..., AlertEvent]


def roster_of(pipeline: Pipeline, people: dict[str, str], **schedules: dict[str, Any]) -> Roster:
    known = {name: Schedule.model_validate(one) for name, one in schedules.items()}
    return Roster(pipeline.database, known, people, pipeline.clock)


def _section(page: Page, heading: str, following: str) -> str:
    return page.text.partition(heading)[2].partition(following)[0]


async def test_services_are_a_graph_with_their_state_and_the_list_says_the_same(
    pipeline: Pipeline, alert: MakeAlert
) -> None:
    rules = Rules(depends_on={"shop": ["cart", "checkout"], "checkout": ["db"], "cart": ["db"], "db": ["shop"]})
    here = Pipeline(pipeline.database, pipeline.inbox, pipeline.clock, rules)
    await here.send(alert(service="checkout", severity="critical", cluster="us-2"))
    async with browser(here) as opened:
        page, domain = await opened.open("/", "all-secret"), await opened.open("/", "eu-secret")
    [graph] = page.all("svg")
    assert graph["role"] == "img"
    words = "4 services and 5 dependencies. With open incidents: checkout critical. The list below says the same."
    assert graph["aria-label"] == words
    assert [node["class"] for node in page.all("rect")].count("node critical") == 1
    assert "critical #1" in page.text
    assert [node["class"] for node in domain.all("rect")].count("node critical") == 0
    assert "With open incidents: none." in str(domain.all("svg")[0]["aria-label"])


async def test_without_dependencies_there_is_the_list_alone(pipeline: Pipeline, alert: MakeAlert) -> None:
    await pipeline.send(alert(service="checkout"))
    async with browser(pipeline) as opened:
        page = await opened.open("/", "all-secret")
    assert (page.all("svg"), "checkout" in page.text) == ([], True)


async def test_who_is_on_call_now_is_named_as_in_the_configuration_with_what_is_not_sure(pipeline: Pipeline) -> None:
    people = {"ana@shop.example": MEMBER, "Ana": MEMBER}
    roster = roster_of(pipeline, people, shop={"rotation": ["Ana"]}, web={"rotation": ["Ada"]})
    async with browser(pipeline, roster=roster) as opened:
        page = await opened.open("/", "all-secret")
        assert "On call" not in (await opened.open("/", "models-secret")).text
    said = _section(page, "Schedule", "Services")
    assert "shop" in said and "Ana" in said and "@" not in said
    assert "Ada is on call in web and cannot be found in Slack" in said


async def test_what_was_approved_lately_is_shown_with_who_did_it_and_to_whom_the_domain_is_open(
    pipeline: Pipeline, alert: MakeAlert, clock: Clock
) -> None:
    runbooks: dict[str, Runbook] = {"restart": book(), "other": book(title="Drain checkout")}
    here = await night(pipeline, None, None, **runbooks)
    await here.pipeline.send(alert(service="checkout", cluster="us-2"))
    await here.approve()
    async with browser(here.pipeline) as opened:
        page, domain = await opened.open("/", "all-secret"), await opened.open("/", "eu-secret")
        clock.pass_(days=8)
        later = await opened.open("/", "all-secret")
    said = _section(page, "Approved in the last 7 days", "Noise of")
    assert "Restart checkout" in said and "U1" in said and "#1" in said
    assert "Drain checkout" not in said, "it is only proposed"
    assert "No run was approved." in domain.text
    assert "No run was approved." in later.text


async def test_noise_is_what_came_most_often_and_led_to_nothing(
    pipeline: Pipeline, alert: MakeAlert, clock: Clock
) -> None:
    await pipeline.send(*[alert(alertname="Flaky", service="mail", pod=f"{n}", cluster="eu-1") for n in range(3)])
    await pipeline.send(alert(alertname="Rare", service="mail", cluster="eu-1"))
    await pipeline.send(alert(alertname="Elsewhere", service="db", cluster="us-2"))
    await pipeline.send(alert(alertname="Acted", service="web", cluster="ap-3"))
    [acted] = [one for one in await pipeline.incidents() if one.domain == "ap-3"]
    await lifecycle.acknowledge(pipeline.database, acted.id, MEMBER, clock())
    async with browser(pipeline) as opened:
        page, domain = await opened.open("/", "all-secret"), await opened.open("/", "eu-secret")
        await pipeline.send(*[alert(alertname="New", service="mail", pod=f"{n}", cluster="us-2") for n in range(9)])
        assert "New" not in _section(await opened.open("/", "all-secret"), "Noise of", "Models"), "once a minute"
        clock.pass_(minutes=1)
        assert "New" in _section(await opened.open("/", "all-secret"), "Noise of", "Models")
        clock.pass_(days=8)
        later = await opened.open("/", "all-secret")
    said = _section(page, "Noise of the last 7 days", "Models").split()
    assert [said.index(name) for name in ("Flaky", "Elsewhere", "Rare")] == sorted(
        said.index(name) for name in ("Flaky", "Elsewhere", "Rare")
    )
    assert "3×" in said and "Acted" not in said
    own = _section(domain, "Noise of the last 7 days", "Models")
    assert "Flaky" in own and "Elsewhere" not in own
    assert "No alert came for nothing." in later.text


async def test_an_overview_of_the_longest_names_is_small_and_its_graph_bounded(
    pipeline: Pipeline, alert: MakeAlert
) -> None:
    names = [f"{n:02}" + '"' * 148 for n in range(60)]
    rules = Rules(depends_on={name: [*names[:n], *names[n + 1 :]] for n, name in enumerate(names)})
    here = Pipeline(pipeline.database, pipeline.inbox, pipeline.clock, rules)
    await here.send(*[alert(alertname="&" * 300 + str(n), service=name) for n, name in enumerate(names)])
    async with browser(here) as opened:
        page = await opened.open("/", "all-secret")
    assert (page.status, page.size <= 100_000) == (200, True), page.size
    assert len([node for node in page.all("rect")]) == 36
    assert "24 more are in the list only." in page.text


async def test_a_page_does_not_wait_for_noise_that_takes_long_to_count(
    pipeline: Pipeline, alert: MakeAlert, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted, may_count = [], asyncio.Event()

    async def slow(database: Database, *asked: Any) -> list[Noise]:
        counted.append(asked)
        await may_count.wait()
        return await noise_since(database, *asked)

    async def noise(opened: Browser) -> str:
        return _section(await opened.open("/", "all-secret"), "Noise of", "Models")

    await pipeline.send(alert(alertname="Flaky", service="mail"))
    monkeypatch.setattr(lately, "noise_since", slow)
    async with browser(pipeline) as opened:
        monkeypatch.setattr(lately, "PATIENCE", 0.01)
        assert "It is being counted" in await noise(opened)
        assert "It is being counted" in await noise(opened)
        assert len(counted) == 1, "it is counted once, however many look"
        may_count.set()
        monkeypatch.setattr(lately, "PATIENCE", 60.0)
        assert "Flaky on mail" in await noise(opened)
        may_count.clear()
        monkeypatch.setattr(lately, "PATIENCE", 0.01)
        pipeline.clock.pass_(minutes=2)
        assert "Flaky on mail" in await noise(opened), "what was counted before"
        pipeline.clock.pass_(minutes=20)
        assert "It is being counted" in await noise(opened), "too long ago"


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_counting_what_is_noisy_of_very_many_alerts_lets_pages_have_their_turn(
    pipeline: Pipeline, alert: MakeAlert, monkeypatch: pytest.MonkeyPatch
) -> None:
    await pipeline.send(*(alert(alertname=f"Alert{place}") for place in range(600)))
    read, most, seen = 0, 0, 0
    make = noise._episode

    def count(row: Any) -> Any:
        nonlocal read
        read += 1
        return make(row)

    async def others() -> None:
        nonlocal most, seen
        while True:
            await asyncio.sleep(0)
            most, seen = max(most, read - seen), read

    monkeypatch.setattr(noise, "_episode", count)
    turns = asyncio.create_task(others())
    found = await noise_since(pipeline.database, pipeline.clock() - timedelta(days=7), pipeline.clock())
    turns.cancel()
    assert (len(found), read) == (600, 600)
    assert most <= 250
