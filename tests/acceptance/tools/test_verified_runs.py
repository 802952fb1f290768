"""Runs that are verified with a real Prometheus and a real Alertmanager, whatever happens to the alerts meanwhile.

Every test has a service of its own; the rollback of its run would leave a file behind.
"""

import asyncio
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import pytest_asyncio

from bot.localslack import LocalSlack
from tests.acceptance.harness import CHANNEL, ON_CALL, Tandem, free_port, runbook, running, until
from tests.acceptance.postgresql_server import postgresql_server
from tests.acceptance.prometheus import Alertmanager, Exporter, alertmanager_telling, dying, needs_prometheus
from tests.acceptance.replica import new_replica

pytestmark = [needs_prometheus, pytest.mark.asyncio(loop_scope="module")]
PATIENCE = 90
LONG = {"within": "15m", "stable_for": "2s"}
SHORT = {"within": "5s", "stable_for": "10s"}
VERIFICATIONS = {
    **dict.fromkeys(("inhibited", "joined", "merged", "resolved"), LONG),
    **dict.fromkeys(("hidden", "flapping"), SHORT),
    "checkout": {"within": "1m", "stable_for": "2s"},
    "orders": {"within": "15s", "stable_for": "2s"},
}
FIRST = {
    "inhibited": ("DiskSlow", "warning"),
    "hidden": ("LogsSlow", "warning"),
    "flapping": ("Restarts", "critical"),
    "joined": ("ErrorRate", "critical"),
    "merged": ("CacheMisses", "critical"),
    "resolved": ("Crashes", "critical"),
}
"""What fires before the first test: the name and the severity, by service."""


class Stage(NamedTuple):
    """A bot, and an Alertmanager that tells it what it is told."""

    tandem: Tandem
    alertmanager: Alertmanager

    async def begin(self) -> None:
        """All of this fires, and what may take long is being verified."""
        for service, (name, severity) in FIRST.items():
            await self.tell(name, service, severity)
        long = [service for service, verify in VERIFICATIONS.items() if verify is LONG]
        await asyncio.gather(*map(self.verify, long))

    async def verify(self, service: str) -> None:
        """Approve what is offered for a service, and wait until it is done and being verified."""
        message = await self.tandem.message(f"Restart {service}", "run.approve", seconds=PATIENCE)
        await self.tandem.slack.click(ON_CALL, CHANNEL, message["ts"], "run.approve")
        await self.tandem.message(f"Restart {service}", "verifying", absent="run.approve", seconds=PATIENCE)

    async def tell(self, name: str, service: str, severity: str = "critical", fires: bool = True) -> None:
        await self.alertmanager.tell(fires, alertname=name, service=service, severity=severity, cluster=service)

    async def alert_is(self, status: str, name: str, service: str) -> None:
        """The API shows it so."""

        async def shown() -> bool:
            return status in [
                one["status"]
                for incident in await self.tandem.incidents()
                for one in incident["alerts"]
                if (one["labels"]["alertname"], one["labels"]["service"]) == (name, service)
            ]

        await until(shown, f"{name} on {service} is {status}", PATIENCE)

    async def number(self, name: str) -> int:
        """The number of the open incident that holds an alert."""
        return next(
            int(incident["number"])
            for incident in await self.tandem.incidents()
            if incident["resolved_at"] is None and name in [one["labels"]["alertname"] for one in incident["alerts"]]
        )

    async def command(self, text: str) -> str:
        """Type a command; returns the answer."""
        before = len(self.tandem.slack.ephemerals(ON_CALL))
        await self.tandem.slack.command(ON_CALL, CHANNEL, "/incident", text)

        async def answered() -> bool:
            return len(self.tandem.slack.ephemerals(ON_CALL)) > before

        await until(answered, f"`{text}` is answered", PATIENCE)
        return str(self.tandem.slack.ephemerals(ON_CALL)[-1]["text"])

    async def shows(self, service: str, *parts: str) -> None:
        """What became of a service's run, in the channel."""
        await self.tandem.message(f"Restart {service}", *parts, seconds=PATIENCE)

    def undone(self, service: str) -> bool:
        return _undone(self.tandem.folder, service).exists()


def _undone(folder: Path, service: str) -> Path:
    return folder / f"undone-{service}"


def _config(folder: Path) -> dict[str, Any]:
    return {"runbooks": {service: _runbook(service, _undone(folder, service)) for service in VERIFICATIONS}}


def _runbook(service: str, undone: Path) -> dict[str, Any]:
    undo = {"command": {"argv": [sys.executable, "-c", "import sys; open(sys.argv[1], 'w')", str(undone)]}}
    what = {"title": f"Restart {service}", "when": {"service": service}}
    return runbook("true", **what, verify=VERIFICATIONS[service], rollback=[undo])


@asynccontextmanager
async def _three_replicas(folder: Path, environment: Mapping[str, str]) -> AsyncIterator[Tandem]:
    """Yields the first, to which Alertmanager delivers; Slack's requests reach the second."""
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(postgresql_server())
        slack = await stack.enter_async_context(LocalSlack())
        members = [await new_replica(f"r{i}", folder / f"r{i}", server, slack, environment, stack) for i in (1, 2, 3)]
        for member in members:
            member.tandem.configure(_config(members[0].tandem.folder))
        await members[0].tandem.start()  # alone, as it migrates
        await asyncio.gather(*(member.tandem.start() for member in members[1:]))
        slack.request_url = f"{members[1].tandem.url}/slack/events"
        yield members[0].tandem


def _bot(kind: str, folder: Path, environment: Mapping[str, str]) -> AbstractAsyncContextManager[Tandem]:
    if kind == "sqlite":
        return running(folder, _config(folder), environment=environment)
    return _three_replicas(folder, environment)


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=["sqlite", "three replicas on postgresql"])
async def stage(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    folder, port = tmp_path_factory.mktemp("verified"), free_port()
    environment = {"TANDEM_ALERTMANAGER_URL": f"http://127.0.0.1:{port}"}
    async with (
        _bot(str(request.param), folder, environment) as tandem,
        alertmanager_telling(tandem, port) as alertmanager,
    ):
        stage = Stage(tandem, alertmanager)
        await stage.begin()
        yield stage


class Shop(NamedTuple):
    """What a Prometheus of the test's own watches; closing ``prometheus`` kills it."""

    exporter: Exporter
    prometheus: AsyncExitStack


@pytest_asyncio.fixture(loop_scope="module")
async def shop(stage: Stage, tmp_path: Path) -> AsyncIterator[Shop]:
    async with Exporter() as exporter, dying(exporter, tmp_path, stage.alertmanager) as prometheus:
        yield Shop(exporter, prometheus)


async def test_what_recovers_while_it_is_silenced_in_alertmanager_is_verified(stage: Stage, shop: Shop) -> None:
    shop.exporter.latencies["checkout"] = 2.5
    await stage.verify("checkout")
    matcher = {"name": "service", "value": "checkout", "isRegex": False, "isEqual": True}
    await stage.alertmanager.silence("2036-01-01T00:00:00Z", matcher, createdBy="sre", comment="deploy")
    shop.exporter.latencies["checkout"] = 0.1
    await stage.shows("checkout", "Verified: the alerts have resolved")
    assert not stage.undone("checkout")


async def test_what_recovers_while_a_worse_alert_inhibits_it_is_verified(stage: Stage) -> None:
    await stage.tell("DiskFull", "inhibited", "critical")
    await stage.alert_is("firing", "DiskFull", "inhibited")
    await stage.tell("DiskSlow", "inhibited", "warning", fires=False)
    await stage.shows("inhibited", "Verified", "Later came DiskFull on inhibited", "which does not count")
    assert not stage.undone("inhibited")


async def test_what_goes_on_firing_while_a_worse_alert_inhibits_it_is_not_verified(stage: Stage) -> None:
    await stage.verify("hidden")
    await stage.tell("LogsFull", "hidden", "critical")
    await stage.shows("hidden", "rolled back", "The alerts did not resolve in time: LogsSlow on hidden still fires")
    assert stage.undone("hidden")


async def test_what_ends_and_fires_again_is_not_verified_and_is_named(stage: Stage) -> None:
    await stage.verify("flapping")
    await stage.tell("Restarts", "flapping", fires=False)
    await stage.alert_is("resolved", "Restarts", "flapping")
    await stage.tell("Restarts", "flapping")
    await stage.shows("flapping", "rolled back", "The alerts did not resolve in time: Restarts on flapping still fires")
    assert stage.undone("flapping")


async def test_an_alert_that_joins_the_incident_is_named_and_does_not_count(stage: Stage) -> None:
    await stage.tell("NewVersion", "joined", "info")
    await stage.alert_is("firing", "NewVersion", "joined")
    await stage.tell("ErrorRate", "joined", fires=False)
    await stage.shows("joined", "Verified", "Later came NewVersion on joined", "which does not count")
    assert not stage.undone("joined")


async def test_an_incident_that_is_merged_into_it_is_named_and_does_not_count(stage: Stage) -> None:
    await stage.alertmanager.tell(alertname="MailQueue", service="mail", severity="critical", cluster="merged")
    await stage.alert_is("firing", "MailQueue", "mail")
    verified, other = await stage.number("CacheMisses"), await stage.number("MailQueue")
    assert "wait until it has ended" in await stage.command(f"merge {verified} into {other}")
    assert f"is part of #{verified}" in await stage.command(f"merge {other} into {verified}")
    await stage.tell("CacheMisses", "merged", fires=False)
    await stage.shows("merged", "Verified", "Later came MailQueue on mail", "which does not count")
    assert not stage.undone("merged")


async def test_who_resolves_the_incident_stops_the_verification_and_nothing_is_undone(stage: Stage) -> None:
    await stage.command(f"resolve {await stage.number('Crashes')} anyway")
    await stage.shows("resolved", "stopped", "Stopped: resolved by", "Crashes on resolved still fires")
    await stage.shows("resolved", "Nothing was rolled back.")
    assert not stage.undone("resolved")


async def test_a_prometheus_that_dies_has_verified_nothing(stage: Stage, shop: Shop) -> None:
    shop.exporter.depths["q00"] = 200
    await stage.verify("orders")
    await shop.prometheus.aclose()
    await stage.shows("orders", "failed", "It could not be verified", "no longer comes", "Nothing was rolled back")
    assert not stage.undone("orders")
