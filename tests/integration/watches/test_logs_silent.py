"""Logs whose sender falls silent: one alert about it, and nothing that was found in them recovers."""

import pytest

from bot.domain.alert import Alert
from bot.domain.event import EndedBy
from bot.inbox.inbox import Inbox
from bot.storage.database import Database
from tests.conftest import Clock
from tests.integration.pipeline_driver import Pipeline
from tests.integration.watches.test_watch_logs import LEARNT, MINUTE_MS, Flow, lines, many, rules

SERVICES = ("checkout", "cart", "payments")


class Senders(Flow):
    """Several services, whose lines one collector sends."""

    async def learn(self, minutes: int = LEARNT) -> None:
        for ago in range(minutes, 0, -10):
            begin = self.now - ago * MINUTE_MS
            said = [line for n in range(10) for line in lines(begin + n * MINUTE_MS)]
            await self.pipeline.append(*(self.event(*said, service=service) for service in SERVICES))
        await self.pipeline.worker.drain()

    async def of(self, count: int, *services: str, loud: str = "") -> None:
        """Minutes in which these services write as ever, and one of them more."""
        for _ in range(count):
            begin = self.now
            said = {one: lines(begin) + (many(begin) if one == loud else []) for one in services}
            for _ in range(6):
                await self.pass_(seconds=10)
            for service, written in said.items():
                await self.pipeline.send(self.event(*written, service=service))

    async def silence(self, minutes: int) -> None:
        for _ in range(6 * minutes):
            await self.pass_(seconds=10)

    async def alerts(self) -> dict[tuple[str, str], Alert]:
        found = [await self.pipeline.alerts_of(incident) for incident in await self.pipeline.incidents()]
        return {(one.name, one.service): one for alerts in found for one in alerts}


@pytest.fixture
async def senders(database: Database, inbox: Inbox, clock: Clock) -> Senders:
    senders = Senders(await Pipeline(database, inbox, clock, rules()).prepare())
    await senders.learn()
    await senders.of(3, *SERVICES)
    return senders


async def test_a_sender_of_logs_that_stops_is_one_alert_until_it_is_back(senders: Senders) -> None:
    await senders.silence(25)
    [(name, alert)] = (await senders.alerts()).items()
    assert name == ("LogsMissing", "") and alert.firing
    assert alert.annotations["summary"] == "logs from otlp stopped: 3 groups came regularly, and none comes now"
    [incident] = await senders.pipeline.incidents()
    assert not incident.services
    senders.restart()
    await senders.silence(3)
    assert [alert.firing for alert in (await senders.alerts()).values()] == [True]
    await senders.of(8, *SERVICES)
    ended = await senders.alerts()
    assert [(alert.firing, alert.ended_by) for alert in ended.values()] == [(False, EndedBy.SENDER)]


async def test_a_group_that_stops_alone_while_its_sender_sends_is_an_alert_of_its_own(senders: Senders) -> None:
    await senders.of(8, "checkout", "cart")
    assert [*await senders.alerts()] == [("LogLineStopped", "payments")]


async def test_a_group_that_does_not_come_back_with_its_sender_is_an_alert_of_its_own(senders: Senders) -> None:
    await senders.silence(12)
    await senders.of(3, "checkout", "cart")
    assert {name for name, alert in (await senders.alerts()).items() if alert.firing} == set()
    await senders.of(4, "checkout", "cart")
    found = await senders.alerts()
    assert {name for name, alert in found.items() if alert.firing} == {("LogLineStopped", "payments")}


async def test_nothing_found_in_logs_recovers_while_their_sender_is_silent(senders: Senders) -> None:
    await senders.of(3, *SERVICES, loud="checkout")
    await senders.of(1, *SERVICES)
    await senders.silence(20)
    found = await senders.alerts()
    assert {name: alert.firing for name, alert in found.items()} == {
        ("LogRateAnomaly", "checkout"): True,
        ("LogsMissing", ""): True,
    }
    assert found["LogRateAnomaly", "checkout"].good_since is None
    await senders.of(8, *SERVICES)
    assert {alert.ended_by for alert in (await senders.alerts()).values()} == {EndedBy.SENDER}


async def test_an_end_made_while_the_sender_is_silent_says_so(
    senders: Senders, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.watches.logs.group.LONGEST_MS", 60 * MINUTE_MS)  # what is abnormal becomes usual
    await senders.of(3, *SERVICES, loud="checkout")
    await senders.of(1, *SERVICES)
    for _ in range(65):
        await senders.pass_(minutes=1)
    rate = (await senders.alerts())["LogRateAnomaly", "checkout"]
    assert (rate.firing, rate.ended_by) == (False, EndedBy.SOURCE_SILENT)
