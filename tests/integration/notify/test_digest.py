"""A flood of new incidents: the real one is seen, one digest names the others, and whatever matters gets a message."""

from collections.abc import AsyncIterator, Callable

import pytest
from slack_sdk.web.async_client import AsyncWebClient

from bot.domain.event import AlertEvent
from bot.domain.incident import Incident
from bot.incidents.lifecycle import acknowledge
from bot.localslack import LocalSlack
from bot.notify.card import Content, DigestCard
from bot.notify.channel import ChannelFailure, Mark, Posted
from bot.notify.notifier import Notifier
from bot.notify.paging.page_card import PageCard
from bot.notify.slack.channel import SlackChannel
from tests.integration.pipeline_driver import Pipeline

MakeAlert = Callable[..., AlertEvent]
on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


class Flooded:
    """A channel that takes a call a second; ``seconds`` is moved by hand."""

    def __init__(self, pipeline: Pipeline, slack: LocalSlack) -> None:
        self.pipeline, self.slack, self.seconds = pipeline, slack, 1000.0
        self.start()

    def start(self, channel: type[SlackChannel] = SlackChannel) -> None:
        """Begin as a process does that knows nothing of the one before."""
        client = AsyncWebClient(self.slack.bot_token, base_url=self.slack.api_url, retry_handlers=[])
        self.notifier = Notifier(
            self.pipeline.database,
            channel(client, "incidents"),
            self.pipeline.clock,
            interval=0,
            sleep=_at_once,
            timer=lambda: self.seconds,
            described={"checkout"},
        )

    async def pass_(self, seconds: int) -> None:
        for _ in range(seconds):
            await self.notifier.reconcile()
            self.seconds += 1

    async def incident(self, service: str) -> Incident:
        [found] = [one for one in await self.pipeline.incidents() if service in one.services]
        return found

    def own(self) -> list[str]:
        return [text for text in self._texts() if "more incident" not in text]

    def digest(self) -> str:
        """What the only digest shows."""
        [found] = [message for message in self.slack.messages("incidents") if "more incident" in message["text"]]
        shown = [block.get("text") or block["elements"][0] for block in found["blocks"]]
        return "\n".join(text["text"] for text in shown)

    def _texts(self) -> list[str]:
        return [message["text"] for message in self.slack.messages("incidents")]


class LosesAnswers(SlackChannel):
    """Posts digests, and its caller does not learn that it has."""

    async def post(self, content: Content | PageCard, mark: Mark, *, plain: bool = False) -> Posted:
        posted = await super().post(content, mark, plain=plain)
        if isinstance(content, DigestCard):
            raise ChannelFailure("the process ended here")
        return posted


async def _at_once(seconds: float) -> None:
    return


@pytest.fixture
async def flooded(pipeline: Pipeline) -> AsyncIterator[Flooded]:
    async with LocalSlack() as slack:
        yield Flooded(pipeline, slack)


def forged(alert: MakeAlert, count: int, start: int = 0) -> list[AlertEvent]:
    return [
        alert(service=f"forged-{n}", alertname=f"Forged{n}", cluster=f"c{n}", severity="critical")
        for n in range(start, start + count)
    ]


async def real(flooded: Flooded, alert: MakeAlert, service: str = "checkout", **labels: str) -> None:
    await flooded.pipeline.send(alert(service=service, alertname="PaymentsFail", **{"severity": "critical"} | labels))


async def test_the_real_one_among_150_forged_criticals_is_seen_within_10_seconds(
    flooded: Flooded, alert: MakeAlert
) -> None:
    await flooded.pipeline.send(*forged(alert, 150))
    assert len(await flooded.pipeline.incidents()) == 150, "the flood is one of incidents"
    await real(flooded, alert)
    await flooded.pass_(10)
    assert any("PaymentsFail" in text for text in flooded.own())
    await flooded.pass_(20)
    assert len(flooded.own()) == 11
    assert "140 more incidents since" in flooded.digest()
    assert "… and 130 more: `/incident list`" in flooded.digest()


@on_sqlite
async def test_the_real_one_is_seen_at_once_when_it_comes_while_the_flood_goes_on(
    flooded: Flooded, alert: MakeAlert
) -> None:
    for wave in range(6):
        await flooded.pipeline.send(*forged(alert, 25, 25 * wave))
        await flooded.pass_(5)
    await real(flooded, alert)
    await flooded.pass_(3)
    assert any("PaymentsFail" in text for text in flooded.own())


@on_sqlite
async def test_a_service_that_had_an_incident_before_the_flood_is_known_and_one_that_only_the_flood_names_is_not(
    flooded: Flooded, alert: MakeAlert
) -> None:
    await real(flooded, alert, service="cart")
    await flooded.pipeline.send(alert("resolved", service="cart", alertname="PaymentsFail", severity="critical"))
    await flooded.pass_(5)
    flooded.pipeline.clock.pass_(hours=2)
    flooded.seconds += 7200
    await flooded.pipeline.send(*forged(alert, 60))
    await flooded.pipeline.send(*forged(alert, 60))  # repeated, they are no better attested than any other
    await flooded.pass_(30)
    before = len(flooded.own())
    await flooded.pipeline.send(alert(service="cart", alertname="Another", severity="critical"))
    await flooded.pass_(2)
    assert any("Another" in text for text in flooded.own())
    assert before == 11


@on_sqlite
async def test_ten_at_once_are_no_flood(flooded: Flooded, alert: MakeAlert) -> None:
    await flooded.pipeline.send(*forged(alert, 10))
    await flooded.pass_(15)
    assert len(flooded.own()) == len(flooded.slack.messages("incidents")) == 10


@on_sqlite
async def test_when_it_is_calm_each_gets_a_message_and_the_digest_says_so(flooded: Flooded, alert: MakeAlert) -> None:
    await flooded.pipeline.send(*forged(alert, 14))
    await flooded.pass_(40)
    assert len(flooded.own()) == 10
    assert "4 more incidents since" in flooded.digest()
    await flooded.pass_(60)
    assert len(flooded.own()) == 14
    assert "0 more incidents since" in flooded.digest()
    assert "14 got messages of their own" in flooded.digest()
    await flooded.pipeline.send(alert(service="ordinary"))
    await flooded.pass_(2)
    assert any("on ordinary" in text for text in flooded.own()), "the flood is over"


@on_sqlite
async def test_what_somebody_looks_after_gets_a_message_at_once(flooded: Flooded, alert: MakeAlert) -> None:
    await flooded.pipeline.send(*forged(alert, 40))
    await flooded.pass_(20)
    incident = await flooded.incident("forged-33")
    assert not any("Forged33 " in text for text in flooded.own())
    await acknowledge(flooded.pipeline.database, incident.id, "U0ANA", flooded.pipeline.clock())
    await flooded.pass_(2)
    assert any("Forged33 " in text for text in flooded.own())


@on_sqlite
async def test_what_another_alert_joins_or_gets_worse_gets_a_message(flooded: Flooded, alert: MakeAlert) -> None:
    mild = [alert(service=f"mild-{n}", alertname=f"Mild{n}", cluster=f"c{n}") for n in range(40)]
    await flooded.pipeline.send(*mild)
    await flooded.pass_(20)
    flooded.seconds += 30  # not calm yet, and the first ones count no more
    await flooded.pipeline.send(*forged(alert, 12))
    await flooded.pass_(40)
    await flooded.pipeline.send(alert(service="mild-33", alertname="Joined", cluster="c33"))
    await flooded.pipeline.send(alert(service="mild-35", alertname="Mild35", cluster="c35", severity="critical"))
    await flooded.pass_(6)
    assert any("on mild-33" in text for text in flooded.own())
    assert any("on mild-35" in text for text in flooded.own())


@on_sqlite
async def test_what_resolves_in_the_digest_is_counted_and_not_posted(flooded: Flooded, alert: MakeAlert) -> None:
    events = forged(alert, 30)
    await flooded.pipeline.send(*events)
    await flooded.pass_(20)
    over = [
        alert("resolved", service=f"forged-{n}", alertname=f"Forged{n}", cluster=f"c{n}", severity="critical")
        for n in range(30)
    ]
    await flooded.pipeline.send(*over)
    await flooded.pass_(40)
    assert len(flooded.own()) == 10
    assert all("resolved" in text for text in flooded.own())
    assert "0 more incidents" in flooded.digest()
    assert "20 resolved before" in flooded.digest()


async def test_a_crash_between_post_and_commit_posts_no_second_digest(flooded: Flooded, alert: MakeAlert) -> None:
    await flooded.pipeline.send(*forged(alert, 30))
    flooded.start(LosesAnswers)
    with pytest.raises(ChannelFailure):
        await flooded.pass_(30)
    assert "more incidents since" in flooded.digest()
    flooded.start()
    await flooded.pass_(30)
    assert "30 more incidents since" in flooded.digest()
    await flooded.pass_(60)
    assert len(flooded.own()) >= 4, "when it is calm they get their messages"


@on_sqlite
async def test_a_digest_that_fails_is_posted_later_and_what_is_known_does_not_wait_for_it(
    flooded: Flooded, alert: MakeAlert
) -> None:
    flooded.slack.fail("chat.postMessage", "refused", count=1000, error="invalid_arguments", about="more incidents")
    await flooded.pipeline.send(*forged(alert, 30))
    await real(flooded, alert)
    await flooded.pass_(14)
    assert len(flooded.own()) == 11
    assert "the digest of new incidents" in flooded.notifier.setbacks.in_words()
    flooded.slack.clear_faults()
    await flooded.pass_(40)
    assert "20 more incidents since" in flooded.digest()


@on_sqlite
async def test_a_digest_that_somebody_deleted_is_posted_anew(flooded: Flooded, alert: MakeAlert) -> None:
    await flooded.pipeline.send(*forged(alert, 30))
    await flooded.pass_(20)
    [digest] = [one for one in flooded.slack.messages("incidents") if "more incident" in one["text"]]
    client = AsyncWebClient(flooded.slack.bot_token, base_url=flooded.slack.api_url)
    await client.chat_delete(channel=await SlackChannel(client, "incidents").key(), ts=digest["ts"])
    await flooded.pipeline.send(*forged(alert, 5, 30))
    await flooded.pass_(10)
    assert "25 more incidents" in flooded.digest()


@on_sqlite
async def test_the_digest_is_edited_seldom(flooded: Flooded, alert: MakeAlert) -> None:
    for wave in range(15):
        await flooded.pipeline.send(*forged(alert, 12, 12 * wave))
        await flooded.pass_(1)
    edits = sum(call["method"] == "chat.update" for call in flooded.slack.calls)
    assert 1 <= edits <= 15 / 5
