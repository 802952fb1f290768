"""What gets worse reaches people: one reply in the thread that the channel shows too, once, whatever fails."""

from collections.abc import AsyncIterator, Callable
from datetime import datetime, timedelta

import pytest
from slack_sdk.web.async_client import AsyncWebClient

from bot.domain.event import AlertEvent
from bot.domain.incident import TimelineEntry, TimelineKind
from bot.localslack import LocalSlack
from bot.notify.channel import ChannelFailure
from bot.notify.notifier import Notifier
from bot.notify.slack.channel import SlackChannel
from bot.pipeline.stages import correlate
from bot.storage.queries import incidents
from tests.conftest import Clock
from tests.integration.pipeline_driver import Pipeline

MakeAlert = Callable[..., AlertEvent]
on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


class Shown:
    def __init__(self, pipeline: Pipeline, slack: LocalSlack) -> None:
        self.pipeline, self.slack = pipeline, slack
        self.start()

    def start(self) -> None:
        """Begin as a process does that knows nothing of the one before."""
        client = AsyncWebClient(self.slack.bot_token, base_url=self.slack.api_url, retry_handlers=[])
        channel = SlackChannel(client, "incidents")
        self.notifier = Notifier(self.pipeline.database, channel, self.pipeline.clock, interval=0, sleep=_at_once)

    async def send(self, *events: AlertEvent) -> None:
        await self.pipeline.send(*events)
        await self.publish()

    async def publish(self) -> None:
        while await self.notifier.reconcile():
            pass

    def broadcasts(self) -> list[str]:
        [message] = self.slack.messages("incidents")
        replies = self.slack.replies("incidents", message["ts"])
        return [reply["text"] for reply in replies if reply.get("subtype") == "thread_broadcast"]


async def _at_once(seconds: float) -> None:
    return


@pytest.fixture
async def shown(pipeline: Pipeline) -> AsyncIterator[Shown]:
    async with LocalSlack() as slack:
        yield Shown(pipeline, slack)


async def test_a_severity_that_rises_is_broadcast_once_and_one_that_falls_is_not(
    shown: Shown, alert: MakeAlert
) -> None:
    await shown.send(alert())
    assert shown.broadcasts() == [], "the message itself is new"
    await shown.send(alert(alertname="Down", severity="critical"))
    assert shown.broadcasts() == ["Severity is now critical (was warning)"]
    await shown.send(alert("resolved", alertname="Down", severity="critical"))
    await shown.send(alert(alertname="Down", severity="critical", instance="2"))
    assert len(shown.broadcasts()) == 1, "it wavers"


async def test_an_incident_that_reopens_is_broadcast(shown: Shown, alert: MakeAlert, clock: Clock) -> None:
    await shown.send(alert())
    await shown.send(alert("resolved"))
    assert shown.broadcasts() == []
    clock.pass_(minutes=2)
    await shown.send(alert(starts_at=clock()))
    assert shown.broadcasts() == ["Reopened: an alert fires again"]


@on_sqlite
async def test_a_further_service_is_broadcast_once_the_incident_has_taken_shape(
    shown: Shown, alert: MakeAlert, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(correlate, "TAKES_SHAPE", timedelta(seconds=10))
    await shown.send(alert(group="g"))
    assert shown.broadcasts() == []
    clock.pass_(seconds=15)
    await shown.send(alert(service="cart", group="g"))
    await shown.send(alert(service="cart", group="g", instance="2"))
    assert shown.broadcasts() == ["Another service is affected: cart"]


@on_sqlite
@pytest.mark.parametrize("fault", ["timeout", "500", "refused"])
async def test_a_broadcast_whose_answer_is_lost_is_made_once(shown: Shown, alert: MakeAlert, fault: str) -> None:
    await shown.send(alert())
    if fault == "timeout":  # it was made, and the process ends before it knows
        await shown.pipeline.send(alert(alertname="Down", severity="critical"))
        await shown.notifier.reconcile()
        shown.notifier._threads._published = _die  # type: ignore[assignment,method-assign]
        with pytest.raises(SystemError):
            await shown.publish()
        shown.start()
    else:
        shown.slack.fail("chat.postMessage", fault, count=1, error="internal_error")
        await shown.pipeline.send(alert(alertname="Down", severity="critical"))
        with pytest.raises(ChannelFailure):
            await shown.publish()
    await shown.publish()
    assert shown.broadcasts() == ["Severity is now critical (was warning)"]


async def _die(*_: object) -> None:
    raise SystemError


@on_sqlite
async def test_what_got_worse_before_the_message_stood_is_in_the_message(shown: Shown, alert: MakeAlert) -> None:
    await shown.pipeline.send(alert())
    await shown.send(alert(alertname="Down", severity="critical"))
    assert shown.broadcasts() == []


@on_sqlite
async def test_the_rest_of_the_thread_is_not_broadcast_with_it(shown: Shown, alert: MakeAlert, clock: Clock) -> None:
    await shown.send(alert())
    incident = await shown.pipeline.only_incident()
    await _note(shown.pipeline, incident.id, clock() + timedelta(seconds=1), "a note", worse=False)
    await _note(shown.pipeline, incident.id, clock() + timedelta(seconds=2), "restart failed", worse=True)
    await _note(shown.pipeline, incident.id, clock() + timedelta(seconds=3), "another note", worse=False)
    await shown.publish()
    assert shown.broadcasts() == ["restart failed"]
    [message] = shown.slack.messages("incidents")
    assert [reply["text"] for reply in shown.slack.replies("incidents", message["ts"])][-3:] == [
        "a note",
        "restart failed",
        "another note",
    ]


async def _note(pipeline: Pipeline, incident: str, at: datetime, text: str, worse: bool) -> None:
    entry = TimelineEntry(incident_id=incident, at=at, kind=TimelineKind.RUN, text=text, worse=worse)
    async with pipeline.database.write() as connection:
        await incidents.add_to_timeline(connection, [entry])
