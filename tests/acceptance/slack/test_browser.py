"""The real bot as people see it: through the local Slack's page in a real browser."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from selenium.webdriver.common.keys import Keys

from bot.localslack import LocalSlack
from tests.acceptance.browser import Browser, needs_browser
from tests.acceptance.harness import BYSTANDER, ON_CALL, Tandem, alert, runbook, running

pytestmark = needs_browser

LATENCY = {"alertname": "HighForecastLatency", "service": "forecast-api"}
STARVED = {"alertname": "ForecastPoolCPUStarved", "service": "forecast-pool", "severity": "warning"}
APPROVE = ".main [data-action-id='run.approve']"


def _config(folder: Path) -> dict[str, Any]:
    book = runbook(
        *("touch", str(folder / "scaled-out")),
        title="Scale out the forecast pool",
        when={"service": "forecast-pool", "cause": "resource"},
        verify={"within": "1m"},
    )
    return {"services": {"forecast-api": {"depends_on": ["forecast-pool"]}}, "runbooks": {"scale-out": book}}


@pytest.fixture
async def tandem(tmp_path: Path) -> AsyncIterator[Tandem]:
    async with running(tmp_path, _config(tmp_path)) as tandem:
        yield tandem


@pytest.fixture
def slack(tandem: Tandem) -> LocalSlack:
    return tandem.slack


async def _starve(tandem: Tandem, status: str = "firing") -> None:
    assert await tandem.deliver(alert(status, **LATENCY), alert(status, **STARVED)) == 202


async def _answers(browser: Browser, command: str, *parts: str) -> None:
    """Type a command; the answer, seen by nobody else, holds all ``parts``."""
    await browser.type("[data-testid=composer]", command, Keys.ENTER)
    for part in parts:
        await browser.see("[data-testid=ephemeral]", part)


async def test_an_incident_is_seen_approved_and_seen_to_be_over(tandem: Tandem, browser: Browser) -> None:
    await _starve(tandem)
    await browser.see(".main .header", "#1 forecast-pool is short of CPU: forecast-api affected")
    for part in ("triggered", "critical", "2 alerts", "ForecastPoolCPUStarved", "Resource contention on forecast-pool"):
        await browser.see(".main [data-testid=message]", part)
    await browser.see(".main pre", f"touch {tandem.folder / 'scaled-out'}")
    await browser.click(".main [data-testid=replies]")
    await browser.see("[data-testid=thread-pane]", "Proposed: Scale out the forecast pool")

    await browser.click(APPROVE)
    await browser.see(".main [data-testid=message]", "approved by @ana")
    await browser.see(".main [data-testid=message]", "verifying")
    assert (tandem.folder / "scaled-out").exists()

    await _starve(tandem, "resolved")
    await browser.see(".main [data-testid=message]", "succeeded")
    await browser.see(".main .header", "✅ #1")
    await browser.see("[data-testid=thread-pane]", "Resolved: no alert is firing any more")
    await browser.see_no("[data-testid=button]")
    messages = await browser.run("return document.querySelectorAll('.main [data-testid=message]').length")
    assert messages == 1


async def test_a_bystander_is_refused_and_nobody_else_sees_that(tandem: Tandem, browser: Browser) -> None:
    await _starve(tandem)
    await browser.become(BYSTANDER)
    await browser.click(APPROVE)
    await browser.see("[data-testid=ephemeral]", "You may not approve")
    await browser.become(ON_CALL)
    await browser.see_no("[data-testid=ephemeral]")
    await browser.see(APPROVE)
    assert not (tandem.folder / "scaled-out").exists()


async def test_a_click_while_the_bot_is_down_says_so_and_counts_once_it_is_back(
    tandem: Tandem, browser: Browser
) -> None:
    await _starve(tandem)
    await browser.see(APPROVE)
    await tandem.kill()
    await browser.click(APPROVE)
    await browser.see("[data-testid=problem]", "Tandem is not running")
    await tandem.start()
    await browser.click(APPROVE)
    await browser.see(".main [data-testid=message]", "approved by @ana")
    await browser.see_no("[data-testid=problem]")


async def test_a_command_is_answered(tandem: Tandem, browser: Browser) -> None:
    await _answers(browser, "/incident list", "No incident is open")
    await _starve(tandem)
    await browser.see(".main .header")
    await _answers(browser, "/incident list", "#1 forecast-pool is short of CPU", "triggered for")
    await _answers(browser, "/incident ack 1", "Incident #1 is yours")
    await browser.see(".main [data-testid=message]", "acknowledged by @ana")


async def test_a_silence_is_filled_in_corrected_and_holds(tandem: Tandem, browser: Browser) -> None:
    await browser.type("[data-testid=composer]", "/incident silence", Keys.ENTER)
    await browser.type("[data-block-id=duration] input", "soon")
    await browser.type("[data-block-id=matchers] textarea", "service=forecast-api")
    await browser.click("[data-testid=modal-submit]")
    await browser.see("[data-block-id=duration] [data-testid=input-error]", "is no duration")
    await browser.type("[data-block-id=duration] input", Keys.CONTROL, "a", Keys.NULL, "2h")
    await browser.click("[data-testid=modal-submit]")
    await browser.see_no("[data-testid=modal]")
    await browser.see("[data-testid=ephemeral]", 'Silenced service="forecast-api"')

    await _starve(tandem)
    await browser.see(".main .header", "forecast-pool is short of CPU")
    assert [alert["labels"]["alertname"] for alert in (await tandem.incidents())[0]["alerts"]] == [STARVED["alertname"]]
