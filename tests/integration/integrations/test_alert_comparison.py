"""What fires here and in a tool's own list: what ended or began there without a word ends or begins here."""

from collections.abc import AsyncIterator, Callable
from datetime import timedelta

import aiohttp
import msgspec
import pytest

from bot.domain.alert import Alert
from bot.domain.event import AlertEvent, AlertStatus, EndedBy
from bot.domain.rules import Rules
from bot.domain.watched.heartbeat import Heartbeat
from bot.inbox.inbox import Inbox
from bot.integrations.comparison import AlertComparison
from bot.integrations.http import ToolFailure
from bot.integrations.listed_alerts import AlertmanagerListing
from bot.storage.database import Database
from tests.conftest import Clock
from tests.integration.integrations.tool_servers import ListServer
from tests.integration.pipeline_driver import Pipeline

on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
MakeAlert = Callable[..., AlertEvent]
MINUTE = timedelta(minutes=1)


class Compared:
    """A pipeline, a tool's list, and the comparison between them."""

    def __init__(self, pipeline: Pipeline, server: ListServer, session: aiohttp.ClientSession) -> None:
        self.pipeline, self.server, self.session = pipeline, server, session
        self.clock = pipeline.clock
        self.begin()

    def begin(self) -> None:
        """As after a start of the bot."""
        listing = AlertmanagerListing("alertmanager", "Alertmanager", self.server.url, None)
        self.comparison = AlertComparison(self.pipeline.services, listing, self.session, MINUTE)

    async def deliver(self, alert: AlertEvent, receiver: str = "tandem") -> None:
        await self.pipeline.send(msgspec.structs.replace(alert, receiver=receiver))

    async def look(self, times: int = 1) -> None:
        """Some minutes pass, each with a look at its beginning."""
        for _ in range(times):
            await self.comparison.compare(self.clock.now)
            await self.pipeline.worker.drain()
            self.clock.now += MINUTE

    async def alerts(self) -> list[Alert]:
        return [
            alert for incident in await self.pipeline.incidents() for alert in await self.pipeline.alerts_of(incident)
        ]

    async def firing(self) -> set[str]:
        return {alert.service for alert in await self.alerts() if alert.firing}


@pytest.fixture
async def compared(pipeline: Pipeline, clock: Clock) -> AsyncIterator[Compared]:
    server = ListServer(clock)
    async with server.listening(), aiohttp.ClientSession() as session:
        yield Compared(pipeline, server, session)


async def test_what_ended_while_it_was_silenced_there_ends_here_and_the_timeline_says_why(
    compared: Compared, alert: MakeAlert
) -> None:
    slow = alert()
    await compared.deliver(slow)
    compared.server.add(slow)
    await compared.look()
    compared.server.add(slow, "suppressed")
    await compared.look(5)
    assert await compared.firing() == {"checkout"}
    del compared.server.alerts[slow.fingerprint]
    await compared.look(2)
    [ended] = await compared.alerts()
    assert (ended.status, ended.ended_by) == (AlertStatus.RESOLVED, EndedBy.RECONCILED)
    incident = await compared.pipeline.only_incident()
    assert incident.status == "resolved"
    said = "1 alert resolved (Alertmanager's own list no longer has it): HighLatency on checkout"
    assert said in await compared.pipeline.timeline_of(incident)


@on_sqlite
async def test_one_look_at_a_list_without_it_ends_nothing(compared: Compared, alert: MakeAlert) -> None:
    slow = alert()
    await compared.deliver(slow)
    compared.server.add(slow)
    await compared.look()
    listed = compared.server.alerts
    compared.server.alerts = {}
    await compared.look()
    compared.server.alerts = listed
    await compared.look(3)
    compared.server.alerts = {}
    await compared.look()
    assert await compared.firing() == {"checkout"}


@on_sqlite
async def test_a_tool_that_restarted_ends_nothing_until_it_has_been_told_anew_of_what_fires(
    compared: Compared, alert: MakeAlert
) -> None:
    slow, down = alert(), alert(service="cart")
    for one in (slow, down):
        await compared.deliver(one)
        compared.server.add(one)
    await compared.look()
    compared.server.alerts, compared.server.began_at = {}, compared.clock.now
    await compared.look(4)
    assert await compared.firing() == {"checkout", "cart"}
    compared.server.add(slow)
    await compared.look(3)
    assert await compared.firing() == {"checkout"}


@on_sqlite
async def test_a_tool_that_has_just_begun_is_believed_about_what_it_has_held_since(
    compared: Compared, alert: MakeAlert
) -> None:
    compared.server.began_at = compared.clock.now
    slow = alert()
    await compared.deliver(slow)
    compared.server.add(slow)
    await compared.look()
    compared.server.alerts = {}
    await compared.look(2)
    assert await compared.firing() == set()


@on_sqlite
async def test_a_tool_that_does_not_answer_ends_nothing(compared: Compared, alert: MakeAlert) -> None:
    slow = alert()
    await compared.deliver(slow)
    compared.server.add(slow)
    await compared.look()
    compared.server.refuse["GET"] = 503
    for _ in range(3):
        with pytest.raises(ToolFailure):
            await compared.look()
        compared.clock.now += MINUTE
    assert await compared.firing() == {"checkout"}


@on_sqlite
async def test_what_was_never_in_the_list_may_be_of_another_alertmanager(compared: Compared, alert: MakeAlert) -> None:
    await compared.deliver(alert())
    await compared.look(10)
    assert await compared.firing() == {"checkout"}


@on_sqlite
async def test_what_is_delivered_after_it_ended_there_was_in_the_list_before(
    compared: Compared, alert: MakeAlert
) -> None:
    slow = alert()
    compared.server.add(slow)
    await compared.look()
    compared.server.alerts = {}
    await compared.deliver(slow)
    await compared.look(2)
    assert await compared.firing() == set()


async def test_what_was_seen_before_a_restart_of_the_bot_ends_after_it(compared: Compared, alert: MakeAlert) -> None:
    slow = alert()
    await compared.deliver(slow)
    compared.server.add(slow)
    await compared.look()
    compared.server.alerts = {}
    compared.begin()
    await compared.look(2)
    assert await compared.firing() == set()


async def test_a_delivery_knows_better_than_a_list_that_was_read_before_it(
    compared: Compared, alert: MakeAlert
) -> None:
    slow = alert()
    await compared.deliver(slow)
    compared.server.add(slow)
    await compared.look()
    compared.server.alerts = {}
    await compared.look()
    await compared.deliver(slow)
    await compared.look()
    assert await compared.firing() == {"checkout"}
    await compared.look()
    assert await compared.firing() == set()


async def test_what_fires_there_and_was_never_delivered_appears_here(compared: Compared, alert: MakeAlert) -> None:
    slow, lost = alert(), alert(service="cart", severity="critical")
    await compared.deliver(slow)
    compared.server.add(slow)
    compared.server.add(lost)
    await compared.look()
    assert await compared.firing() == {"checkout"}
    await compared.look()
    [appeared] = [one for one in await compared.alerts() if one.service == "cart"]
    assert (appeared.labels, appeared.annotations) == (lost.labels, {"summary": "as listed"})
    lines = [line for one in await compared.pipeline.incidents() for line in await compared.pipeline.timeline_of(one)]
    assert "1 alert firing (in Alertmanager's own list; no delivery brought it): HighLatency on cart" in lines
    await compared.deliver(lost)
    await compared.look(3)
    assert len(await compared.alerts()) == 2


@pytest.mark.parametrize(
    ("state", "receiver"), [("suppressed", "tandem"), ("unprocessed", "tandem"), ("active", "another team")]
)
async def test_what_is_silenced_there_or_sent_elsewhere_does_not_appear(
    compared: Compared, alert: MakeAlert, state: str, receiver: str
) -> None:
    slow = alert()
    await compared.deliver(slow)
    compared.server.add(slow)
    compared.server.add(alert(service="cart"), state, receiver)
    await compared.look(4)
    assert await compared.firing() == {"checkout"}


CONFIGS = {
    "by its address": ("tandem", "http://tandem:8080/webhooks/alertmanager", True),
    "hidden, and the only one": ("tandem", "<secret>", True),
    "elsewhere": ("tandem", "http://pager.example/hook", False),
}


@on_sqlite
@pytest.mark.parametrize(("receiver", "url", "appears"), CONFIGS.values(), ids=CONFIGS)
async def test_where_nothing_was_ever_delivered_its_configuration_says_which_receiver_leads_here(
    compared: Compared, alert: MakeAlert, receiver: str, url: str, appears: bool
) -> None:
    compared.server.config = f"receivers:\n- name: {receiver}\n  webhook_configs:\n  - url: {url}\n- name: mail\n"
    compared.server.add(alert())
    await compared.look(2)
    assert bool(await compared.firing()) == appears


@on_sqlite
async def test_a_heartbeat_in_the_list_is_neither_an_alert_nor_a_beat(
    database: Database, inbox: Inbox, clock: Clock, alert: MakeAlert
) -> None:
    rules = Rules(heartbeats={"watchdog": Heartbeat.model_validate({"alert": ["alertname=Watchdog"], "every": "5m"})})
    pipeline = await Pipeline(database, inbox, clock, rules).prepare()
    server = ListServer(clock)
    async with server.listening(), aiohttp.ClientSession() as session:
        compared = Compared(pipeline, server, session)
        await compared.deliver(alert())
        server.add(alert())
        server.add(alert(alertname="Watchdog"))
        await compared.look(3)
        assert len(await compared.alerts()) == 1


async def test_something_new_is_looked_for_in_the_list_at_once(compared: Compared, alert: MakeAlert) -> None:
    await compared.look()
    assert not await compared.comparison.is_due(compared.clock.now)
    slow = alert()
    await compared.deliver(slow)
    compared.server.add(slow)
    assert await compared.comparison.is_due(compared.clock.now)
    await compared.look()
    assert not await compared.comparison.is_due(compared.clock.now)


@on_sqlite
async def test_a_list_that_cannot_be_read_is_a_failure_to_be_tried_again(compared: Compared) -> None:
    compared.server.alerts["x"] = {"fingerprint": 5}
    with pytest.raises(ToolFailure, match="cannot be read"):
        await compared.look()


@on_sqlite
async def test_grafana_is_asked_under_its_own_path_with_its_token(
    pipeline: Pipeline, clock: Clock, alert: MakeAlert
) -> None:
    server = ListServer(clock, "/api/alertmanager/grafana", "glsa_token")
    async with server.listening(), aiohttp.ClientSession() as session:
        server.add(alert())
        tool = AlertmanagerListing("grafana", "Grafana", f"{server.url}/api/alertmanager/grafana", "glsa_token")
        listing = await tool.listing(session)
    assert [one.labels for one in listing.alerts.values()] == [alert().labels]
