"""A verification leaves a chart in the thread: before the run, and after."""

from collections.abc import AsyncIterator, Callable, Sequence
from datetime import timedelta
from typing import Any

import pytest
from slack_sdk.web.async_client import AsyncWebClient

from bot.domain.event import AlertEvent
from bot.domain.run import RunStatus
from bot.domain.runs.before_after import Sample, Span
from bot.domain.runs.query import PlannedQuery
from bot.domain.runs.verification import Look
from bot.localslack import LocalSlack
from bot.localslack.state import Json
from bot.notify.charts.uploads import ChartUploads
from bot.notify.notifier import Notifier
from bot.notify.slack.channel import SlackChannel
from bot.remediation.evidence import Evidence
from bot.storage.queries import charts
from tests.integration.pipeline_driver import Pipeline
from tests.integration.remediation.runs_driver import Night, book, night

MakeAlert = Callable[..., AlertEvent]
QUERY = {"prometheus": "main", "expr": "errors", "below": 0.5}
pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


async def _fine(*_asked: object) -> Look:
    return Look()


async def _falls(_query: PlannedQuery, span: Span) -> Sequence[Sample]:
    moments = [span.start + n * span.step for n in range(121)]
    return [(at, 0.9 if at < span.ran_at else 0.1) for at in moments]


async def _breaks(_query: PlannedQuery, _span: Span) -> Sequence[Sample]:
    raise OSError("no route to host")


class Thread:
    """The files in the thread of the only incident."""

    def __init__(self, pipeline: Pipeline, slack: LocalSlack) -> None:
        channel = SlackChannel(AsyncWebClient(slack.bot_token, base_url=slack.api_url), "incidents")
        self.slack, self.notifier = slack, Notifier(pipeline.database, channel, pipeline.clock, interval=0)
        self.uploads = ChartUploads(pipeline.database, channel, pipeline.clock)

    async def files(self) -> list[Json]:
        while await self.notifier.reconcile():
            pass
        while await self.uploads.upload_next():
            pass
        [message] = self.slack.messages("incidents")
        return [file for reply in self.slack.replies("incidents", message["ts"]) for file in reply.get("files", [])]


@pytest.fixture
async def slack() -> AsyncIterator[LocalSlack]:
    async with LocalSlack() as slack:
        yield slack


async def _begun(pipeline: Pipeline, alert: MakeAlert, evidence: Evidence, **verify: Any) -> Night:
    runbook = book(verify={"within": "60s", "stable_for": "10s", **verify}, rollback=[])
    here = await night(pipeline, evidence, restart=runbook)
    await here.pipeline.send(alert())
    pipeline.clock.pass_(minutes=3)
    return here


async def test_a_query_is_shown_as_it_was_and_as_it_is(pipeline: Pipeline, alert: MakeAlert, slack: LocalSlack) -> None:
    here = await _begun(pipeline, alert, Evidence(query=_fine, history=_falls), query=QUERY)
    here.at(5, lambda: here.pipeline.send(alert("resolved")))
    ended = await here.carry_out(await here.approve())
    assert ended.status is RunStatus.SUCCEEDED
    thread = Thread(here.pipeline, slack)
    [file] = await thread.files()
    assert file["title"] == "errors" and "before: last 0.9" in file["alt_txt"]
    assert "after the run: last 0.1, expected at most 0.5" in file["alt_txt"]
    assert await thread.files() == [file], "once"


@pytest.mark.parametrize("asks", [True, False])
async def test_without_a_query_that_can_be_read_it_shows_how_many_alerts_fired(
    pipeline: Pipeline, alert: MakeAlert, slack: LocalSlack, asks: bool
) -> None:
    given = {"query": QUERY} if asks else {}
    here = await _begun(pipeline, alert, Evidence(query=_fine, history=_breaks), **given)
    here.at(5, lambda: here.pipeline.send(alert("resolved")))
    assert (await here.carry_out(await here.approve())).status is RunStatus.SUCCEEDED
    [file] = await Thread(here.pipeline, slack).files()
    assert file["title"] == "Alerts of #1 that fire, before and after: Restart checkout"
    assert "before: last 1;" in file["alt_txt"] and "after the run: last 0;" in file["alt_txt"]


async def test_what_did_not_help_is_shown_as_well(pipeline: Pipeline, alert: MakeAlert, slack: LocalSlack) -> None:
    here = await _begun(pipeline, alert, Evidence())
    assert (await here.carry_out(await here.approve())).status is RunStatus.FAILED
    [file] = await Thread(here.pipeline, slack).files()
    assert "after the run: last 1;" in file["alt_txt"]


async def test_the_chart_of_a_run_waits_for_the_thread(pipeline: Pipeline, alert: MakeAlert) -> None:
    here = await _begun(pipeline, alert, Evidence())
    await here.carry_out(await here.approve())
    incident = await here.pipeline.only_incident()
    async with here.pipeline.database.write() as connection:
        await charts.want(connection, incident.id, 1, pipeline.clock.now + timedelta(seconds=1))
        assert await charts.next_wanted(connection, "incidents") is None
