"""In quiet hours what is not severe is shown and calls nobody; one digest in the morning says what came."""

from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime

import msgspec
import pytest

from bot.domain.event import AlertEvent
from bot.domain.severity import Severity
from bot.localslack import LocalSlack
from bot.notify.digest.quiet import QuietDigests
from bot.notify.slack.channel import SlackChannel
from bot.storage.queries import incidents
from tests.conftest import Clock
from tests.integration.oncall.night import ANA, Night, escalation, mentioning, night
from tests.integration.pipeline_driver import Pipeline
from tests.integration.routing.team import GROUP, PAY, SHOP, Office

MakeAlert = Callable[..., AlertEvent]
on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
HOURS = {"from": "22:00", "to": "07:00", "zone": "UTC"}


@pytest.fixture
async def slack() -> AsyncIterator[LocalSlack]:
    async with LocalSlack(channels=("incidents", "shop", "pay")) as slack:
        yield slack


@pytest.fixture
def office(pipeline: Pipeline, slack: LocalSlack, clock: Clock) -> Office:
    clock.now = datetime(2026, 3, 1, 23, 0, tzinfo=UTC)
    return Office(pipeline, slack, [SHOP | {"quiet": HOURS}, PAY | {"mention": [GROUP], "quiet": HOURS}])


class Morning:
    """The digests as a process makes them that knows nothing of the one before."""

    def __init__(self, office: Office) -> None:
        self.office = office

    async def comes(self, channel: type[SlackChannel] = SlackChannel) -> None:
        office = self.office

        async def at_once(seconds: float) -> None:
            return

        def by_key(key: str) -> SlackChannel:
            opened = channel(office.client, key)
            opened._id, opened._named = key, False  # the local Slack's ids are shorter than Slack's
            return opened

        digests = QuietDigests(
            office.pipeline.database,
            by_key,
            office.channels.keys,
            office.channels.routed(),
            office.pipeline.clock,
            at_once,
        )
        while await digests.post_next():
            pass

    def digests(self, channel: str) -> list[str]:
        return [text for text in self.office.blocks(channel) if "Quiet hours are over" in text]


async def test_it_is_shown_and_calls_nobody_and_one_digest_in_the_morning_names_it_once(
    office: Office, alert: MakeAlert
) -> None:
    await office.send(
        alert(severity="warning"), alert(cluster="b", severity="info"), alert(cluster="c", severity="info")
    )
    await office.send(alert("resolved", cluster="c", severity="info"))
    assert len(office.slack.messages("shop")) == 3
    assert office.mentions("shop") == []
    replies = [one for message in office.slack.messages("shop") for one in office.slack.replies("shop", message["ts"])]
    assert "Quiet hours until 07:00 UTC: nobody is called" in str(replies)
    morning = Morning(office)
    await morning.comes()
    assert morning.digests("shop") == [], "it is night"
    office.pipeline.clock.pass_(hours=8)
    for _ in range(3):
        await morning.comes()
    [digest] = morning.digests("shop")
    assert "3 incidents came meanwhile, 1 of them over by now" in digest
    assert f"<!subteam^{GROUP}>" in digest
    assert all(f"#{n} " in digest for n in (1, 2, 3))
    assert morning.digests("pay") == morning.digests("incidents") == []
    await office.send(alert(cluster="d", severity="warning"))
    assert len(office.mentions("shop")) == 1, "by day it calls"


@on_sqlite
async def test_what_is_severe_or_becomes_so_calls_in_the_night(office: Office, alert: MakeAlert) -> None:
    await office.send(alert(severity="critical"), alert(service="payments", severity="warning"))
    assert (len(office.mentions("shop")), len(office.mentions("pay"))) == (1, 0)
    office.pipeline.clock.pass_(minutes=30)
    await office.send(alert(service="payments", alertname="Down", severity="critical"))
    assert len(office.mentions("pay")) == 1


@on_sqlite
async def test_a_digest_whose_answer_was_lost_is_found_and_not_posted_again(office: Office, alert: MakeAlert) -> None:
    await office.send(alert(severity="warning"))
    office.pipeline.clock.pass_(hours=8)

    class Loses(SlackChannel):
        async def post(self, *args: object, **keywords: object) -> None:  # type: ignore[override]
            await super().post(*args, **keywords)  # type: ignore[arg-type]
            raise KeyboardInterrupt

    morning = Morning(office)
    with pytest.raises(KeyboardInterrupt):
        await morning.comes(Loses)
    await morning.comes()
    assert len(morning.digests("shop")) == 1


@on_sqlite
async def test_a_channel_that_refuses_its_digest_delays_no_other_and_gets_it_later(
    office: Office, alert: MakeAlert
) -> None:
    await office.send(alert(severity="warning"), alert(service="payments", severity="warning"))
    office.pipeline.clock.pass_(hours=8)
    office.slack.channel("pay").is_archived = True
    morning = Morning(office)
    await morning.comes()
    assert (len(morning.digests("shop")), len(morning.digests("pay"))) == (1, 0)
    office.slack.channel("pay").is_archived = False
    await morning.comes()
    assert (len(morning.digests("shop")), len(morning.digests("pay"))) == (1, 1)


@on_sqlite
async def test_what_is_over_or_taken_by_the_morning_calls_nobody(office: Office, alert: MakeAlert) -> None:
    await office.send(alert(severity="warning"))
    await office.send(alert("resolved", severity="warning"))
    office.pipeline.clock.pass_(hours=8)
    morning = Morning(office)
    await morning.comes()
    [digest] = morning.digests("shop")
    assert GROUP not in digest
    assert "(resolved)" in digest


@pytest.fixture
async def at(pipeline: Pipeline) -> AsyncIterator[Night]:
    async with night(pipeline) as one:
        one.clock.now = datetime(2026, 3, 1, 23, 0, tzinfo=UTC)
        rules = escalation(mentioning("0m", [ANA]))
        rules["escalations"]["shop"]["quiet"] = HOURS
        yield one.describe(rules)


@on_sqlite
async def test_an_escalation_waits_for_the_morning_and_for_whoever_takes_it_then(at: Night, alert: MakeAlert) -> None:
    await at.opens(alert(severity="warning"))
    await at.works()
    await at.passes(hours=8)
    await at.passes(minutes=29)
    assert at.mentions() == []
    at.begin()
    await at.loop.begin()
    await at.passes(minutes=2)
    assert at.mentions() == [f"<@{ANA}>"]


@on_sqlite
async def test_an_escalation_begins_at_once_where_it_becomes_severe_in_the_night(at: Night, alert: MakeAlert) -> None:
    incident = await at.opens(alert(severity="warning"))
    await at.works()
    await at.passes(hours=2)
    assert at.mentions() == []
    worse = msgspec.structs.replace(incident, severity=Severity.CRITICAL, version=incident.version + 5)
    async with at.pipeline.database.write() as connection:
        await incidents.save(connection, [worse], {})
    await at.passes(seconds=1)
    assert at.mentions() == [f"<@{ANA}>"]


@on_sqlite
async def test_what_came_before_the_night_is_not_called_in_it(at: Night, alert: MakeAlert) -> None:
    rules = escalation(mentioning("0m", [ANA]), mentioning("2h", ["U0BYSTAND"]))
    rules["escalations"]["shop"]["quiet"] = HOURS
    at.clock.now = datetime(2026, 3, 1, 21, 0, tzinfo=UTC)
    at.describe(rules)
    await at.opens(alert(severity="warning"))
    await at.works()
    await at.passes(hours=2)
    await at.passes(hours=8)
    assert at.mentions() == [f"<@{ANA}>"]
    await at.passes(minutes=31)
    assert at.mentions() == [f"<@{ANA}>", "<@U0BYSTAND>"]
