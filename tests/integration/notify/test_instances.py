"""Which ones: message, thread and ``/incident show`` name the alerts that are alike by what tells them apart."""

from collections.abc import AsyncIterator, Callable

import msgspec
import pytest
from slack_sdk.web.async_client import AsyncWebClient

from bot.domain.event import AlertEvent
from bot.localslack import LocalSlack
from bot.notify.notifier import Notifier
from bot.notify.slack.channel import SlackChannel
from handlers.slack import SlackEndpoint
from handlers.slack.slash import answer
from tests.conftest import Clock
from tests.integration.pipeline_driver import Pipeline

MakeAlert = Callable[..., AlertEvent]
pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


class Shown:
    def __init__(self, pipeline: Pipeline, slack: LocalSlack) -> None:
        self.pipeline, self.slack = pipeline, slack
        channel = SlackChannel(AsyncWebClient(slack.bot_token, base_url=slack.api_url), "incidents")
        self.notifier = Notifier(pipeline.database, channel, pipeline.clock, interval=0)

    async def send(self, *events: AlertEvent) -> None:
        await self.pipeline.send(*events)
        while await self.notifier.reconcile():
            pass

    def message(self) -> str:
        [message] = self.slack.messages("incidents")
        return str(message["blocks"])

    def last_reply(self) -> str:
        [message] = self.slack.messages("incidents")
        return str(self.slack.replies("incidents", message["ts"])[-1]["blocks"])


@pytest.fixture
async def shown(pipeline: Pipeline) -> AsyncIterator[Shown]:
    async with LocalSlack() as slack:
        yield Shown(pipeline, slack)


def disk(alert: MakeAlert, number: int) -> AlertEvent:
    event = alert(alertname="DiskFull", service="storage", instance=f"node-{number}", cluster="eu")
    return msgspec.structs.replace(event, annotations={"value": f"{90 + number} %"}, link=f"https://prom/{number}")


async def test_the_message_names_the_first_instances_with_their_values_and_says_how_many_more(
    shown: Shown, alert: MakeAlert
) -> None:
    await shown.send(*[disk(alert, number) for number in range(8)])
    assert "*DiskFull* on storage ×8: instance=node-" in shown.message()
    assert shown.message().count("instance=node-") == 3
    assert " and 5 more" in shown.message()
    assert "%)" in shown.message()
    assert "cluster=eu" not in shown.message(), "what all have tells none apart"


async def test_the_thread_names_all_of_them_each_with_its_value_and_link(shown: Shown, alert: MakeAlert) -> None:
    await shown.send(*[disk(alert, number) for number in range(8)])
    reply = shown.last_reply()
    for number in range(8):
        assert f"node-{number}" in reply
        assert f"<https://prom/{number}|Source>" in reply
    assert reply.count(" %") >= 3


async def test_details_are_there_for_later_alerts_too(shown: Shown, alert: MakeAlert, clock: Clock) -> None:
    await shown.send(disk(alert, 0))
    clock.pass_(seconds=20)
    await shown.send(disk(alert, 7))
    assert "<https://prom/7|Source>" in shown.last_reply()
    assert "97 %" in shown.last_reply()
    assert "prom/0" not in shown.last_reply()


async def test_the_command_names_them(shown: Shown, alert: MakeAlert) -> None:
    await shown.send(*[disk(alert, number) for number in range(3)])
    endpoint = SlackEndpoint(shown.pipeline.database, {}, shown.pipeline.clock, on_change=lambda: None)
    incident = await shown.pipeline.only_incident()
    said = str(await answer(endpoint, "/incident", f"show {incident.number}", "U1"))
    assert all(f"instance=node-{number} ({90 + number} %)" in said for number in range(3))


async def test_a_long_link_is_whole_in_the_thread(shown: Shown, alert: MakeAlert) -> None:
    long = "https://grafana/d/x?var=" + "|".join(["abcdefgh"] * 200)
    await shown.send(msgspec.structs.replace(alert(), link=long, annotations={"summary": "It is slow"}))
    whole = long.replace("|", "%7C")
    assert whole in shown.last_reply()
    assert whole in shown.message() or "Source: in the thread" in shown.message()


async def test_the_title_stays_with_its_alert_until_one_is_more_severe(shown: Shown, alert: MakeAlert) -> None:
    await shown.send(alert(alertname="First"))
    await shown.send(*[alert(alertname="Second", instance=str(number)) for number in range(3)])
    assert (await shown.pipeline.only_incident()).title == "checkout: first"
    await shown.send(alert(alertname="Third", severity="critical"))
    assert (await shown.pipeline.only_incident()).title == "checkout: third"
