"""Makes the pictures of the docs from the real page: ``python -m tests.acceptance.screenshot docs/incident.png``.

With ``--telephone FOLDER`` it is the message alone, as wide as a telephone: while it fires, and when it is over. It
looks best where Debian's fonts-lato is installed.
"""

import asyncio
import os
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

from PIL import Image
from selenium.webdriver import ActionChains

from bot.demo.story.teams import ANA, FORECASTING, PEOPLE, PLATFORM, Commands, config
from bot.demo.tools import FOR, Stats, Tool, tools
from bot.localslack import LocalSlack
from tests.acceptance.browser import Browser, chromium
from tests.acceptance.harness import Tandem, until

TELEPHONE = {"width": 390, "height": 844, "deviceScaleFactor": 2, "mobile": True}
VIEWPORT = {"width": 1360, "height": 1080, "deviceScaleFactor": 1.25, "mobile": False}
CALM = {"p95_ms": 90, "queue_depth": 0, "contention": 0.05, "accuracy": 0.97}
STARVED = {"p95_ms": 2400, "queue_depth": 37, "contention": 0.82, "accuracy": 0.71}
COMMANDS = Commands(
    scale_out=["supervisorctl", "start", "forecast:*"],
    scale_in=["supervisorctl", "stop", "forecast:2", "forecast:3"],
    roll_back=["release", "weather-features", "v1"],
)


async def take(picture: Path) -> None:
    async with _starved(VIEWPORT) as (tandem, browser):
        message = await _own(tandem)
        await tandem.slack.post(ANA, PLATFORM, "On it. The plan looks right to me.", message["ts"])
        picture.write_bytes(with_a_palette(await _photograph(browser, tandem.slack.url)))


async def take_on_a_telephone(folder: Path) -> None:
    async with _starved(TELEPHONE) as (tandem, browser):
        await browser.open(tandem.slack.url)
        for name in ("firing", "over"):
            await browser.see(".main [data-testid=message]", "Likely cause")
            await browser.run("document.querySelector('.main .header').scrollIntoView()")
            picture = await asyncio.to_thread(browser.driver.get_screenshot_as_png)
            (folder / f"telephone-{name}.png").write_bytes(with_a_palette(picture))
            if name == "firing":
                await _mend(tandem)


@asynccontextmanager
async def _starved(viewport: Mapping[str, Any]) -> AsyncIterator[tuple[Tandem, Browser]]:
    """The demo's two teams, whose incident is routed, mentions who is on call, and is owned."""
    with tempfile.TemporaryDirectory(prefix="tandem-") as name:
        folder = Path(name)
        _pretend_supervisor(folder)
        async with LocalSlack(channels=(PLATFORM, FORECASTING), users=PEOPLE) as slack:
            tandem = Tandem(folder, slack, config(COMMANDS))
            try:
                await tandem.start()
                await _starve(tandem)
                with chromium(folder / "chromium") as driver:
                    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", dict(viewport))
                    yield tandem, Browser(driver)
            finally:
                await tandem.kill()


def _pretend_supervisor(folder: Path) -> None:
    """What the runbook calls, where there is no supervisor to scale anything out."""
    program = folder / "supervisorctl"
    program.write_text("#!/bin/sh\nexit 0\n", encoding="utf-8")
    program.chmod(0o700)
    os.environ["PATH"] = f"{folder}{os.pathsep}{os.environ['PATH']}"


async def _mend(tandem: Tandem) -> None:
    """It is approved, and the tools say that it is over."""
    message = await _own(tandem)
    await tandem.slack.click(ANA, PLATFORM, message["ts"], "run.approve")
    await _shown(tandem, "verifying")
    for tool in tools():
        at = datetime.now(UTC)
        for stats in (STARVED, CALM):
            for moment in (at - FOR, at):
                tool.check(stats, moment)
        status, _ = await tandem.post("/webhooks/alertmanager", tool.delivery())
        assert status == 202
    await _shown(tandem, "Fixed by")


async def _own(tandem: Tandem) -> dict[str, Any]:
    """Whoever is on call has it."""
    message = await _shown(tandem, "4 alerts", "run.approve")
    await tandem.slack.click(ANA, PLATFORM, message["ts"], "incident.ack")
    return await _shown(tandem, f"acknowledged by <@{ANA}>")


async def _starve(tandem: Tandem) -> None:
    """What the tools of the demo say when a noisy neighbour takes the CPU: first of the pool, then of what needs it."""
    latency, queue, quality = tools()
    await _fire(tandem, queue, CALM | {"contention": STARVED["contention"]}, timedelta(seconds=40))
    for tool in (queue, latency, quality):
        await _fire(tandem, tool, STARVED)
    message = await _shown(tandem, "4 alerts", "run.approve")

    async def told() -> bool:
        return "DemandForecastAccuracyDrop" in str(tandem.slack.replies(PLATFORM, message["ts"]))

    await until(told, "the thread tells of all alerts")


async def _shown(tandem: Tandem, *parts: str) -> dict[str, Any]:
    """The platform team's message, once it shows all of this."""

    async def there() -> bool:
        return any(_holds(message, parts) for message in tandem.slack.messages(PLATFORM))

    await until(there, f"#{PLATFORM} shows {parts}", 120)
    return next(message for message in tandem.slack.messages(PLATFORM) if _holds(message, parts))


def _holds(message: Mapping[str, Any], parts: Sequence[str]) -> bool:
    return all(part in str(message) for part in parts)


async def _fire(tandem: Tandem, tool: Tool, stats: Stats, ago: timedelta = timedelta()) -> None:
    at = datetime.now(UTC) - ago
    for moment in (at - FOR, at):
        tool.check(stats, moment)
    status, _ = await tandem.post("/webhooks/alertmanager", tool.delivery())
    assert status == 202
    await _shown(tandem, *(rule.labels["alertname"] for rule in tool.rules if rule.firing))


async def _photograph(browser: Browser, url: str) -> bytes:
    """The incident with its thread from the beginning, and nothing that the mouse or the focus leaves behind."""
    await browser.open(url)
    await browser.click(".main [data-testid=replies]")
    await browser.see("[data-testid=thread-pane]", "On it.")
    await browser.run("document.querySelector('.thread .count').scrollIntoView()")
    await browser.run("document.querySelector('.main [data-testid=message]').scrollIntoView()")
    await browser.run("document.activeElement.blur()")
    ActionChains(browser.driver).move_by_offset(5, 5).perform()
    return await asyncio.to_thread(browser.driver.get_screenshot_as_png)


def with_a_palette(png: bytes) -> bytes:
    """A picture of a page has few colours: with a palette it is a third of the size."""
    packed = BytesIO()
    Image.open(BytesIO(png)).convert("RGB").quantize(128, dither=Image.Dither.NONE).save(packed, "PNG", optimize=True)
    return packed.getvalue()


if __name__ == "__main__":
    telephone = sys.argv[1] == "--telephone"
    asyncio.run((take_on_a_telephone if telephone else take)(Path(sys.argv[-1])))
