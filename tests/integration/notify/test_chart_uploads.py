"""An alert's chart comes into its incident's thread: once, whatever fails on the way, and no message waits for it."""

from collections.abc import AsyncIterator, Callable
from datetime import timedelta

import msgspec
import pytest
from slack_sdk.web.async_client import AsyncWebClient

from bot.domain.event import AlertEvent, Chart
from bot.localslack import LocalSlack
from bot.localslack.state import Json
from bot.notify.channel import ChannelFailure, ChannelRefusal
from bot.notify.charts.uploads import FRESH, MAX_CHARTS, ChartUploads
from bot.notify.notifier import Notifier
from bot.notify.slack.channel import SlackChannel
from bot.storage.queries import charts
from bot.storage.queries.charts import UploadState
from tests.conftest import Clock
from tests.integration.pipeline_driver import Pipeline

CHART = Chart(
    "p95 of checkout", [1_772_366_400_000, 1_772_366_460_000], {"checkout": [100.0, 900.0]}, [80, 80], [120, 120]
)
MakeAlert = Callable[..., AlertEvent]
on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


class Told:
    """A pipeline whose incidents are told in a local Slack, by hand."""

    def __init__(self, pipeline: Pipeline, slack: LocalSlack) -> None:
        self.pipeline, self.slack = pipeline, slack
        channel = SlackChannel(AsyncWebClient(slack.bot_token, base_url=slack.api_url), "incidents")
        self.notifier = Notifier(pipeline.database, channel, pipeline.clock, interval=0)
        self.uploads = ChartUploads(pipeline.database, channel, pipeline.clock)

    async def send(self, *events: AlertEvent) -> None:
        """Work through alerts, and say what there is to say, without pictures."""
        await self.pipeline.send(*events)
        while await self.notifier.reconcile():
            pass

    async def upload_all(self) -> None:
        while await self.uploads.upload_next():
            pass

    def files(self) -> list[Json]:
        """What stands in the threads, in order."""
        threads = [self.slack.replies("incidents", message["ts"]) for message in self.slack.messages("incidents")]
        return [file for replies in threads for reply in replies for file in reply.get("files", [])]


@pytest.fixture
async def told(pipeline: Pipeline) -> AsyncIterator[Told]:
    async with LocalSlack() as slack:
        yield Told(pipeline, slack)


def charted(event: AlertEvent) -> AlertEvent:
    return msgspec.structs.replace(event, chart=CHART)


async def test_a_chart_follows_what_the_thread_says_of_its_alert(told: Told, alert: MakeAlert) -> None:
    await told.send(charted(alert()), alert(alertname="Other"))
    assert told.files() == []
    await told.upload_all()
    [file] = told.files()
    assert file["title"] == "p95 of checkout"
    assert "expected 80 to 120" in file["alt_txt"]
    assert file["mimetype"] == "image/png"
    [message] = told.slack.messages("incidents")
    said, shown = told.slack.replies("incidents", message["ts"])
    assert "blocks" in said
    assert shown["files"] == [file]


async def test_one_episode_has_one_chart_and_the_next_one_has_its_own(
    told: Told, alert: MakeAlert, clock: Clock
) -> None:
    event = charted(alert())
    for status in ("firing", "firing", "resolved", "firing", "resolved"):
        clock.pass_(minutes=1)
        await told.send(charted(alert(status, starts_at=event.starts_at if status == "resolved" else clock())))
        await told.upload_all()
    assert len(told.files()) == 1
    clock.pass_(hours=1)
    await told.send(charted(alert()))
    await told.upload_all()
    assert len(told.files()) == 2


async def test_an_incident_has_a_few_charts_at_most(told: Told, alert: MakeAlert) -> None:
    await told.send(*[charted(alert(alertname=f"A{n}")) for n in range(MAX_CHARTS + 3)])
    await told.send(charted(alert(alertname="Late")))
    await told.upload_all()
    assert len(told.files()) == MAX_CHARTS


@on_sqlite
@pytest.mark.parametrize("method", ["files.getUploadURLExternal", "files.completeUploadExternal"])
async def test_a_chart_that_slack_puts_off_comes_later_and_once(told: Told, alert: MakeAlert, method: str) -> None:
    await told.send(charted(alert()))
    told.slack.fail(method, "429")
    with pytest.raises(ChannelFailure):
        await told.uploads.upload_next()
    await told.send(alert(alertname="Other"))
    assert len(told.slack.messages("incidents")) == 1
    assert told.files() == []
    await told.upload_all()
    assert len(told.files()) == 1


@on_sqlite
async def test_a_chart_whose_answer_was_lost_is_not_sent_again(told: Told, alert: MakeAlert) -> None:
    await told.send(charted(alert()))
    told.slack.fail("files.completeUploadExternal", "500")
    with pytest.raises(ChannelFailure):
        await told.uploads.upload_next()
    await told.upload_all()
    await told.send(alert(alertname="Other"))
    await told.upload_all()
    assert told.files() == []


async def test_after_a_crash_in_mid_upload_no_second_one_is_made(told: Told, alert: MakeAlert) -> None:
    await told.send(charted(alert()))
    await told.upload_all()
    [known] = await told.pipeline.alerts_of(await told.pipeline.only_incident())
    async with told.pipeline.database.write() as connection:
        assert await charts.move(connection, known, UploadState.SHOWN, UploadState.SENDING)
    await told.send(alert(alertname="Other"))
    await Told(told.pipeline, told.slack).upload_all()
    assert len(told.files()) == 1


@on_sqlite
async def test_an_app_without_the_scope_says_its_messages_all_the_same(pipeline: Pipeline, alert: MakeAlert) -> None:
    async with LocalSlack(scopes="chat:write,channels:read,channels:history") as slack:
        told = Told(pipeline, slack)
        await told.send(charted(alert()))
        with pytest.raises(ChannelRefusal, match="files:write"):
            await told.uploads.upload_next()
        await told.send(alert(alertname="Other"))
        assert told.notifier.problem is None
        [message] = slack.messages("incidents")
        assert len(slack.replies("incidents", message["ts"])) == 2


@on_sqlite
async def test_a_chart_that_had_to_wait_too_long_is_left_out(told: Told, alert: MakeAlert, clock: Clock) -> None:
    await told.send(charted(alert()))
    clock.pass_(seconds=(FRESH + timedelta(seconds=1)).total_seconds())
    await told.upload_all()
    assert told.files() == []


@on_sqlite
async def test_a_chart_that_cannot_be_drawn_holds_nothing_up(
    told: Told, alert: MakeAlert, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(chart: Chart) -> bytes:
        raise ValueError("no such font")

    monkeypatch.setattr("bot.notify.charts.uploads.render_chart", fail)
    await told.send(charted(alert()))
    await told.upload_all()
    assert told.files() == []
