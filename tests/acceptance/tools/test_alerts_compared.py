"""A real Alertmanager's own list: what ends there without a word, silenced or inhibited or forgotten, ends here."""

import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import aiohttp
import pytest

from tests.acceptance.harness import TOKEN, Tandem, free_port, running, until
from tests.acceptance.prometheus import Alertmanager, alertmanager_telling, needs_alertmanager

pytestmark = needs_alertmanager
PATIENCE = 60


@pytest.fixture
async def tandem(tmp_path: Path) -> AsyncIterator[Tandem]:
    environment = {"TANDEM_ALERTMANAGER_URL": f"http://127.0.0.1:{free_port()}", "TANDEM_ALERTS_EVERY": "1"}
    async with running(tmp_path, {}, environment=environment) as tandem:
        yield tandem


@pytest.fixture
async def alertmanager(tandem: Tandem) -> AsyncIterator[Alertmanager]:
    port = int(tandem.environment["TANDEM_ALERTMANAGER_URL"].rpartition(":")[2])
    async with alertmanager_telling(tandem, port) as alertmanager:
        yield alertmanager


async def tell(alertmanager: Alertmanager, name: str, severity: str, fires: bool = True) -> None:
    await alertmanager.tell(fires, alertname=name, service="cart", severity=severity)


async def seen(tandem: Tandem, count: int) -> None:
    """The bot has seen so many alerts in Alertmanager's list."""

    async def noted() -> bool:
        with closing(sqlite3.connect(tandem.folder / "tandem.db")) as database:
            [(found,)] = database.execute("SELECT count(*) FROM tool_seen WHERE kind = 'alert'")
        return bool(found == count)

    await until(noted, f"{count} alerts were seen in Alertmanager's list", PATIENCE)


async def ended(tandem: Tandem, name: str) -> None:
    """The API shows that the alert is over, and another one is not."""
    headers = {"Authorization": f"Bearer {TOKEN}"}

    async def over() -> bool:
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"{tandem.url}/api/incidents", headers=headers) as answer,
        ):
            [incident] = (await answer.json())["incidents"]
        return [one["labels"]["alertname"] for one in incident["alerts"] if one["status"] == "resolved"] == [name]

    await until(over, f"{name} alone has ended", PATIENCE)


async def test_an_alert_that_ends_while_it_is_silenced_there_is_over_here(
    tandem: Tandem, alertmanager: Alertmanager
) -> None:
    await tell(alertmanager, "DiskFull", "critical")
    await tandem.message("DiskFull", "triggered", seconds=PATIENCE)
    await seen(tandem, 1)
    ends_at = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    matcher = {"name": "alertname", "value": "DiskFull", "isRegex": False, "isEqual": True}
    silence = await alertmanager.silence(ends_at, matcher, createdBy="alice", comment="known")
    await tell(alertmanager, "DiskFull", "critical", fires=False)
    await tandem.message("DiskFull", "resolved after", seconds=PATIENCE)
    await alertmanager.expire(silence)


async def test_a_warning_that_ends_while_it_is_inhibited_there_is_over_here(
    tandem: Tandem, alertmanager: Alertmanager
) -> None:
    await tell(alertmanager, "DiskSlow", "warning")
    await tandem.message("DiskSlow", "triggered", seconds=PATIENCE)
    await tell(alertmanager, "DiskFull", "critical")
    await seen(tandem, 2)
    await tell(alertmanager, "DiskSlow", "warning", fires=False)
    await ended(tandem, "DiskSlow")


async def test_what_fired_there_while_the_bot_was_down_is_shown_though_no_delivery_comes(
    tandem: Tandem, alertmanager: Alertmanager
) -> None:
    await tandem.kill()
    await tell(alertmanager, "DiskFull", "critical")

    async def given_up() -> bool:
        return await alertmanager.given_up() > 0

    await until(given_up, "Alertmanager gives up a delivery", PATIENCE)
    await tandem.start()
    await tandem.message("DiskFull", "triggered", seconds=PATIENCE)
