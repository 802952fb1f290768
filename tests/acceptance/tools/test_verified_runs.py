"""Runs that are verified with a real Prometheus and a real Alertmanager, which dies or silences meanwhile."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.acceptance.harness import CHANNEL, ON_CALL, Tandem, free_port, runbook, running
from tests.acceptance.prometheus import Alertmanager, Exporter, dying, needs_prometheus

pytestmark = needs_prometheus
PATIENCE = 90
BOOK = runbook("true", verify={"within": "25s", "stable_for": "4s"}, rollback=[{"command": {"argv": ["true"]}}])


class Stage(NamedTuple):
    """A run that is being verified; closing ``prometheus`` kills it."""

    tandem: Tandem
    exporter: Exporter
    alertmanager: Alertmanager
    prometheus: AsyncExitStack


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    port = free_port()
    environment = {"TANDEM_ALERTMANAGER_URL": f"http://127.0.0.1:{port}"}
    async with (
        Exporter() as exporter,
        running(tmp_path, {"runbooks": {"restart": BOOK}}, environment=environment) as tandem,
        dying(exporter, tandem, port) as prometheus,
    ):
        exporter.latencies["checkout"] = 2.5
        message = await tandem.message("HighLatency", "run.approve", seconds=PATIENCE)
        await tandem.slack.click(ON_CALL, CHANNEL, message["ts"], "run.approve")
        await tandem.message("verifying", absent="run.approve", seconds=PATIENCE)
        yield Stage(tandem, exporter, Alertmanager(port), prometheus)


async def test_a_prometheus_that_dies_has_verified_nothing(stage: Stage) -> None:
    await stage.prometheus.aclose()
    await stage.tandem.message("failed", "It could not be verified", "no longer comes", seconds=PATIENCE)


async def test_what_recovers_while_it_is_silenced_in_alertmanager_is_verified(stage: Stage) -> None:
    matcher = {"name": "alertname", "value": "HighLatency", "isRegex": False, "isEqual": True}
    await stage.alertmanager.silence("2036-01-01T00:00:00Z", matcher, createdBy="sre", comment="deploy")
    stage.exporter.latencies["checkout"] = 0.1
    await stage.tandem.message("Verified: the alerts have resolved", seconds=PATIENCE)
