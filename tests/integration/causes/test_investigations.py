"""Young incidents are looked into by themselves: findings stand in the thread, once, and sharpen the cause."""

from collections.abc import Callable
from datetime import timedelta

from msgspec.structs import replace
from slack_sdk.web.async_client import AsyncWebClient

from bot.domain.event import AlertEvent, ChangeEvent, ChangeKind
from bot.domain.review.investigation import Checked, Investigation
from bot.domain.rules import CorrelationRules, Rules
from bot.inbox.inbox import Inbox
from bot.localslack import LocalSlack
from bot.notify.findings.replies import FindingReplies
from bot.notify.slack.channel import SlackChannel
from bot.pipeline.investigation.check import all_checks
from bot.storage.database import Database
from bot.storage.queries.records import investigations
from bot.storage.queries.shown import channel_messages
from bot.storage.queries.shown.channel_messages import ChannelMessage
from detectors.rootcause import Finding
from detectors.rootcause.checked import Said, sharpen
from tests.conftest import Clock
from tests.integration.pipeline_driver import Pipeline

MakeAlert = Callable[..., AlertEvent]
SHOP = {"web": ["api"], "app": ["api"], "api": ["db"], "report": ["db"]}


async def shop(database: Database, inbox: Inbox, clock: Clock, window: str = "5m") -> Pipeline:
    correlation = CorrelationRules.model_validate({"window": window})
    return await Pipeline(database, inbox, clock, Rules(depends_on=SHOP, correlation=correlation)).prepare()


async def found_of(pipeline: Pipeline, number: int = 1) -> Investigation:
    incident = (await pipeline.incidents())[number - 1]
    async with pipeline.database.read() as connection:
        return (await investigations.of_incidents(connection, [incident.id]))[incident.id]


def changed(clock: Clock, service: str, kind: ChangeKind, minutes: int, title: str, id: str = "1") -> ChangeEvent:
    return ChangeEvent("ci", id, service, kind, title, clock.now - timedelta(minutes=minutes))


async def test_what_was_changed_longer_ago_or_below_is_found_and_said_in_the_timeline(
    database: Database, inbox: Inbox, clock: Clock, alert: MakeAlert
) -> None:
    pipeline = await shop(database, inbox, clock)
    await pipeline.send(
        changed(clock, "api", ChangeKind.DEPLOY, 120, "deployed v7"),
        changed(clock, "db", ChangeKind.CONFIG, 20, "max_connections 100", "2"),
    )
    await pipeline.send(alert(service="api"))
    found = {one.check: one for one in (await found_of(pipeline)).findings}
    assert found["deploys"].text == "deploy of api “deployed v7” 2h before"
    assert found["configuration"].text.startswith("configuration of db changed 20m before")
    [line] = [one for one in await pipeline.timeline_of(await pipeline.only_incident()) if "Looked into it" in one]
    assert "deployed v7" in line and "max_connections" in line


async def test_the_same_events_bring_the_same_findings_and_a_quiet_shop_brings_none(
    database: Database, inbox: Inbox, clock: Clock, alert: MakeAlert
) -> None:
    pipeline = await shop(database, inbox, clock)
    await pipeline.send(alert(service="web"))
    first = await found_of(pipeline)
    assert first.findings == [] and first.rounds == 1
    clock.pass_(seconds=30)
    await pipeline.send(alert(service="web", alertname="Second"))
    assert (await found_of(pipeline)).rounds == 1  # once a minute
    await pipeline.send(alert(service="api"))
    assert (await found_of(pipeline)).rounds == 2  # but another cause is likely now
    clock.pass_(seconds=70)
    await pipeline.send(alert(service="web", alertname="Third"))
    assert (await found_of(pipeline)).rounds == 3
    clock.pass_(minutes=20)
    await pipeline.send(alert(service="web", alertname="Fourth"))
    assert (await found_of(pipeline)).rounds == 3  # it is no longer young


def test_checks_weigh_the_cause_contradict_it_and_name_one_where_alerts_name_none() -> None:
    named = [Finding("api", "unknown", 0.6, ["a"]), Finding("web", "unknown", 0.2, ["w"])]
    assert sharpen(named, []) == named
    assert sharpen(named, [Said("db", "db fires elsewhere", 4.0)]) == named  # a hint takes nothing from what is clear
    [found] = sharpen([], [Said("db", "db fires elsewhere", 8.0)])
    assert (found.service, found.evidence) == ("db", ["db fires elsewhere"]) and found.score > 0.6
    assert sharpen([], [Said("db", "db was deployed", 1.0)]) == []
    against = sharpen(named, [Said("api", "it is as fast as ever", 0.1)])
    assert against == [] or against[0].service != "api"
    doubted = sharpen(named, [Said("api", "it is as fast as ever", 0.7)])
    assert doubted[0].evidence[-1] == "speaks against it: it is as fast as ever" and doubted[0].score < 0.6


async def test_a_dependency_that_fires_in_another_incident_is_named_where_nothing_else_is_clear(
    database: Database, inbox: Inbox, clock: Clock, alert: MakeAlert
) -> None:
    pipeline = await shop(database, inbox, clock, "1m")
    await pipeline.send(alert(service="db", alertname="Slow"))
    clock.pass_(minutes=8)
    for service in ("web", "report"):
        await pipeline.send(alert(service=service, alertname=f"{service}Slow"))
    found = [await found_of(pipeline, n + 1) for n in range(len(await pipeline.incidents()))]
    texts = [one.text for each in found for one in each.findings if one.check == "dependencies"]
    assert len(found) == 1 or any(text.startswith("db, on which") and "incident #1" in text for text in texts)


async def test_the_thread_has_one_reply_that_is_edited_also_when_the_answer_to_posting_it_was_lost(
    database: Database, inbox: Inbox, clock: Clock, alert: MakeAlert
) -> None:
    pipeline = await shop(database, inbox, clock)
    await pipeline.send(changed(clock, "api", ChangeKind.DEPLOY, 120, "<!channel> v7"))
    await pipeline.send(alert(service="api"))
    incident = await pipeline.only_incident()
    async with LocalSlack() as slack:
        channel = SlackChannel(AsyncWebClient(slack.bot_token, base_url=slack.api_url), "C0INCIDENTS")
        thread = await slack.post("U012AB3CD", "incidents", "the incident's message")
        async with database.write() as connection:
            shown = ChannelMessage(incident_id=incident.id, channel="C0INCIDENTS", ts=thread, threaded=True)
            await channel_messages.save(connection, shown)
        replies = FindingReplies(database, channel, clock)
        assert await replies.show_next() and not await replies.show_next()
        [reply] = slack.replies("incidents", thread)
        assert "Looked into it" in reply["text"] and "<!channel>" not in str(reply["blocks"])
        async with database.write() as connection:  # as if the process had ended before it knew that it was posted
            known = await investigations.of_incidents(connection, [incident.id])
            await investigations.shown(connection, replace(known[incident.id], version=0), "C0INCIDENTS", None)
            await investigations.begin_posting(connection, incident.id, clock.now)
        clock.pass_(minutes=2)
        await pipeline.send(changed(clock, "db", ChangeKind.CONFIG, 45, "max_connections", "2"))
        await pipeline.send(alert(service="web"))
        assert await replies.show_next() and not await replies.show_next()
        [reply] = slack.replies("incidents", thread)
        assert "max_connections" in reply["text"]


def test_there_are_checks_of_the_usual_kinds() -> None:
    assert {"deploys", "configuration", "dependencies", "hosts", "error_logs", "measures", "freshness"} <= set(
        all_checks()
    )
    assert Checked(check="x", text="y").weight == 1.0
