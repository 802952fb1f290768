"""“Not useful” in Slack makes a watch's group alert more rarely, and ``/incident noise`` says what is noisy."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from slack_sdk.web.async_client import AsyncWebClient

from bot.domain.event import AlertEvent
from bot.domain.watched.sensitivity import MOST, NOT_BY_CHANCE, WatchGroup
from bot.domain.watched.telemetry import Watched
from bot.errors import Refused
from bot.incidents import feedback, lifecycle
from bot.localslack import LocalSlack
from bot.notify.notifier import Notifier
from bot.notify.slack.channel import SlackChannel
from bot.storage.queries import audit, sensitivity
from bot.watches.forecast.alerts import DISK_FULL, SATURATION
from bot.watches.logs.alerts import ALERT_NAMES
from bot.watches.logs.silence import MISSING as LOGS_MISSING
from bot.watches.metrics.alerts import MISSING, UNLIKE_PEERS
from handlers.slack import SlackEndpoint, add_slack_route, make_bolt_app
from handlers.slack.answers import NotDone
from handlers.slack.registry import INCIDENT
from handlers.slack.slash import answer
from tests.conftest import Clock
from tests.integration.pipeline_driver import Pipeline

ANA, BEN = "U012AB3CD", "U0BYSTAND"
SECRET = "local-secret"
WATCHED = {"latency": Watched.model_validate({"match": ["__name__=latency"], "one_false_alarm_in": "7d"})}
GROUP = "latency cluster=eu service=checkout"
MakeAlert = Callable[..., AlertEvent]


@pytest.fixture
def found(alert: MakeAlert) -> MakeAlert:
    """A maker of alerts that the watch over latencies raised."""

    def make(status: str = "firing", service: str = "checkout", **labels: str) -> AlertEvent:
        said = {"alertname": "MetricAnomaly", "watch": "latency", "cluster": "eu", **labels}
        event = alert(status, group=f"latency cluster=eu service={service}", service=service, **said)
        return msgspec.structs.replace(event, source="tandem")

    return make


class Told:
    """A pipeline, its incidents in a local Slack, and the door for what people do there."""

    def __init__(self, pipeline: Pipeline, slack: LocalSlack, watched: Mapping[str, Watched]) -> None:
        self.pipeline, self.slack = pipeline, slack
        client = AsyncWebClient(slack.bot_token, base_url=slack.api_url)
        self.notifier = Notifier(pipeline.database, SlackChannel(client, "incidents"), pipeline.clock, interval=0)
        self.door = web.Application()
        self.changed = asyncio.Event()
        self.endpoint = SlackEndpoint(pipeline.database, {}, pipeline.clock, self.changed.set, watched)
        bolt = make_bolt_app(client, SECRET, self.endpoint)
        add_slack_route(self.door, bolt, client, SECRET, self.endpoint)

    async def send(self, *events: AlertEvent) -> None:
        await self.pipeline.send(*events)
        await self.tell()

    async def tell(self) -> None:
        while await self.notifier.reconcile():
            pass

    def message(self) -> dict[str, Any]:
        [message] = self.slack.messages("incidents")
        return message

    def buttons(self) -> dict[str, str]:
        """Those about usefulness, each with what stands on it."""
        return {option["value"].split()[0]: option["text"]["text"] for option in _options_of(self.message())}

    def thread(self) -> str:
        return str(self.slack.replies("incidents", self.message()["ts"]))

    async def click(self, user: str, ts: str) -> None:
        """Click “Not useful”, and wait until what it does is done: Slack has its answer before that."""
        self.changed.clear()
        assert await self.slack.click(user, "incidents", ts, "alert.not_useful") == 200
        async with asyncio.timeout(10):
            await self.changed.wait()

    async def factors(self) -> dict[WatchGroup, float]:
        async with self.pipeline.database.read() as connection:
            return await sensitivity.factors(connection, WATCHED)

    async def ask(self, text: str, user: str = ANA) -> str:
        return str(await answer(self.endpoint, INCIDENT, text, user))


@pytest.fixture
async def told(pipeline: Pipeline, clock: Clock) -> AsyncIterator[Told]:
    clock.now = datetime.now(UTC)  # Bolt compares signatures with the machine's own clock
    async with LocalSlack(signing_secret=SECRET) as slack:
        told = Told(pipeline, slack, WATCHED)
        async with TestServer(told.door) as server:
            slack.request_url = str(server.make_url("/slack/events"))
            yield told


async def test_a_click_makes_the_group_alert_half_as_often_says_so_and_is_audited(told: Told, found: MakeAlert) -> None:
    await told.send(found())
    assert told.buttons() == {"alert.not_useful": "Not useful"}
    await told.click(ANA, told.message()["ts"])
    group = WatchGroup("eu", "latency", GROUP)
    assert await told.factors() == {group: 2.0}
    await told.tell()
    assert told.buttons() == {}
    assert f"{GROUP} will alert half as often, one false alarm in 14d instead of 7d" in told.thread()
    assert f"undo with /incident noise undo {group.name}" in told.thread()
    async with told.pipeline.database.read() as connection:
        [entry] = await audit.entries(connection, "watch latency")
    assert (entry["actor"], entry["action"]) == (ANA, "alert.not_useful")


async def test_a_second_click_in_the_same_incident_changes_nothing(told: Told, found: MakeAlert) -> None:
    await told.send(found())
    ts = told.message()["ts"]
    for user in (ANA, BEN):
        await told.click(user, ts)
    assert list((await told.factors()).values()) == [2.0]
    [refusal] = told.slack.ephemerals(BEN)
    assert "already" in refusal["text"]


async def test_each_group_has_a_button_and_what_no_rate_governs_has_none(
    told: Told, found: MakeAlert, alert: MakeAlert
) -> None:
    await told.send(
        found(), found(service="cart"), *[found(alertname=name, service="c") for name in NOT_BY_CHANCE], alert()
    )
    assert len(await told.pipeline.incidents()) >= 1
    labels = {label for message in told.slack.messages("incidents") for label in _labels_of(message)}
    assert labels <= {"Not useful", f"Not useful: {GROUP}", "Not useful: latency cluster=eu service=cart"}
    assert labels


def _labels_of(message: dict[str, Any]) -> list[str]:
    return [option["text"]["text"] for option in _options_of(message)]


def _options_of(message: dict[str, Any]) -> list[dict[str, Any]]:
    """What the menu of a message offers about usefulness."""
    elements = [e for block in message["blocks"] for e in block.get("elements", [])]
    options = [option for e in elements for option in e.get("options", [])]
    return [option for option in options if option["value"].startswith("alert.not_useful")]


def test_the_alerts_that_no_rate_governs_have_the_names_that_the_watches_give_them() -> None:
    assert {MISSING, UNLIKE_PEERS, ALERT_NAMES["stopped"], LOGS_MISSING, SATURATION, DISK_FULL} == NOT_BY_CHANCE


async def test_an_alert_of_another_source_has_no_such_button(told: Told, alert: MakeAlert) -> None:
    await told.send(alert(watch="latency"))
    assert told.buttons() == {}


async def test_undo_takes_it_back_by_the_groups_name_or_the_watchs(told: Told, found: MakeAlert) -> None:
    await told.send(found())
    for name in (WatchGroup("eu", "latency", GROUP).name, "latency"):
        incident = (await told.pipeline.incidents())[-1]
        [known] = await told.pipeline.alerts_of(incident)
        await feedback.not_useful(
            told.pipeline.database, WATCHED, incident.id, known.identity, ANA, told.pipeline.clock()
        )
        assert GROUP in await told.ask(f"noise undo {name}")
        assert await told.factors() == {}
    with pytest.raises(NotDone, match="Nobody made"):
        await told.ask("noise undo latency")


async def test_a_group_is_never_made_deaf(told: Told, found: MakeAlert, clock: Clock) -> None:
    for _ in range(6):
        await told.pipeline.send(found())
        incident = (await told.pipeline.incidents())[-1]
        [known] = await told.pipeline.alerts_of(incident)
        await feedback.not_useful(told.pipeline.database, WATCHED, incident.id, known.identity, ANA, clock())
        await told.pipeline.send(found("resolved"))
        clock.pass_(hours=2)
    assert set((await told.factors()).values()) == {MOST}
    await told.pipeline.send(found())
    incident = (await told.pipeline.incidents())[-1]
    [known] = await told.pipeline.alerts_of(incident)
    with pytest.raises(Refused, match="times as quiet"):
        await feedback.not_useful(told.pipeline.database, WATCHED, incident.id, known.identity, ANA, clock())


async def test_noise_names_first_what_came_most_often_and_led_to_nothing(
    told: Told, found: MakeAlert, alert: MakeAlert, clock: Clock
) -> None:
    for n in range(4):
        await told.pipeline.send(
            alert(alertname="Noisy", service="cart"), alert(alertname="Useful", service="pay", cluster="us")
        )
        for incident in await told.pipeline.incidents():
            if incident.open and "pay" in incident.services:
                await lifecycle.acknowledge(told.pipeline.database, incident.id, ANA, clock())
        clock.pass_(minutes=5 + n)
        await told.pipeline.send(
            alert("resolved", alertname="Noisy", service="cart"),
            alert("resolved", alertname="Useful", service="pay", cluster="us"),
        )
        clock.pass_(hours=2)
    await told.pipeline.send(found())
    said = await told.ask("noise")
    noisy, useful, watched = (said.index(name) for name in ("*Noisy on", "*Useful on", "*MetricAnomaly on"))
    assert noisy < watched < useful
    assert "*Noisy on cart*: 4 times, 0% led to an acknowledgement or a run, half lasted 6m 30s or less" in said
    assert "saved 4 of 4 messages and hidden none that was acted on" in said
    assert "`/incident noise patch Noisy`" in said
    assert "*Useful on pay*: 4 times, 100% led" in said
    assert "“Not useful” on its incident" in said
    clock.pass_(days=30)
    assert "No alert came in the last 7 days" in await told.ask("noise 7d")
    with pytest.raises(NotDone, match="how many days"):
        await told.ask("noise 9000")


async def test_noise_counts_how_often_an_alert_began_to_flap(told: Told, alert: MakeAlert, clock: Clock) -> None:
    for _ in range(4):
        for status in ("firing", "resolved"):
            await told.pipeline.send(alert(status))
            clock.pass_(seconds=40)
    assert "*HighLatency on checkout*: once, 0% led to an acknowledgement or a run, flapped 1×" in await told.ask(
        "noise"
    )


async def test_noise_tells_what_was_made_less_sensitive(told: Told, found: MakeAlert, clock: Clock) -> None:
    await told.send(found())
    await told.click(ANA, told.message()["ts"])
    undo = f"`/incident noise undo {WatchGroup('eu', 'latency', GROUP).name}`"
    assert f"`{GROUP}` alerts 2 times as rarely as configured; {undo}" in await told.ask("noise")
    clock.pass_(seconds=timedelta(days=40).total_seconds())
    assert undo in await told.ask("noise")
