"""Who is mentioned: once when an incident opens in a channel, once when it gets worse or reopens, never by an edit."""

from collections.abc import AsyncIterator, Callable

import pytest

from bot.domain.event import AlertEvent
from bot.incidents.lifecycle import acknowledge
from bot.localslack import LocalSlack
from bot.notify.slack.channel import SlackChannel
from tests.conftest import Clock
from tests.integration.pipeline_driver import Pipeline
from tests.integration.routing.team import BOSS, GROUP, SHOP, Office

MakeAlert = Callable[..., AlertEvent]
on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
WAR_ROOM = {"match": ["severity=~critical|warning"], "channel": "#war-room", "mention": [{"schedule": "shop"}]}


@pytest.fixture
async def slack() -> AsyncIterator[LocalSlack]:
    async with LocalSlack(channels=("incidents", "shop", "war-room")) as slack:
        yield slack


@pytest.fixture
def office(pipeline: Pipeline, slack: LocalSlack) -> Office:
    return Office(pipeline, slack, [SHOP | {"continue": True}, WAR_ROOM])


async def test_once_when_it_opens_and_once_each_time_it_gets_worse_or_reopens_in_each_channel(
    office: Office, alert: MakeAlert, clock: Clock
) -> None:
    await office.send(alert())
    assert [len(office.mentions("shop")), len(office.mentions("war-room", BOSS))] == [1, 1]
    assert [len(office.mentions("shop", BOSS)), len(office.mentions("war-room"))] == [0, 0]
    incident = await office.pipeline.only_incident()
    await acknowledge(office.pipeline.database, incident.id, "U012AB3CD", clock())
    await office.send(alert(alertname="Other"))
    assert [len(office.mentions("shop")), len(office.mentions("war-room", BOSS))] == [1, 1], "edits reach nobody"
    await office.send(alert(alertname="Down", severity="critical"))
    assert [len(office.mentions("shop")), len(office.mentions("war-room", BOSS))] == [2, 2]
    assert "Severity is now critical" in office.mentions("war-room", BOSS)[1]
    for name in ("HighLatency", "Other"):
        await office.send(alert("resolved", alertname=name))
    await office.send(alert("resolved", alertname="Down", severity="critical"))
    clock.pass_(minutes=2)
    await office.send(alert(starts_at=clock()))
    assert [len(office.mentions("shop")), len(office.mentions("war-room", BOSS))] == [3, 3]
    assert "Reopened" in office.mentions("shop")[2]


@on_sqlite
async def test_labels_cannot_mention_anybody(office: Office, alert: MakeAlert) -> None:
    forged = f"<!subteam^{GROUP}> <!channel> <@{BOSS}> @{GROUP}"
    await office.send(alert(service="mail", alertname=forged, team=forged, summary=forged))
    everything = [
        str(one)
        for channel in ("incidents", "shop", "war-room")
        for message in office.slack.messages(channel)
        for one in (message, *office.slack.replies(channel, message["ts"]))
    ]
    assert len(everything) >= 2
    assert not any(f"<!subteam^{GROUP}>" in one or "<!channel>" in one for one in everything)
    assert sum(f"<@{BOSS}>" in one for one in everything) == 1, "only by the route"


@on_sqlite
@pytest.mark.parametrize("lost", ["answer", "commit"])
async def test_a_crash_between_slacks_answer_and_our_commit_mentions_nobody_twice(
    office: Office, alert: MakeAlert, monkeypatch: pytest.MonkeyPatch, lost: str
) -> None:
    class Died(Exception):
        pass

    posting = SlackChannel._post

    async def post_and_die(self: SlackChannel, *args: object, **keywords: object) -> object:
        if lost == "answer":
            await posting(self, *args, **keywords)  # type: ignore[arg-type]
        raise Died

    for event, expected in ((alert(), 1), (alert(alertname="Down", severity="critical"), 2)):
        monkeypatch.setattr(SlackChannel, "_post", post_and_die)
        with pytest.raises(Died):
            await office.send(event)
        monkeypatch.setattr(SlackChannel, "_post", posting)
        office.start([SHOP])
        await office.publish()
        assert len(office.mentions("shop")) == expected


@on_sqlite
async def test_a_message_that_was_deleted_and_is_posted_anew_mentions_nobody(office: Office, alert: MakeAlert) -> None:
    await office.send(alert())
    [message] = office.slack.messages("shop")
    await office.client.chat_delete(channel="C0SHOP", ts=message["ts"])
    await office.send(alert(alertname="Other"))
    assert len(office.slack.messages("shop")) == 1
    assert office.mentions("shop") == []


@on_sqlite
async def test_a_refused_post_mentions_when_it_is_taken_at_last(office: Office, alert: MakeAlert) -> None:
    office.slack.fail("chat.postMessage", "429", about="C0SHOP")
    await office.send(alert())
    office.start([SHOP])
    await office.publish()
    assert len(office.mentions("shop")) == 1


@on_sqlite
async def test_who_was_mentioned_stays_in_the_message_and_an_edit_adds_nobody(office: Office, alert: MakeAlert) -> None:
    await office.send(alert())
    office.start([SHOP | {"mention": [BOSS]}])
    await office.send(alert(alertname="Other"))
    assert len(office.mentions("shop")) == 1
    assert office.mentions("shop", BOSS) == []
