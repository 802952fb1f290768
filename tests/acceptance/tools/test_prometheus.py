"""A real Prometheus and a real Alertmanager: what fires there is on Slack, and what recovers there is resolved."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.acceptance.harness import CHANNEL, Tandem, running, until
from tests.acceptance.prometheus import MAX_ALERTS, QUEUES, Alertmanager, Exporter, needs_prometheus, watching

PATIENCE = 60
LEFT_OUT = len(QUEUES) - MAX_ALERTS

pytestmark = needs_prometheus


@pytest.fixture
async def tandem(tmp_path: Path) -> AsyncIterator[Tandem]:
    async with running(tmp_path, {}) as tandem:
        yield tandem


@pytest.fixture
async def exporter() -> AsyncIterator[Exporter]:
    async with Exporter() as exporter:
        yield exporter


@pytest.fixture(autouse=True)
async def alertmanager(exporter: Exporter, tandem: Tandem) -> AsyncIterator[Alertmanager]:
    async with watching(exporter, tandem) as alertmanager:
        yield alertmanager


async def test_an_alert_that_fires_is_on_slack_and_its_recovery_resolves_it(tandem: Tandem, exporter: Exporter) -> None:
    exporter.latencies["checkout"] = 2.5
    shown = await tandem.message("HighLatency", "triggered", "checkout answers in 2.5s", seconds=PATIENCE)
    exporter.latencies["checkout"] = 0.1
    final = await tandem.message("HighLatency", "resolved after", seconds=PATIENCE)
    assert (final["ts"], len(tandem.slack.messages(CHANNEL))) == (shown["ts"], 1)


async def test_a_truncated_group_is_one_incident_that_says_how_many_were_left_out_and_resolves_with_it(
    tandem: Tandem, exporter: Exporter
) -> None:
    exporter.depths |= dict.fromkeys(QUEUES, 500)
    shown = await tandem.message(f"{MAX_ALERTS} alerts", f"{LEFT_OUT} more", "left out", seconds=PATIENCE)
    exporter.depths |= dict.fromkeys(QUEUES, 0)
    final = await tandem.message("QueueBacklog", "resolved after", seconds=PATIENCE)
    assert (final["ts"], len(tandem.slack.messages(CHANNEL))) == (shown["ts"], 1)


async def test_a_resolution_that_leaves_alerts_out_does_not_claim_that_those_have_ended(
    tandem: Tandem, exporter: Exporter
) -> None:
    """Alertmanager calls a group resolved when all that it lists has ended, whatever else fires in the group."""
    exporter.depths |= dict.fromkeys(QUEUES, 500)
    await tandem.message(f"{MAX_ALERTS} alerts", "left out", seconds=PATIENCE)
    exporter.depths |= dict.fromkeys(QUEUES[:MAX_ALERTS], 0)
    await tandem.message(f"{LEFT_OUT} more", "does not say whether they have ended", seconds=PATIENCE)


async def test_what_fires_and_what_recovers_while_the_bot_is_down_is_known_once_it_is_back(
    tandem: Tandem, exporter: Exporter, alertmanager: Alertmanager
) -> None:
    exporter.latencies["checkout"] = 2.5
    await tandem.message("HighLatency", "triggered", seconds=PATIENCE)
    await tandem.kill()
    exporter.latencies["checkout"] = 0.1
    exporter.depths["q07"] = 500

    async def missed() -> bool:
        return await alertmanager.active() == {"QueueBacklog"} and await alertmanager.given_up() > 0

    await until(missed, "Alertmanager gives up a delivery", PATIENCE)
    await tandem.start()
    await tandem.message("QueueBacklog", "triggered", "Queue q07 holds 500 jobs", seconds=PATIENCE)
    await tandem.message("HighLatency", "resolved after", seconds=PATIENCE)
    assert len(tandem.slack.messages(CHANNEL)) == 2
