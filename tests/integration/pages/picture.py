"""Makes the picture of the overview: ``python -m tests.integration.pages.picture docs/on-call/overview.png``."""

import asyncio
import sys
import tempfile
from pathlib import Path

from bot.inbox.inbox import open_inbox
from bot.storage.database import open_database
from tests.acceptance.browser import Browser, chromium
from tests.acceptance.screenshot import with_a_palette
from tests.conftest import Clock
from tests.integration.pages.browsers import browser
from tests.integration.pages.story import shop
from tests.integration.pipeline_driver import make_alert

VIEWPORT = {"width": 1120, "height": 1180, "deviceScaleFactor": 1, "mobile": False}


async def take(picture: Path, folder: Path) -> None:
    database = open_database(f"sqlite:///{folder}/tandem.db")
    await database.migrate()
    inbox = open_inbox(database)
    await inbox.prepare(0)
    try:
        clock = Clock()
        story = await shop(database, inbox, clock, make_alert(clock), folder)
        async with browser(story.pipeline, roster=story.roster) as served:
            with chromium(folder / "chromium") as driver:
                driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", VIEWPORT)
                seen = Browser(driver)
                await seen.open(str(served.client.make_url("/")))
                await seen.type("#token", "all-secret")
                await seen.click("main button")
                await seen.see("h1", "Overview")
                picture.write_bytes(with_a_palette(await asyncio.to_thread(driver.get_screenshot_as_png)))
    finally:
        await inbox.close()
        await database.close()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="tandem-") as made:
        asyncio.run(take(Path(sys.argv[-1]), Path(made)))
