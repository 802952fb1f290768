"""Makes README's picture from the real page: ``python -m tests.acceptance.screenshot docs/incident.png``.

It looks best where Debian's fonts-lato and fonts-noto-color-emoji are installed, and is a third of the size where
pngquant is.
"""

import asyncio
import shutil
import subprocess
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from selenium.webdriver import ActionChains

from bot.demo.tools import FOR, Stats, Tool, tools
from tests.acceptance.browser import Browser, chromium
from tests.acceptance.harness import CHANNEL, ON_CALL, Tandem, running, until

VIEWPORT = {"width": 1360, "height": 900, "deviceScaleFactor": 1.5, "mobile": False}
CALM = {"p95_ms": 90, "queue_depth": 0, "contention": 0.05, "accuracy": 0.97}
STARVED = {"p95_ms": 2400, "queue_depth": 37, "contention": 0.82, "accuracy": 0.71}
CONFIG: dict[str, Any] = {
    "services": {"forecast-api": {"depends_on": ["forecast-pool"]}, "forecast-pool": {}},
    "models": {"demand-forecast": {"served_by": "forecast-api"}},
    "runbooks": {
        "scale-forecast-pool": {
            "title": "Scale out the forecast pool",
            "when": {"service": "forecast-pool", "cause": "resource"},
            "steps": [{"command": {"argv": ["supervisorctl", "start", "forecast:*"]}}],
            "rollback": [{"command": {"argv": ["supervisorctl", "stop", "forecast:2", "forecast:3"]}}],
            "verify": {"within": "5m"},
            "approval": {"approvers": [ON_CALL]},
        }
    },
}


async def take(picture: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="tandem-") as name:
        folder = Path(name)
        async with running(folder, CONFIG) as tandem:
            await _starve(tandem)
            with chromium(folder / "chromium") as driver:
                driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", VIEWPORT)
                picture.write_bytes(_with_a_palette(await _photograph(Browser(driver), tandem.slack.url)))


async def _starve(tandem: Tandem) -> None:
    """What the tools of the demo say when a noisy neighbour takes the CPU: first of the pool, then of what needs it."""
    latency, queue, quality = tools()
    await _fire(tandem, queue, CALM | {"contention": STARVED["contention"]}, timedelta(seconds=40))
    for tool in (queue, latency, quality):
        await _fire(tandem, tool, STARVED)
    message = await tandem.message("4 alerts", "run.approve")

    async def told() -> bool:
        return "DemandForecastAccuracyDrop" in str(tandem.slack.replies(CHANNEL, message["ts"]))

    await until(told, "the thread tells of all alerts")
    await tandem.slack.post(ON_CALL, CHANNEL, "On it. The plan looks right to me.", message["ts"])


async def _fire(tandem: Tandem, tool: Tool, stats: Stats, ago: timedelta = timedelta()) -> None:
    at = datetime.now(UTC) - ago
    for moment in (at - FOR, at):
        tool.check(stats, moment)
    status, _ = await tandem.post("/webhooks/alertmanager", tool.delivery())
    assert status == 202
    await tandem.message(*(rule.labels["alertname"] for rule in tool.rules if rule.firing))


async def _photograph(browser: Browser, url: str) -> bytes:
    """The incident with its thread from the beginning, and nothing that the mouse or the focus leaves behind."""
    await browser.open(url)
    await browser.click(".main [data-testid=replies]")
    await browser.see("[data-testid=thread-pane]", "On it.")
    await browser.run("document.querySelector('.thread .count').scrollIntoView()")
    await browser.run("document.activeElement.blur()")
    ActionChains(browser.driver).move_by_offset(5, 5).perform()
    return await asyncio.to_thread(browser.driver.get_screenshot_as_png)


def _with_a_palette(png: bytes) -> bytes:
    program = shutil.which("pngquant")
    return subprocess.run([program, "-"], input=png, stdout=subprocess.PIPE, check=True).stdout if program else png


if __name__ == "__main__":
    asyncio.run(take(Path(sys.argv[1])))
